//! Arithmetic on ciphertexts: what Paillier's homomorphism allows without any key.

use rug::Integer;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use crate::arith::{Batch, Engine, Exponents};

impl Ciphertexts {
    /// Element by element, D(result) = D(self) + D(other). Equal lengths, or one of length 1, which serves for all.
    /// Timing class: `fixed_sequence`; ciphertexts are public.
    ///
    /// # Errors
    /// If the keys differ, the lengths do not fit, or the engine fails.
    pub fn add(&self, engine: &Engine, other: &Ciphertexts) -> Result<Ciphertexts, PaillierError> {
        admit::same_key(self.key().id(), other.key().id())?;
        require_fit(self.len(), other.len())?;
        Ok(self.with(engine.product(self.batch(), other.batch())?))
    }

    /// Element by element, D(result) = D(self) - D(other). Timing class: `_vartime` in the ciphertexts, which are public.
    ///
    /// # Errors
    /// As [`Ciphertexts::add`].
    pub fn sub(&self, engine: &Engine, other: &Ciphertexts) -> Result<Ciphertexts, PaillierError> {
        self.add(engine, &other.negate(engine)?)
    }

    /// D(result) = -D(self). Timing class: `_vartime` in the ciphertexts, which are public.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn negate(&self, engine: &Engine) -> Result<Ciphertexts, PaillierError> {
        Ok(self.with(engine.invert_vartime(self.batch())?))
    }

    /// D(result) = D(self) + value, for integers of any sign and size; one value may serve for all. No randomness is
    /// added: the result is as well hidden as `self`. Timing class: `fixed_sequence` in the values.
    ///
    /// # Errors
    /// If the lengths do not fit or the engine fails.
    pub fn add_plain(&self, engine: &Engine, values: &[Integer]) -> Result<Ciphertexts, PaillierError> {
        self.add(engine, &self.key().encode_many(engine, values))
    }

    /// D(result) = D(self) * scalar for public integers of either sign, one for each ciphertext.
    ///
    /// A negative scalar inverts the ciphertext, never the power, and is not reduced modulo n: the exponent is |scalar|.
    /// Timing class: `_vartime` in the scalars.
    ///
    /// # Errors
    /// If the lengths differ or the engine fails.
    pub fn mul_plain_vartime(&self, engine: &Engine, scalars: &[Integer]) -> Result<Ciphertexts, PaillierError> {
        require_equal(self.len(), scalars.len())?;
        let bases = self.with_inverses(engine, scalars)?;
        let signed: Vec<usize> = scalars
            .iter()
            .enumerate()
            .map(|(i, scalar)| if scalar.is_negative() { self.len() + i } else { i })
            .collect();
        let exponents = Exponents::public(&scalars.iter().map(magnitude).collect::<Vec<_>>());
        Ok(self.with(engine.power(&bases.gather(&signed), &exponents)?))
    }

    /// D(result) = D(self) * exponent for secret, non-negative exponents of one length in bits; lengths equal, or one of
    /// either. Timing class: that of the exponents.
    ///
    /// The caller owes what rules 1 and 4 of the protocol ask: `self` consists of ciphertexts h^e that the key's owner
    /// made with e < 2^E, the exponents were made positive and of constant length by adding a public power of two, and
    /// before the result leaves it is multiplied by h^s with [`rerandomizer_bits`] bits of s.
    ///
    /// [`rerandomizer_bits`]: super::PublicKey::rerandomizer_bits
    ///
    /// # Errors
    /// If the lengths do not fit or the engine fails.
    pub fn mul_secret(&self, engine: &Engine, exponents: &Exponents) -> Result<Ciphertexts, PaillierError> {
        require_fit(self.len(), exponents.len())?;
        Ok(self.with(engine.power(self.batch(), exponents)?))
    }

    /// For each row of `weights` (rows x `len()`, row-major, public, of either sign), D(result) is the dot product of the
    /// row with D(self). Timing class: `_vartime` in the weights.
    ///
    /// # Errors
    /// If `weights` is not a whole number of rows or the engine fails.
    pub fn dot_vartime(&self, engine: &Engine, weights: &[Integer]) -> Result<Ciphertexts, PaillierError> {
        let terms = self.len();
        if terms == 0 || !weights.len().is_multiple_of(terms) {
            return Err(PaillierError::Shape(format!("{} weights are no rows of {terms}", weights.len())));
        }
        let bases = self.with_inverses(engine, weights)?;
        let exponents = Exponents::public(&split_signs(weights, terms, bases.len()));
        Ok(self.with(engine.multi_power(&bases, &exponents, 1)?))
    }

    /// The sums of each `run` consecutive ciphertexts. Timing class: `fixed_sequence`; ciphertexts are public.
    ///
    /// # Errors
    /// If `len()` is not a multiple of `run`, or the engine fails.
    pub fn sum_runs(&self, engine: &Engine, run: usize) -> Result<Ciphertexts, PaillierError> {
        if run == 0 || !self.len().is_multiple_of(run) {
            return Err(PaillierError::Shape(format!("{} ciphertexts are no runs of {run}", self.len())));
        }
        Ok(self.with(engine.product_runs(self.batch(), run)?))
    }

    fn with(&self, batch: Batch) -> Ciphertexts {
        Ciphertexts::from_batch(self.key(), batch)
    }

    /// The ciphertexts, followed by all their inverses if any of `scalars` is negative.
    fn with_inverses(&self, engine: &Engine, scalars: &[Integer]) -> Result<Batch, PaillierError> {
        if scalars.iter().all(|scalar| !scalar.is_negative()) {
            return Ok(self.batch().clone());
        }
        Ok(Batch::concat(&[self.batch().clone(), engine.invert_vartime(self.batch())?]))
    }
}

/// Rows of `terms` signed weights as rows of `width` exponents: `terms` itself when none is negative, otherwise twice
/// that, the second half for the inverted bases.
fn split_signs(weights: &[Integer], terms: usize, width: usize) -> Vec<Integer> {
    let mut exponents = vec![Integer::new(); weights.len() / terms * width];
    for (row, signed) in exponents.chunks_exact_mut(width).zip(weights.chunks_exact(terms)) {
        for (k, weight) in signed.iter().enumerate() {
            row[if weight.is_negative() { terms + k } else { k }] = magnitude(weight);
        }
    }
    exponents
}

fn magnitude(value: &Integer) -> Integer {
    Integer::from(value.abs_ref())
}

fn require_equal(left: usize, right: usize) -> Result<(), PaillierError> {
    if left == right { Ok(()) } else { Err(PaillierError::Shape(format!("{left} against {right} elements"))) }
}

fn require_fit(left: usize, right: usize) -> Result<(), PaillierError> {
    if left == 1 || right == 1 { Ok(()) } else { require_equal(left, right) }
}
