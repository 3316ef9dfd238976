//! What the engine can complain about.

use super::options::EngineKind;

/// Why the engine could not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// There is no backend of that name.
    #[error("there is no engine {name:?}; SMLP_ENGINE and --engine take {}", allowed_names())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The backend exists, but not on this processor.
    #[error("the engine {kind} cannot run here: {reason}; use --engine auto")]
    Unavailable {
        /// What was asked for.
        kind: EngineKind,
        /// What is missing.
        reason: String,
    },
    /// A residue shares a factor with its modulus.
    #[error("the residue at index {index} has no inverse modulo its modulus")]
    NotInvertible {
        /// Its position in the batch.
        index: usize,
    },
    /// The lengths or moduli of the operands do not go together.
    #[error("operands that do not go together: {reason}")]
    Shape {
        /// Which, and what was expected.
        reason: String,
    },
    /// The factors of a modulus are not what the Chinese remainder theorem needs.
    #[error("unusable factors of a modulus: {reason}")]
    Factors {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The backend gave a wrong answer to a known question.
    #[error("the engine {kind} failed its self-test ({operation}); use another engine and report this processor")]
    SelfTest {
        /// The backend.
        kind: EngineKind,
        /// The operation whose answer was wrong.
        operation: &'static str,
    },
    /// The threads could not be started.
    #[error("the engine's threads could not be started: {0}")]
    Pool(String),
}

fn allowed_names() -> String {
    EngineKind::ALL.map(EngineKind::name).join(", ")
}
