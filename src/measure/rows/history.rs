//! `history.csv`: a training, epoch by epoch.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// One epoch of a training, or the part of one that a run ended in; epoch 0 is the state before training.
///
/// Accuracies and losses are of the opened model, the baseline's of the plain float network from the same initial
/// weights and batches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Number of the epoch.
    pub epoch: u64,
    /// Time of all steps and tests of the model so far, without set-up, evaluation or twin.
    pub seconds: f64,
    /// Loss over the training part; empty, as are all losses and accuracies here, when the data came encrypted.
    pub train_loss: Option<f64>,
    /// Share of the training part that is classified rightly, 0 to 1.
    pub train_accuracy: Option<f64>,
    /// Loss over the test part.
    pub test_loss: Option<f64>,
    /// Share of the test part that is classified rightly, 0 to 1.
    pub test_accuracy: Option<f64>,
    /// The same share for the plain float network.
    pub baseline_test_accuracy: Option<f64>,
    /// Bytes that P1 sent in this epoch's steps and the test of the model after them.
    pub bytes_p1_to_p2: u64,
    /// Bytes that P2 sent in the same.
    pub bytes_p2_to_p1: u64,
    /// Round trips of the same.
    pub round_trips: u64,
    /// Steps (minibatches) from the start of the training to this row.
    pub steps: Option<u64>,
    /// Loss of the plain float network over the training part.
    pub baseline_train_loss: Option<f64>,
    /// Accuracy of the plain float network over the training part.
    pub baseline_train_accuracy: Option<f64>,
    /// Loss of the plain float network over the test part.
    pub baseline_test_loss: Option<f64>,
    /// Mean loss of this epoch's steps, each with the weights before it, as it came back encrypted: known whether or not
    /// the data were in the clear. Empty for epoch 0.
    pub running_loss: Option<f64>,
}

impl CsvRow for HistoryRow {
    const FILE_NAME: &'static str = "history.csv";
    const COLUMNS: &'static [&'static str] = &[
        "epoch",
        "seconds",
        "train_loss",
        "train_accuracy",
        "test_loss",
        "test_accuracy",
        "baseline_test_accuracy",
        "bytes_p1_to_p2",
        "bytes_p2_to_p1",
        "round_trips",
    ];
    const ADDED_COLUMNS: &'static [&'static str] =
        &["steps", "baseline_train_loss", "baseline_train_accuracy", "baseline_test_loss", "running_loss"];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        record.deserialize(Some(header))
    }
}
