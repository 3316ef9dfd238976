//! `summary.json`: a whole training in one object.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::error::MeasureError;
use super::machine::MachineFacts;
use super::units::format_seconds;
use crate::container::write_atomic;
use crate::error::Error;

/// A job's parameters as they stand in a file, by name.
pub type SummaryParameters = Map<String, Value>;

/// A training from its parameters to its figures. `P` is the job's configuration, whose fields stand at the top level
/// beside the figures and must not share a name with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary<P = SummaryParameters> {
    /// Every parameter of the job.
    #[serde(flatten)]
    pub parameters: P,
    /// Steps that ran.
    pub steps: u64,
    /// Median time of a step, its randomness included; NaN (null in the file) before the first step is done.
    #[serde(deserialize_with = "nan_from_null")]
    pub step_ms_median: f64,
    /// Time of every step in order.
    pub step_ms_all: Vec<f64>,
    /// Time of a step by phase: the mean over the steps, so that the phases add up to the mean step.
    pub phase_ms: BTreeMap<String, f64>,
    /// Traffic of the steps, both ways together, without the tests of the model that the history counts beside them; 0 where
    /// nobody counted.
    #[serde(default)]
    pub step_bytes: u64,
    /// Time of a step by kind of work, for each server's thread by its name: means over the steps. Empty where the protocol
    /// does not tell kinds apart.
    #[serde(default)]
    pub work_ms: BTreeMap<String, BTreeMap<String, f64>>,
    /// Time of the steps of each epoch in order, and of the test of the model after them.
    pub epoch_seconds: Vec<f64>,
    /// Time of the servers' tests of the model against its bound, all together; 0 where comparisons leave no test.
    #[serde(default)]
    pub model_test_seconds: f64,
    /// Time before the first step: keys, tables, encryption and upload of the data; and of encryption that comes later.
    pub setup_seconds: f64,
    /// Traffic before the first step, and of static ciphertexts whenever they are made.
    pub setup_bytes: u64,
    /// Ciphertexts that the servers made once for each batch and kept, both servers together.
    #[serde(default)]
    pub static_bytes: u64,
    /// Time spent on evaluating the opened model and on classifying under encryption.
    pub evaluation_seconds: f64,
    /// Randomisers that lay ready when the clock started.
    pub pool_level_start: u64,
    /// Randomisers that were ready when they were needed.
    pub pool_hits: u64,
    /// Randomisers that had to be made at once.
    pub pool_misses: u64,
    /// Accuracy over the training part at the end, 0 to 1; NaN (null in the file) when the data came encrypted.
    #[serde(deserialize_with = "nan_from_null")]
    pub final_train_accuracy: f64,
    /// Accuracy over the test part at the end, 0 to 1; absent when there is no test part.
    pub final_test_accuracy: Option<f64>,
    /// The same for the plain float network.
    pub final_baseline_test_accuracy: Option<f64>,
    /// Whether the run equals the integer twin bit for bit; absent when the twin did not run.
    pub twin_equal: Option<bool>,
    /// Largest resident memory of the process; absent where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// The machine it ran on.
    pub machine: MachineFacts,
    /// The commit of smlp, or `unknown`.
    pub commit: String,
}

impl<P> Summary<P> {
    /// Name of the file inside an output folder.
    pub const FILE_NAME: &'static str = "summary.json";
}

impl<P: Serialize> Summary<P> {
    /// Writes the file atomically.
    ///
    /// # Errors
    /// If the file cannot be written, or the parameters are no JSON object.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(|error| format_error(path, &error))?;
        bytes.push(b'\n');
        write_atomic(path, &bytes, false)
    }
}

impl<P: DeserializeOwned> Summary<P> {
    /// Reads the file.
    ///
    /// # Errors
    /// If it cannot be read, is no JSON, or lacks a field; the message names line and column.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| Error::file(path, source))?;
        Ok(serde_json::from_slice(&bytes).map_err(|error| format_error(path, &error))?)
    }
}

/// JSON has no NaN: it is written as null.
fn nan_from_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// The time of a whole epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochTime {
    /// Time of the epoch's steps.
    pub seconds: f64,
    /// Steps that were timed.
    pub measured_steps: u64,
    /// Steps of an epoch.
    pub steps_per_epoch: u64,
}

impl EpochTime {
    /// Whether fewer steps were timed than an epoch has.
    pub fn is_extrapolated(&self) -> bool {
        self.measured_steps < self.steps_per_epoch
    }
}

impl fmt::Display for EpochTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_seconds(self.seconds))?;
        if self.is_extrapolated() {
            write!(f, ", extrapolated from {} of {} steps", self.measured_steps, self.steps_per_epoch)?;
        }
        Ok(())
    }
}

impl Summary {
    /// The time of an epoch at the median step; none if the parameters do not tell how many steps an epoch has.
    pub fn epoch_time(&self) -> Option<EpochTime> {
        let number = |name: &str| self.parameters.get(name).and_then(Value::as_u64);
        let (rows, batch) = (number("train_rows")?, number("batch").filter(|batch| *batch > 0)?);
        let drop_last = self.parameters.get("drop_last").and_then(Value::as_bool)?;
        let steps_per_epoch = if drop_last { rows / batch } else { rows.div_ceil(batch) };
        let seconds = self.step_ms_median * 1e-3 * steps_per_epoch as f64;
        (self.steps > 0).then_some(EpochTime { seconds, measured_steps: self.steps, steps_per_epoch })
    }
}

fn format_error(path: &Path, error: &serde_json::Error) -> MeasureError {
    MeasureError::Format { path: path.into(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Job {
        key_bits: u32,
        layers: Vec<u32>,
        seed: Option<u64>,
    }

    fn summary() -> Summary<Job> {
        Summary {
            parameters: Job { key_bits: 2048, layers: vec![2, 8, 2], seed: None },
            steps: 2,
            step_ms_median: 1.0 / 3.0,
            step_ms_all: vec![0.1 + 0.2, 1.0 / 3.0],
            step_bytes: 9,
            phase_ms: BTreeMap::from([("forward".to_owned(), 0.3)]),
            work_ms: BTreeMap::from([("P1".to_owned(), BTreeMap::from([("waiting".to_owned(), 0.1)]))]),
            epoch_seconds: vec![0.000_6],
            model_test_seconds: 0.0001,
            setup_seconds: 1.5,
            static_bytes: 0,
            setup_bytes: 7,
            evaluation_seconds: 0.25,
            pool_level_start: 0,
            pool_hits: 5,
            pool_misses: 6,
            final_train_accuracy: 1.0,
            final_test_accuracy: None,
            final_baseline_test_accuracy: Some(0.5),
            twin_equal: Some(true),
            peak_memory_bytes: None,
            machine: MachineFacts::collect(),
            commit: "unknown".to_owned(),
        }
    }

    #[test]
    fn a_summary_comes_back_typed_or_by_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Summary::<Job>::FILE_NAME);
        summary().write(&path).unwrap();
        assert_eq!(Summary::<Job>::read(&path).unwrap(), summary());
        let by_names: Summary = Summary::read(&path).unwrap();
        assert_eq!(by_names.parameters.keys().collect::<Vec<_>>(), ["key_bits", "layers", "seed"]);
        let object: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for field in [
            "steps",
            "step_ms_median",
            "step_ms_all",
            "step_bytes",
            "phase_ms",
            "work_ms",
            "epoch_seconds",
            "model_test_seconds",
            "setup_seconds",
            "setup_bytes",
            "evaluation_seconds",
            "pool_level_start",
            "pool_hits",
            "pool_misses",
            "twin_equal",
            "peak_memory_bytes",
            "machine",
            "commit",
            "key_bits",
        ] {
            assert!(object.get(field).is_some(), "{field}");
        }
    }

    #[test]
    fn what_is_not_known_yet_comes_back_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Summary::<Job>::FILE_NAME);
        Summary { step_ms_median: f64::NAN, final_train_accuracy: f64::NAN, ..summary() }.write(&path).unwrap();
        let read = Summary::<Job>::read(&path).unwrap();
        assert!(read.step_ms_median.is_nan() && read.final_train_accuracy.is_nan());
    }

    #[test]
    fn a_broken_summary_is_refused_by_line_and_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        for text in ["", "[1]", "{\"steps\": \"many\"}", "{\"steps\": 1}"] {
            fs::write(&path, text).unwrap();
            let error = Summary::<SummaryParameters>::read(&path).unwrap_err();
            assert!(error.to_string().contains("summary.json"), "{error}");
            assert_eq!(error.exit_code(), 3);
        }
    }
}
