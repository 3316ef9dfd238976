//! Why a data set is unusable. Rows are lines of the file, counted from 1, the header included.

use std::path::PathBuf;

/// A data set is unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file's header cannot be used.
    #[error("{file}, row 1: {reason}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A row has another number of cells than the header.
    #[error("{file}, row {row}: {found} cells, but the header names {expected} columns")]
    Ragged {
        /// The file.
        file: String,
        /// Line.
        row: u64,
        /// Columns of the header.
        expected: usize,
        /// Cells of the row.
        found: usize,
    },
    /// A cell cannot be used.
    #[error("{file}, row {row}, column {column:?}: {reason}")]
    Cell {
        /// The file.
        file: String,
        /// Line.
        row: u64,
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The target column is not in the file.
    #[error("{file} has no column {column:?}{}; its columns are {columns}", did_you_mean(.suggestion))]
    UnknownColumn {
        /// The file.
        file: String,
        /// The name that was asked for.
        column: String,
        /// The most similar name there is.
        suggestion: Option<String>,
        /// The names there are.
        columns: String,
    },
    /// A column as a whole cannot be used.
    #[error("{file}, column {column:?}: {reason}")]
    Column {
        /// The file.
        file: String,
        /// Name of the column.
        column: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is a header, but nothing below it.
    #[error("{file} has a header but no rows")]
    NoRows {
        /// The file.
        file: String,
    },
    /// An IDX file cannot be used.
    #[error("{file}: {reason}")]
    Idx {
        /// The file.
        file: String,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// Neither a built-in name nor a file.
    #[error(
        "{given:?} is neither a file nor a built-in data set{}; built in are breast_cancer, digits, xor, majority:N and \
         parity:N, the name of a CSV file ends in .csv, and IDX files are given as IMAGES,LABELS",
        did_you_mean(.suggestion)
    )]
    UnknownName {
        /// What was asked for.
        given: String,
        /// The most similar built-in name.
        suggestion: Option<String>,
    },
    /// A binary data set of an impossible size.
    #[error("{given:?}: the number of bits is 1 to 16")]
    BitCount {
        /// What was asked for.
        given: String,
    },
    /// The data cannot be divided into training and test part.
    #[error("{file}: {reason}")]
    Split {
        /// The file.
        file: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A scaler does not fit the data or is damaged.
    #[error("scaling of {file}: {reason}")]
    Scaler {
        /// The data or the scaler's file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

fn did_you_mean(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!(" (did you mean {name:?}?)")).unwrap_or_default()
}
