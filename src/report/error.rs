//! Why there is no report.

use std::path::PathBuf;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A folder holds none of the files that charts are made from.
    #[error("{folder}: nothing to report on; looked for {looked_for} in it and in the folders directly below")]
    NothingFound {
        /// The folder that was searched.
        folder: PathBuf,
        /// Names of the files.
        looked_for: String,
    },
    /// Drawing failed: a bug in this program.
    #[error("a chart could not be drawn: {0}; this is a bug in smlp")]
    Drawing(String),
}

impl ReportError {
    /// See [`crate::error::Error::exit_code`].
    pub fn exit_code(&self) -> u8 {
        match self {
            ReportError::NothingFound { .. } => 3,
            ReportError::Drawing(_) => 1,
        }
    }
}
