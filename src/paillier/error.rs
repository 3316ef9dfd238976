//! What can go wrong with keys and ciphertexts.

use std::path::PathBuf;

use super::admit::AdmissionRule;
use super::key_id::KeyId;
use crate::arith::EngineError;
use crate::codec::CodecError;

/// A key or a ciphertext was refused, or an operation on them could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PaillierError {
    /// A foreign key or ciphertext fails one of the numbered rules.
    #[error("refused by rule {rule}: {detail}")]
    Refused {
        /// Which rule.
        rule: AdmissionRule,
        /// What was found.
        detail: String,
    },
    /// Two operands, or a ciphertext and a key, do not belong together.
    #[error("refused by rule {}: key {expected} was expected, this is under key {found}", AdmissionRule::SameKey)]
    WrongKey {
        /// The key of the first operand, or the key at hand.
        expected: KeyId,
        /// The key of the other.
        found: KeyId,
    },
    /// The length asked of a new key is not offered.
    #[error("a key of {key_bits} bits is not offered: choose an even length from {min} to {max} bits")]
    KeyLength {
        /// What was asked.
        key_bits: u32,
        /// The shortest on offer.
        min: u32,
        /// The longest on offer.
        max: u32,
    },
    /// A plaintext lies outside (-n/2, n/2).
    #[error("plaintext {index} has {bits} bits: under a key of {key_bits} bits only |v| < n/2 can be encrypted")]
    PlaintextRange {
        /// Which one, counted from 0.
        index: usize,
        /// Its length.
        bits: u32,
        /// The key's length.
        key_bits: u32,
    },
    /// The operands' lengths do not fit one another.
    #[error("the operands do not fit: {0}")]
    Shape(String),
    /// A layout of slots that a plaintext cannot hold.
    #[error("{0}")]
    Layout(String),
    /// Bytes that do not parse.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Any of these, with the file it was found in.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What was wrong inside.
        source: Box<PaillierError>,
    },
    /// The engine could not do its work.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A thread that was to produce randomisers could not be started.
    #[error("no thread for the pool of randomisers: {0}")]
    PoolThread(std::io::Error),
}

impl PaillierError {
    /// 2 for a request that makes no sense, 3 for refused input, 1 for what is this program's own fault
    /// (see [`crate::error::Error::exit_code`]).
    pub fn exit_code(&self) -> u8 {
        match self {
            PaillierError::KeyLength { .. } => 2,
            PaillierError::Refused { .. }
            | PaillierError::WrongKey { .. }
            | PaillierError::PlaintextRange { .. }
            | PaillierError::Layout(_)
            | PaillierError::Codec(_) => 3,
            PaillierError::InFile { source, .. } => source.exit_code(),
            PaillierError::Shape(_) | PaillierError::Engine(_) | PaillierError::PoolThread(_) => 1,
        }
    }
}
