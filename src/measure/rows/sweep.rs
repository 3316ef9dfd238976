//! `sweep.csv` and `samples.csv`: what a training step costs, a row a combination and a row a step.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// The combination that a sweep's row is about: equal keys are the same measurement, which a resumed sweep skips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepKey {
    /// Data set, as `majority:10`.
    pub data: String,
    /// `element` or `packed`.
    pub protocol: String,
    /// `blinded` or `dgk`.
    pub comparison: String,
    /// Engine that did the arithmetic.
    pub engine: String,
    /// Length of the servers' keys.
    pub key_bits: u32,
    /// Neurons of every layer, input first, joined by `-`, as `30-16-2`.
    pub layers: String,
    /// Neurons of a hidden layer.
    pub hidden: u64,
    /// Hidden layers.
    pub depth: u64,
    /// Samples of a step.
    pub batch: u64,
    /// Threads that both servers share.
    pub threads: u64,
    /// Statistical security of the masks, in bits.
    pub sigma: u32,
    /// Fractional bits of the fixed-point numbers.
    pub fraction_bits: u32,
    /// Round-trip time that the channel simulates; 0 in memory.
    pub rtt_ms: f64,
}

/// How a combination ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", rename_all = "snake_case")]
pub enum SweepStatus {
    /// All steps ran.
    Done,
    /// A step ended in an error; the reason tells which.
    Failed,
    /// The combination cannot run, as a key too short for the bounds; the reason tells why.
    Skipped,
}

impl TryFrom<String> for SweepStatus {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let all = [SweepStatus::Done, SweepStatus::Failed, SweepStatus::Skipped];
        let known = all.into_iter().find(|status| status.word() == word);
        known.ok_or_else(|| format!("column status: {word:?} is none of done, failed and skipped"))
    }
}

impl SweepStatus {
    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            SweepStatus::Done => "done",
            SweepStatus::Failed => "failed",
            SweepStatus::Skipped => "skipped",
        }
    }
}

/// What was measured for a combination; figures are absent where it did not run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepOutcome {
    /// How it ended.
    pub status: SweepStatus,
    /// Why it did not run to the end.
    pub reason: Option<String>,
    /// Steps that ran.
    pub steps: u64,
    /// Median time of a step.
    pub step_ms_median: Option<f64>,
    /// Shortest step.
    pub step_ms_min: Option<f64>,
    /// Longest step.
    pub step_ms_max: Option<f64>,
    /// Traffic of a step, both ways together.
    pub bytes_per_step: Option<f64>,
    /// Round trips of a step.
    pub round_trips_per_step: Option<f64>,
    /// Share of the test part that the opened model classifies rightly, 0 to 1.
    pub test_accuracy: Option<f64>,
    /// The same share for the plain float network.
    pub baseline_test_accuracy: Option<f64>,
}

/// A combination and what was measured for it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SweepRow {
    /// The combination.
    pub key: SweepKey,
    /// The figures.
    pub outcome: SweepOutcome,
}

impl CsvRow for SweepRow {
    const FILE_NAME: &'static str = "sweep.csv";
    const COLUMNS: &'static [&'static str] = &[
        "data",
        "protocol",
        "comparison",
        "engine",
        "key_bits",
        "layers",
        "hidden",
        "depth",
        "batch",
        "threads",
        "sigma",
        "fraction_bits",
        "rtt_ms",
        "status",
        "reason",
        "steps",
        "step_ms_median",
        "step_ms_min",
        "step_ms_max",
        "bytes_per_step",
        "round_trips_per_step",
        "test_accuracy",
        "baseline_test_accuracy",
    ];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        Ok(SweepRow { key: record.deserialize(Some(header))?, outcome: record.deserialize(Some(header))? })
    }
}

/// Time of one step of one combination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SampleRow {
    /// The combination.
    pub key: SweepKey,
    /// The step and its time.
    pub sample: StepSample,
}

/// The time of one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepSample {
    /// Number of the step, from 1.
    pub step: u64,
    /// Its time.
    pub step_ms: f64,
}

impl CsvRow for SampleRow {
    const FILE_NAME: &'static str = "samples.csv";
    const COLUMNS: &'static [&'static str] = &[
        "data",
        "protocol",
        "comparison",
        "engine",
        "key_bits",
        "layers",
        "hidden",
        "depth",
        "batch",
        "threads",
        "sigma",
        "fraction_bits",
        "rtt_ms",
        "step",
        "step_ms",
    ];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        Ok(SampleRow { key: record.deserialize(Some(header))?, sample: record.deserialize(Some(header))? })
    }
}
