//! What a training step costs over combinations of key length, layer width, engine and threads.
//!
//! Each combination trains for the same few steps. Rows and raw samples are written as soon as they are there, so that
//! a sweep that was stopped goes on where it stopped; combinations that failed are tried again.

mod combination;
mod job;
mod record;

use std::path::Path;
use std::time::Duration;

pub use combination::{Combination, combinations};
pub use record::COMMON_FILE_NAME;

use super::rows::{SampleRow, StepSample, SweepKey, SweepOutcome, SweepRow, SweepStatus};
use super::statistics::Spread;
use crate::arith::{ConstantTime, EngineKind};
use crate::data::DataSpec;
use crate::error::Error;
use crate::net::Traffic;
use crate::paillier::KeyForm;
use crate::protocol::config::{Comparison, Protocol};
use crate::train::{self, Event, Outcome};
use job::Workshop;
use record::Record;

/// What to vary, and what stays the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Data set.
    pub data: DataSpec,
    /// Class column of a CSV file.
    pub target: String,
    /// Share of the rows that are held back.
    pub test_split: f64,
    /// Draws the split, the batches, and as an experiment the weights and masks.
    pub seed: u64,
    /// Protocols.
    pub protocols: Vec<Protocol>,
    /// Comparisons; none for each protocol's own.
    pub comparisons: Vec<Comparison>,
    /// Engines.
    pub engines: Vec<EngineKind>,
    /// How strictly secrets are kept from the clock.
    pub constant_time: ConstantTime,
    /// Threads that both servers share; 0 for all cores.
    pub threads: Vec<usize>,
    /// Lengths of the servers' key.
    pub key_bits: Vec<u32>,
    /// Form of the servers' keys.
    pub key_form: KeyForm,
    /// Widths of each hidden layer.
    pub hidden: Vec<usize>,
    /// Numbers of hidden layers.
    pub depth: Vec<usize>,
    /// Steps of a combination.
    pub steps: u64,
    /// Rows of a batch.
    pub batch_rows: usize,
    /// Step size of the gradient descent.
    pub learning_rate: f64,
    /// Leaves an incomplete last batch out.
    pub drop_last: bool,
    /// Fractional bits of the numbers.
    pub fraction_bits: u32,
    /// Statistical parameter of the masks.
    pub sigma: u32,
}

/// Is told how far the sweep is.
pub trait Observer {
    /// A combination of `total` starts, or was found done.
    fn combination(&mut self, index: usize, total: usize, key: &SweepKey);
    /// A step of the current combination is done.
    fn step(&mut self, elapsed: Duration);
    /// The current combination is measured, or failed.
    fn row(&mut self, row: &SweepRow);
}

/// How a sweep went.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tally {
    /// Combinations that an earlier sweep had measured.
    pub resumed: usize,
    /// Combinations that this sweep measured.
    pub measured: usize,
    /// Combinations that failed or cannot run.
    pub without_figures: usize,
    /// The rows of all combinations, in order.
    pub rows: Vec<SweepRow>,
}

/// Measures every combination that `folder` does not have yet.
///
/// # Errors
/// If the data or the folder's files are unusable. A combination that fails is a row, not an error.
pub fn run(settings: &Settings, folder: &Path, observer: &mut dyn Observer) -> Result<Tally, Error> {
    let mut workshop = Workshop::open(settings)?;
    let mut record = Record::open(folder, settings)?;
    let combinations = combinations(settings);
    let mut tally = Tally::default();
    for (index, combination) in combinations.iter().enumerate() {
        let key = workshop.key(combination);
        observer.combination(index, combinations.len(), &key);
        let row = match record.finished(&key, settings.steps) {
            Some(row) => {
                tally.resumed += 1;
                row.clone()
            }
            None => {
                let (row, samples) = measure(&mut workshop, combination, key, observer);
                record.replace(row.clone(), samples)?;
                match row.outcome.status {
                    SweepStatus::Done => tally.measured += 1,
                    _ => tally.without_figures += 1,
                }
                observer.row(&row);
                row
            }
        };
        tally.rows.push(row);
    }
    Ok(tally)
}

fn measure(
    workshop: &mut Workshop<'_>,
    combination: &Combination,
    key: SweepKey,
    observer: &mut dyn Observer,
) -> (SweepRow, Vec<SampleRow>) {
    let mut clock = StepClock { observer, step_ms: Vec::new(), traffic: Traffic::default() };
    let result = workshop.job(combination).and_then(|job| train::run(job, &mut clock));
    let outcome = match result {
        Ok(trained) => figures(&clock, &trained),
        Err(error) => without_figures(&clock, &error),
    };
    let sample = |(index, step_ms): (usize, &f64)| SampleRow {
        key: key.clone(),
        sample: StepSample { step: index as u64 + 1, step_ms: *step_ms },
    };
    let samples = clock.step_ms.iter().enumerate().map(sample).collect();
    (SweepRow { key, outcome }, samples)
}

fn figures(clock: &StepClock<'_>, trained: &Outcome) -> SweepOutcome {
    let spread = Spread::of(&clock.step_ms);
    let steps = clock.step_ms.len();
    let per_step = |total: u64| (steps > 0).then(|| total as f64 / steps as f64);
    let last = trained.record.epochs.last();
    SweepOutcome {
        status: SweepStatus::Done,
        reason: None,
        steps: steps as u64,
        step_ms_median: spread.map(|spread| spread.median),
        step_ms_min: spread.map(|spread| spread.min),
        step_ms_max: spread.map(|spread| spread.max),
        bytes_per_step: per_step(clock.traffic.bytes_sent + clock.traffic.bytes_received),
        round_trips_per_step: per_step(clock.traffic.round_trips),
        test_accuracy: last.map(|epoch| epoch.test_accuracy),
        baseline_test_accuracy: last.map(|epoch| epoch.baseline_test_accuracy),
    }
}

/// A combination that contradicts itself was skipped; any other error is a failure.
fn without_figures(clock: &StepClock<'_>, error: &Error) -> SweepOutcome {
    let cannot_run = error.exit_code() == 2;
    SweepOutcome {
        status: if cannot_run { SweepStatus::Skipped } else { SweepStatus::Failed },
        reason: Some(error.to_string()),
        steps: clock.step_ms.len() as u64,
        step_ms_median: None,
        step_ms_min: None,
        step_ms_max: None,
        bytes_per_step: None,
        round_trips_per_step: None,
        test_accuracy: None,
        baseline_test_accuracy: None,
    }
}

/// Notes time and traffic of each step.
struct StepClock<'a> {
    observer: &'a mut dyn Observer,
    step_ms: Vec<f64>,
    traffic: Traffic,
}

impl train::Observer for StepClock<'_> {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Step { elapsed, traffic, .. } = event {
            self.step_ms.push(elapsed.as_secs_f64() * 1e3);
            self.traffic.bytes_sent += traffic.bytes_sent;
            self.traffic.bytes_received += traffic.bytes_received;
            self.traffic.round_trips += traffic.round_trips;
            self.observer.step(elapsed);
        }
    }
}
