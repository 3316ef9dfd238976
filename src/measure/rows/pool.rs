//! `pool.csv`: how full a pool of prepared randomisers is, over time.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// The pool at one moment of a run with a number of background producers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolRow {
    /// Background threads that fill the pool.
    pub producers: u64,
    /// Time since the run began.
    pub seconds: f64,
    /// Randomisers that lie ready.
    pub level: u64,
    /// Randomisers taken from the pool so far.
    pub hits: Option<u64>,
    /// Randomisers that had to be made at once because the pool was empty, so far.
    pub misses: Option<u64>,
    /// Length of the key.
    pub key_bits: Option<u32>,
}

impl CsvRow for PoolRow {
    const FILE_NAME: &'static str = "pool.csv";
    const COLUMNS: &'static [&'static str] = &["producers", "seconds", "level"];
    const ADDED_COLUMNS: &'static [&'static str] = &["hits", "misses", "key_bits"];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        record.deserialize(Some(header))
    }
}
