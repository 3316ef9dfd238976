//! What an engine is made from.

use std::fmt;
use std::str::FromStr;

use super::error::EngineError;

/// Which backend computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EngineKind {
    /// The fastest that this processor runs.
    #[default]
    Auto,
    /// The GNU multiple precision library: everywhere.
    Gmp,
    /// Eight numbers at once by AVX-512 with IFMA.
    Ifma,
}

impl EngineKind {
    /// Every kind that can be asked for.
    pub const ALL: [EngineKind; 3] = [EngineKind::Auto, EngineKind::Gmp, EngineKind::Ifma];

    /// The name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Auto => "auto",
            EngineKind::Gmp => "gmp",
            EngineKind::Ifma => "ifma",
        }
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for EngineKind {
    type Err = EngineError;

    fn from_str(name: &str) -> Result<Self, EngineError> {
        let known = EngineKind::ALL.into_iter().find(|kind| kind.name() == name);
        known.ok_or_else(|| EngineError::Unknown { name: name.to_owned() })
    }
}

/// How strictly secrets are kept from the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstantTime {
    /// Each operation in the timing class of its exponents.
    #[default]
    Default,
    /// Whatever is `fixed_sequence` is `constant`.
    Strict,
}

impl fmt::Display for ConstantTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ConstantTime::Default => "default",
            ConstantTime::Strict => "strict",
        })
    }
}

/// What an engine is made from; the default reads no environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineOptions {
    /// The backend.
    pub kind: EngineKind,
    /// Threads of the engine's own pool; 0 for all cores.
    pub threads: usize,
    /// How strictly secrets are kept from the clock.
    pub constant_time: ConstantTime,
}

/// The environment variable that [`EngineOptions::from_env`] reads.
const ENGINE_VARIABLE: &str = "SMLP_ENGINE";

impl EngineOptions {
    /// The default, with the backend named by the environment variable `SMLP_ENGINE` if that is set.
    ///
    /// # Errors
    /// [`EngineError::Unknown`] if the variable names no backend.
    pub fn from_env() -> Result<EngineOptions, EngineError> {
        let kind = match std::env::var_os(ENGINE_VARIABLE) {
            Some(name) => name.to_string_lossy().parse()?,
            None => EngineKind::Auto,
        };
        Ok(EngineOptions { kind, ..EngineOptions::default() })
    }
}
