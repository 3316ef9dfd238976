//! `primitives.csv`: what one operation costs.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// One operation on one engine at one key length and batch size; times are of a single operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimitiveRow {
    /// What was timed, as `encrypt_public`.
    pub operation: String,
    /// Engine that did the work.
    pub engine: String,
    /// `constant`, `fixed_sequence` or `vartime`.
    pub timing_class: String,
    /// Length of the key.
    pub key_bits: u32,
    /// Operations submitted together.
    pub batch: u64,
    /// Threads that shared the batch.
    pub threads: u64,
    /// Batches that were timed.
    pub samples: u64,
    /// Median time of one operation.
    pub median_ns: f64,
    /// Shortest time of one operation.
    pub min_ns: f64,
    /// Longest time of one operation.
    pub max_ns: f64,
    /// The reference's time over this one's, both taken in turns in the same run; above 1 is faster than the reference,
    /// which is GMP as the rug crate builds it.
    pub ratio_to_gmp: Option<f64>,
}

impl CsvRow for PrimitiveRow {
    const FILE_NAME: &'static str = "primitives.csv";
    const COLUMNS: &'static [&'static str] = &[
        "operation",
        "engine",
        "timing_class",
        "key_bits",
        "batch",
        "threads",
        "samples",
        "median_ns",
        "min_ns",
        "max_ns",
        "ratio_to_gmp",
    ];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        record.deserialize(Some(header))
    }
}
