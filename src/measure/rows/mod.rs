//! One struct a CSV file. An empty cell is a value that was not measured or makes no sense in that row.

mod history;
mod peer;
mod pool;
mod primitive;
mod sweep;
#[cfg(test)]
mod tests;
mod timing;

pub use history::HistoryRow;
pub use peer::PeerRow;
pub use pool::PoolRow;
pub use primitive::PrimitiveRow;
pub use sweep::{SampleRow, StepSample, SweepKey, SweepOutcome, SweepRow, SweepStatus};
pub use timing::TimingRow;
