//! Flags that several commands share.

use std::path::Path;

use clap::Args;
use smlp::error::Error;
use smlp::fixed::FixedPoint;
use smlp::mlp::{BoundOverride, DeclaredBounds};
use smlp::paillier::{KeyForm, PublicKey};

/// Shortest key that is taken without `--allow-weak-key`: 112-bit security.
const STRONG_KEY_BITS: u32 = 2048;

/// The group of a key's randomisers.
#[derive(Debug, Clone, Copy, Args)]
pub struct KeyFormArgs {
    /// Form of the servers' keys: `full`, or `subgroup`, with which a step with blinded comparisons takes about 0.6 of the time, on
    /// one assumption more: that randomisers from a secret subgroup look like any others (SECURITY.md).
    #[arg(long, value_name = "FORM", default_value_t = KeyForm::Full)]
    pub key_form: KeyForm,
}

/// Permission to use short keys.
#[derive(Debug, Clone, Args)]
pub struct WeakKeyArgs {
    /// Accept keys of 1024 to 2047 bits: for experiments, they protect nothing [default: refuse them].
    #[arg(long)]
    pub allow_weak_key: bool,
}

impl WeakKeyArgs {
    /// Refuses a length below 2048 bits without permission.
    ///
    /// # Errors
    /// [`Error::Usage`] naming the flag.
    pub fn check(&self, key_bits: u32) -> Result<(), Error> {
        if key_bits >= STRONG_KEY_BITS || self.allow_weak_key {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "a key of {key_bits} bits protects nothing; use {STRONG_KEY_BITS} bits or more, or --allow-weak-key for an \
             experiment"
        )))
    }

    /// Reads and admits a public key, and refuses a short one without permission.
    ///
    /// # Errors
    /// If the file is no admissible key, or the key is too short.
    pub fn read_public_key(&self, path: &Path) -> Result<PublicKey, Error> {
        let key = PublicKey::read(path)?;
        self.check(key.key_bits())?;
        Ok(key)
    }
}

/// The share of rows that is held back: between 0 and 1, both excluded.
///
/// # Errors
/// For anything else.
pub fn parse_test_split(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("a share of the rows lies between 0 and 1, as 0.2".into()),
    }
}

/// How real numbers become integers.
#[derive(Debug, Clone, Args)]
pub struct NumberArgs {
    /// Fractional bits of the fixed-point numbers, 1 to 32.
    #[arg(long, value_name = "BITS", default_value_t = 13)]
    pub fraction_bits: u32,
    /// Declares that the values of one kind stay below 2^BITS; may be repeated. Kinds: inputs, pixels, weights,
    /// activations, delta, products, gradients [default at 13 fractional bits: 17, 14, 17, 17, 17, 30, 34].
    #[arg(long = "bound", value_name = "NAME=BITS")]
    pub bounds: Vec<BoundOverride>,
}

impl NumberArgs {
    /// The format.
    ///
    /// # Errors
    /// If there is none with so many fractional bits.
    pub fn fixed(&self) -> Result<FixedPoint, Error> {
        FixedPoint::new(self.fraction_bits).map_err(|error| Error::Usage(format!("--fraction-bits: {error}")))
    }

    /// The bounds that hold with the format.
    ///
    /// # Errors
    /// If a bound is out of range.
    pub fn declared_bounds(&self) -> Result<DeclaredBounds, Error> {
        Ok(DeclaredBounds::defaults(self.fixed()?.fraction_bits()).with(&self.bounds)?)
    }
}
