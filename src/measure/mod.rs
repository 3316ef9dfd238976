//! Measuring: how long an operation takes, on which machine, and the files that keep the figures.
//!
//! One struct a CSV file ([`rows`]), one for `summary.json` ([`Summary`]); the charts and the report are made from these
//! files alone, so that whatever is printed can be drawn again later from what was kept.

mod csv_file;
mod error;
pub mod machine;
pub mod pool_level;
pub mod primitives;
pub mod rows;
pub mod runner;
pub mod statistics;
mod summary;
pub mod sweep;
pub mod units;

pub use csv_file::{CsvRow, append_rows, read_rows, write_rows};
pub use error::MeasureError;
pub use summary::{EpochTime, Summary, SummaryParameters};
