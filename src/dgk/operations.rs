//! Arithmetic on ciphertexts: what the homomorphism allows without any key. Plaintexts are in Z_u, slots apart.

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::DgkError;
use super::public_key::Randomizers;
use crate::arith::{Engine, Exponents};

impl Ciphertexts {
    /// Linear combinations under fresh randomisers: of groups x d ciphertexts, groups x rows x d `factors` and groups x rows
    /// `constants`, all row-major, the groups x rows ciphertexts of
    ///
    /// ```text
    /// D(result[g][r]) = constants[g][r] + sum_k factors[g][r][k] D(self[g][k])
    /// ```
    ///
    /// What comes out is at most 2^-sigma from fresh ciphertexts, sigma being that of the randomisers. Timing class: that of
    /// the factors and constants, at least `fixed_sequence`.
    ///
    /// # Errors
    /// If the ciphertexts are under another key than the randomisers, the lengths do not fit, or the engine fails.
    pub fn combine(
        &self,
        engine: &Engine,
        (factors, constants): (&Exponents, &Exponents),
        groups: usize,
        randomizers: Randomizers,
    ) -> Result<Ciphertexts, DgkError> {
        admit::same_key(self.key().id(), randomizers.key().id())?;
        let (results, key) = (constants.len(), self.key());
        if results != randomizers.len()
            || groups == 0
            || self.is_empty()
            || factors.len() * groups != results * self.len()
        {
            let reason = format!(
                "{} ciphertexts in {groups} groups, {} factors, {results} constants, {} randomisers",
                self.len(),
                factors.len(),
                randomizers.len()
            );
            return Err(DgkError::Shape(reason));
        }
        let products = engine.multi_power(self.batch(), factors, groups)?;
        let moved = engine.product(&products, key.encode(engine, constants)?.batch())?;
        key.multiply(engine, &Ciphertexts::from_batch(key, moved), randomizers.batch())
    }
}
