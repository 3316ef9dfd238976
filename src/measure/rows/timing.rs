//! `timing.csv`: does the time of an operation tell two classes of secrets apart?

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// Welch's t of one operation, a fixed secret against random ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimingRow {
    /// What was timed, as `decrypt`.
    pub operation: String,
    /// Engine that did the work.
    pub engine: String,
    /// `default` or `strict`.
    pub constant_time: String,
    /// Length of the key.
    pub key_bits: u32,
    /// Times taken, of both classes together.
    pub samples: u64,
    /// The largest of the t statistics, by magnitude, over the shares of samples that are kept.
    pub t: f64,
    /// True for the positive control, whose time does depend on the exponent.
    pub control: bool,
}

impl TimingRow {
    /// Magnitudes of t from here on count as a difference, as in dudect (Reparaz, Balasch, Verbauwhede 2017).
    pub const THRESHOLD: f64 = 4.5;

    /// Whether the two classes differ in time.
    pub fn is_flagged(&self) -> bool {
        // What is not a number shows no evenness.
        self.t.is_nan() || self.t.abs() >= Self::THRESHOLD
    }
}

impl CsvRow for TimingRow {
    const FILE_NAME: &'static str = "timing.csv";
    const COLUMNS: &'static [&'static str] =
        &["operation", "engine", "constant_time", "key_bits", "samples", "t", "control"];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        record.deserialize(Some(header))
    }
}
