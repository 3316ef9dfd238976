//! `history.csv`, `summary.json` and the closing table of a training.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use smlp::arith::{ConstantTime, Engine, EngineKind};
use smlp::error::Error;
use smlp::measure::machine::{self, MachineFacts};
use smlp::measure::rows::HistoryRow;
use smlp::measure::units::{format_bytes, format_ms, format_seconds, format_share};
use smlp::measure::{CsvRow, Summary, statistics, write_rows};
use smlp::protocol::config::JobConfig;
use smlp::protocol::schedule::Answer;
use smlp::train::{Ending, EpochFigures, Outcome, TrainingRecord};

use super::args::Args;
use crate::cli::output::print_facts;

/// Every parameter of a training, under the names of its flags.
#[derive(Debug, Serialize)]
pub struct TrainParameters {
    #[serde(flatten)]
    pub config: JobConfig,
    pub engine: EngineKind,
    pub threads: usize,
    pub constant_time: ConstantTime,
    /// Absent without `--seed`.
    pub seed: Option<u64>,
    pub test_split: f64,
    pub classify_rows: usize,
    pub max_seconds: Option<f64>,
    pub min_epochs: u64,
    pub twin: bool,
    pub pool_producers: usize,
    /// Names of the classes by label; absent when the rows came encrypted.
    pub class_names: Option<Vec<String>>,
    /// `training` in files that a running training wrote; then `completed`, `out_of_time` or `stopped`.
    pub status: &'static str,
    /// Test rows that the encrypted classification at the end got right, and whether its labels or scores are the twin's.
    pub classified_correct: Option<usize>,
    pub classified_equal: Option<bool>,
}

impl TrainParameters {
    /// From the flags, while the training runs.
    pub fn new(args: &Args, engine: &Engine, config: JobConfig, class_names: Option<Vec<String>>) -> Self {
        TrainParameters {
            config,
            engine: engine.kind(),
            threads: engine.threads(),
            constant_time: engine.constant_time(),
            seed: args.seed,
            test_split: args.test_split,
            classify_rows: 0,
            max_seconds: args.job.max_seconds,
            min_epochs: args.job.min_epochs,
            twin: args.twin,
            pool_producers: args.pool_producers,
            class_names,
            status: "training",
            classified_correct: None,
            classified_equal: None,
        }
    }

    /// With what became of it.
    pub fn ended(self, outcome: &Outcome) -> Self {
        let classified = outcome.classified.as_ref();
        TrainParameters {
            config: outcome.config.clone(),
            classify_rows: classified.map_or(0, |classified| classified.rows),
            status: match outcome.ending {
                Ending::Completed => "completed",
                Ending::OutOfTime => "out_of_time",
                Ending::Stopped => "stopped",
            },
            classified_correct: classified.map(|classified| classified.correct),
            classified_equal: classified.map(|classified| classified.equal_to_twin),
            ..self
        }
    }
}

/// Writes both files into `folder`.
pub fn write(folder: &Path, parameters: &TrainParameters, record: &TrainingRecord) -> Result<(), Error> {
    let rows: Vec<HistoryRow> = record.epochs.iter().map(row).collect();
    write_rows(&folder.join(HistoryRow::FILE_NAME), &rows)?;
    summary(parameters, record).write(&folder.join(Summary::<TrainParameters>::FILE_NAME))
}

fn row(figures: &EpochFigures) -> HistoryRow {
    HistoryRow {
        epoch: figures.epoch,
        seconds: figures.seconds,
        train_loss: known(figures.train_loss),
        train_accuracy: known(figures.train_accuracy),
        test_loss: known(figures.test_loss),
        test_accuracy: known(figures.test_accuracy),
        baseline_test_accuracy: known(figures.baseline_test_accuracy),
        bytes_p1_to_p2: figures.traffic.bytes_sent,
        bytes_p2_to_p1: figures.traffic.bytes_received,
        round_trips: figures.traffic.round_trips,
        steps: Some(figures.steps),
        baseline_train_loss: known(figures.baseline_train_loss),
        baseline_train_accuracy: known(figures.baseline_train_accuracy),
        baseline_test_loss: known(figures.baseline_test_loss),
        running_loss: figures.running_loss,
    }
}

fn summary<'a>(parameters: &'a TrainParameters, record: &TrainingRecord) -> Summary<&'a TrainParameters> {
    let step_ms_all: Vec<f64> = record.steps.iter().copied().map(milliseconds).collect();
    let steps = step_ms_all.len().max(1) as f64;
    let phase = |(name, total): &(&'static str, Duration)| ((*name).to_owned(), milliseconds(*total) / steps);
    let parties = record.work.iter().flat_map(|work| ["P1", "P2"].into_iter().zip(work));
    let work_ms =
        parties.map(|(party, times)| (party.to_owned(), times.by_name().map(|kind| phase(&kind)).collect())).collect();
    let last = record.epochs.last();
    let (pool_hits, pool_misses) = record.pool_counts;
    Summary {
        parameters,
        steps: record.steps.len() as u64,
        step_ms_median: statistics::median(&step_ms_all).unwrap_or(f64::NAN),
        step_ms_all,
        step_bytes: record.step_bytes,
        phase_ms: record.phases.iter().map(phase).collect(),
        work_ms,
        epoch_seconds: record.epoch_times.iter().map(Duration::as_secs_f64).collect(),
        model_test_seconds: record.model_test.as_secs_f64(),
        setup_seconds: record.setup.as_secs_f64(),
        setup_bytes: record.setup_bytes,
        static_bytes: record.static_bytes,
        evaluation_seconds: record.evaluation.as_secs_f64(),
        pool_level_start: record.pool_level_start as u64,
        pool_hits,
        pool_misses,
        final_train_accuracy: last.map_or(f64::NAN, |last| last.train_accuracy),
        final_test_accuracy: last.and_then(|last| known(last.test_accuracy)),
        final_baseline_test_accuracy: last.and_then(|last| known(last.baseline_test_accuracy)),
        twin_equal: record.twin_equal,
        peak_memory_bytes: machine::peak_memory_bytes(),
        machine: MachineFacts::collect(),
        commit: machine::commit(),
    }
}

/// The closing table.
pub fn print(folder: &Path, outcome: &Outcome) -> Result<(), Error> {
    let record = &outcome.record;
    let mut facts = vec![
        ("steps", record.steps.len().to_string()),
        ("time of the steps", format_seconds(record.steps.iter().sum::<Duration>().as_secs_f64())),
        ("traffic of the training", format_bytes(traffic(record) as f64)),
    ];
    if !record.model_test.is_zero() {
        facts.insert(2, ("time of the model tests", format_seconds(record.model_test.as_secs_f64())));
    }
    let milliseconds: Vec<f64> = record.steps.iter().copied().map(milliseconds).collect();
    if let Some(median) = statistics::median(&milliseconds) {
        facts.insert(1, ("median step", format_ms(median)));
    }
    if let Some(last) = record.epochs.last() {
        if let Some(loss) = last.running_loss {
            facts.push(("loss of the last epoch", loss.to_string()));
        }
        if last.test_accuracy.is_finite() {
            facts.push(("train accuracy", format_share(last.train_accuracy)));
            facts.push(("test accuracy", format_share(last.test_accuracy)));
            facts.push(("plain float, test", format_share(last.baseline_test_accuracy)));
        }
    }
    if let Some(classified) = &outcome.classified {
        let equal = match (classified.answer, classified.equal_to_twin) {
            (Answer::Labels, true) => "labels as computed in the clear",
            (Answer::Labels, false) => "LABELS DIFFER",
            (Answer::Scores, true) => "scores as computed in the clear",
            (Answer::Scores, false) => "SCORES DIFFER",
        };
        facts.push(("classified encrypted", format!("{} of {} right, {equal}", classified.correct, classified.rows)));
    }
    if let Some(equal) = record.twin_equal {
        facts.push(("integer twin", if equal { "equal bit for bit" } else { "DIFFERENT" }.to_owned()));
    }
    facts.push(("written to", folder.display().to_string()));
    print_facts(&facts)
}

fn traffic(record: &TrainingRecord) -> u64 {
    record.epochs.iter().map(|epoch| epoch.traffic.bytes_sent + epoch.traffic.bytes_received).sum()
}

fn known(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
