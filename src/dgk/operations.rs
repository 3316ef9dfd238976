//! Arithmetic on ciphertexts: what the homomorphism allows without any key. Plaintexts are in Z_u.

use zeroize::Zeroizing;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::DgkError;
use crate::arith::{Batch, Engine, Exponents};

impl Ciphertexts {
    /// Element by element, D(result) = D(self) + D(other). Equal lengths, or one of length 1, which serves for all.
    /// Timing class: `fixed_sequence`; ciphertexts are public.
    ///
    /// # Errors
    /// If the keys differ, the lengths do not fit, or the engine fails.
    pub fn add(&self, engine: &Engine, other: &Ciphertexts) -> Result<Ciphertexts, DgkError> {
        admit::same_key(self.key().id(), other.key().id())?;
        require_fit(self.len(), other.len())?;
        Ok(self.with(engine.product(self.batch(), other.batch())?))
    }

    /// D(result) = -D(self), by inversion of the whole batch. Timing class: `_vartime` in the ciphertexts, which are public.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn negate(&self, engine: &Engine) -> Result<Ciphertexts, DgkError> {
        Ok(self.with(engine.invert_vartime(self.batch())?))
    }

    /// D(result) = D(self) * exponent for secret exponents, such as those of
    /// [`PublicKey::random_units`](super::PublicKey::random_units); lengths equal, or one of either. Timing class: that of
    /// the exponents. The key's owner can open the result's randomiser: before it leaves, it is re-randomised.
    ///
    /// # Errors
    /// If the lengths do not fit or the engine fails.
    pub fn mul_secret(&self, engine: &Engine, exponents: &Exponents) -> Result<Ciphertexts, DgkError> {
        require_fit(self.len(), exponents.len())?;
        Ok(self.with(engine.power(self.batch(), exponents)?))
    }

    /// For each position the ciphertext that its choice names among `options`, of which each has as many as there are
    /// choices, or a single one for all. Timing class: `constant` in the choices.
    ///
    /// # Errors
    /// If the keys differ, the lengths do not fit, a choice is beyond the options, or the engine fails.
    pub fn choose(
        engine: &Engine,
        options: &[&Ciphertexts],
        choices: Zeroizing<Vec<u8>>,
    ) -> Result<Ciphertexts, DgkError> {
        let Some(first) = options.first() else {
            return Err(DgkError::Shape("a choice between no ciphertexts".to_owned()));
        };
        for option in options {
            admit::same_key(first.key().id(), option.key().id())?;
        }
        let batches: Vec<Batch> = options.iter().map(|option| option.batch().clone()).collect();
        Ok(first.with(engine.choose(&batches, choices)?))
    }

    fn with(&self, batch: Batch) -> Ciphertexts {
        Ciphertexts::from_batch(self.key(), batch)
    }
}

fn require_fit(left: usize, right: usize) -> Result<(), DgkError> {
    if left == right || left == 1 || right == 1 {
        return Ok(());
    }
    Err(DgkError::Shape(format!("{left} against {right} elements")))
}
