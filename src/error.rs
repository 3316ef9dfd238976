//! One error for the whole crate: a sub-enum for each room, sorted by who is to blame.
//!
//! The exit code of the program follows from the blame alone, so that a script can tell a typing error from a
//! broken file and a broken file from a lost peer.

use std::path::PathBuf;

use crate::arith::EngineError;
use crate::codec::CodecError;
use crate::data::DataError;
use crate::dgk::DgkError;
use crate::fixed::FixedError;
use crate::measure::MeasureError;
use crate::mlp::MlpError;
use crate::net::NetError;
use crate::paillier::PaillierError;
use crate::protocol::ProtocolError;
use crate::report::ReportError;

/// Everything that can go wrong, by the room that noticed it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that makes no sense: the flags contradict each other or a value is out of range.
    #[error("{0}")]
    Usage(String),
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file that was touched.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file of ours (key, ciphertext, model) does not parse or fails its digest.
    #[error("{path}: {source}")]
    Container {
        /// The file that was read.
        path: PathBuf,
        /// What was wrong inside.
        source: CodecError,
    },
    /// A data set is unusable.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A number does not fit its fixed-point format.
    #[error(transparent)]
    Fixed(#[from] FixedError),
    /// A network shape or a value of the training is out of its declared range.
    #[error(transparent)]
    Mlp(#[from] MlpError),
    /// A key or a ciphertext was refused.
    #[error(transparent)]
    Paillier(#[from] PaillierError),
    /// A key or a ciphertext of the comparison was refused.
    #[error(transparent)]
    Dgk(#[from] DgkError),
    /// A secure operation noticed a peer that does not follow the protocol, or a configuration that cannot be run.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The peer or the network was lost.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The arithmetic engine could not do its work.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A file of figures is unusable.
    #[error(transparent)]
    Measure(#[from] MeasureError),
    /// A run did not come to the result that it should reproduce.
    #[error("not reproduced: {0}")]
    NotReproduced(String),
    /// Somebody asked a training to stop; what it had done until then is kept.
    #[error("stopped as asked after step {steps}; the figures of {epochs} are in {folder}")]
    Stopped {
        /// Steps that were trained.
        steps: usize,
        /// How many epochs, in words.
        epochs: String,
        /// Where the figures are.
        folder: PathBuf,
    },
    /// No report could be made.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// A run gave other results than the same computation in the clear.
    #[error("the encrypted run differs from the same computation in the clear; this is a bug in smlp")]
    Differs,
    /// A party's thread ended by a panic: a bug in this program.
    #[error("the thread of {party} panicked; this is a bug in smlp")]
    Panicked {
        /// Which party.
        party: &'static str,
    },
}

impl Error {
    /// A file error with its path.
    pub fn file(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Error::File { path: path.into(), source }
    }

    /// Exit code of the program: 2 usage, 3 bad input, 4 the peer misbehaved or disagreed, 5 the peer or the network
    /// was lost, 130 stopped by the user, as shells have it for a program that Ctrl-C ended, 1 anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage(_) => 2,
            Error::File { .. } | Error::Container { .. } | Error::Data(_) | Error::Fixed(_) => 3,
            Error::Mlp(error) => error.exit_code(),
            Error::Paillier(error) => error.exit_code(),
            Error::Dgk(error) => error.exit_code(),
            Error::Protocol(error) => error.exit_code(),
            Error::Net(error) => error.exit_code(),
            Error::Measure(error) => error.exit_code(),
            Error::Report(error) => error.exit_code(),
            Error::Stopped { .. } => 130,
            Error::Differs | Error::NotReproduced(_) | Error::Engine(_) | Error::Panicked { .. } => 1,
        }
    }
}
