//! What can be wrong with a file of figures.

use std::path::PathBuf;

/// Why a file of figures was refused, or could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The header lacks a column.
    #[error("{path}: column {column} is missing from the header; this is not a {expected} written by smlp")]
    MissingColumn {
        /// The file that was read.
        path: PathBuf,
        /// The column that was looked for.
        column: &'static str,
        /// The name such a file has.
        expected: &'static str,
    },
    /// A cell does not hold what its column is for.
    #[error("{path}: row {row}, column {column}: {reason}")]
    Cell {
        /// The file that was read.
        path: PathBuf,
        /// The row, counted from 1 behind the header.
        row: usize,
        /// The column's name.
        column: String,
        /// What is wrong with the cell.
        reason: String,
    },
    /// A row does not make sense; the reason names the column.
    #[error("{path}: row {row}, {reason}")]
    Row {
        /// The file that was read.
        path: PathBuf,
        /// The row, counted from 1 behind the header.
        row: usize,
        /// What is wrong, and in which column.
        reason: String,
    },
    /// A row has more or fewer cells than the header.
    #[error("{path}: row {row} has {found} cells, the header has {expected}")]
    Cells {
        /// The file that was read.
        path: PathBuf,
        /// The row, counted from 1 behind the header.
        row: usize,
        /// Cells in that row.
        found: u64,
        /// Cells in the header.
        expected: u64,
    },
    /// The file is no CSV or JSON file at all.
    #[error("{path}: {reason}")]
    Format {
        /// The file that was touched.
        path: PathBuf,
        /// What the parser said.
        reason: String,
    },
    /// An operation that was about to be timed does not compute what it should.
    #[error("{operation} with a {key_bits}-bit key gave a wrong result at position {position}; nothing was timed")]
    WrongResult {
        /// The operation.
        operation: &'static str,
        /// Length of the key.
        key_bits: u32,
        /// Where in the batch.
        position: usize,
    },
}

impl MeasureError {
    /// See [`crate::error::Error::exit_code`]: bad input, except for a wrong result.
    pub fn exit_code(&self) -> u8 {
        match self {
            MeasureError::WrongResult { .. } => 1,
            _ => 3,
        }
    }
}
