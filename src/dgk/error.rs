//! What can go wrong with keys and ciphertexts of the comparison.

use std::path::PathBuf;

use super::admit::AdmissionRule;
use super::parameters::KEY_BITS;
use super::slots::MAX_SLOT_BOUND;
use crate::arith::EngineError;
use crate::codec::CodecError;
use crate::paillier::KeyId;

/// A key or a ciphertext was refused, or an operation on them could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DgkError {
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
    #[error("a comparison key of {key_bits} bits is not offered: choose one of {KEY_BITS:?}")]
    KeyLength {
        /// What was asked.
        key_bits: u32,
    },
    /// No plaintexts are offered whose slots hold such numbers.
    #[error("slots for numbers up to {slot_bound} are not offered: choose 1 to {MAX_SLOT_BOUND}")]
    SlotBound {
        /// What was asked.
        slot_bound: u32,
    },
    /// A plaintext is not below u.
    #[error("plaintext {index} is not below {plaintext_modulus}")]
    PlaintextRange {
        /// Which one, counted from 0.
        index: usize,
        /// u.
        plaintext_modulus: u64,
    },
    /// A residue is no g^m h^r, so that nothing can be said about its plaintext.
    #[error("ciphertext {index} has no plaintext: it is not in the group that g and h generate")]
    NoPlaintext {
        /// Which one, counted from 0.
        index: usize,
    },
    /// The operands' lengths do not fit one another.
    #[error("the operands do not fit: {0}")]
    Shape(String),
    /// Bytes that do not parse.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Any of these, with the file it was found in.
    #[error("{path}: {source}")]
    InFile {
        /// The file.
        path: PathBuf,
        /// What was wrong inside.
        source: Box<DgkError>,
    },
    /// The engine could not do its work.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl DgkError {
    /// 2 for a request that makes no sense, 3 for refused input, 1 for what is this program's own fault
    /// (see [`crate::error::Error::exit_code`]).
    pub fn exit_code(&self) -> u8 {
        match self {
            DgkError::KeyLength { .. } | DgkError::SlotBound { .. } => 2,
            DgkError::Refused { .. }
            | DgkError::WrongKey { .. }
            | DgkError::PlaintextRange { .. }
            | DgkError::NoPlaintext { .. }
            | DgkError::Codec(_) => 3,
            DgkError::InFile { source, .. } => source.exit_code(),
            DgkError::Shape(_) | DgkError::Engine(_) => 1,
        }
    }
}
