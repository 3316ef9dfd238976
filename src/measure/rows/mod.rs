//! One struct a CSV file. An empty cell is a value that was not measured or makes no sense in that row.

mod history;
mod pool;
mod primitive;
mod sweep;
#[cfg(test)]
mod tests;

pub use history::HistoryRow;
pub use pool::PoolRow;
pub use primitive::PrimitiveRow;
pub use sweep::{SampleRow, StepSample, SweepKey, SweepOutcome, SweepRow, SweepStatus};
