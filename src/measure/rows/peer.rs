//! `peers.csv`: what other libraries take for the same operations, from `scripts/compare_peers.py`.

use csv::StringRecord;
use serde::{Deserialize, Serialize};

use crate::measure::csv_file::CsvRow;

/// One operation by one library, on one thread; all libraries were measured in turns in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerRow {
    /// What was timed, as `smlp primitives` calls it.
    pub operation: String,
    /// Length of the key.
    pub key_bits: u32,
    /// Name of the library.
    pub library: String,
    /// Its version.
    pub version: String,
    /// Median time of one operation.
    pub median_ns: f64,
    /// That over smlp's own; above 1 is slower than smlp.
    pub times_smlp: f64,
}

impl CsvRow for PeerRow {
    const FILE_NAME: &'static str = "peers.csv";
    const COLUMNS: &'static [&'static str] =
        &["operation", "key_bits", "library", "version", "median_ns", "times_smlp"];

    fn from_record(record: &StringRecord, header: &StringRecord) -> csv::Result<Self> {
        record.deserialize(Some(header))
    }
}
