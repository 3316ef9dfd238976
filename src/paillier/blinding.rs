//! What the secure operations need beside the public laws: masked selection, secret powers of many bases, randomisers.

use subtle::Choice;

use crate::arith::{Batch, Engine, Exponents};

use crate::secret::SecretLimbs;

use super::{Ciphertexts, PaillierError};

impl Ciphertexts {
    /// The same plaintexts, multiplied by the randomisers h^s of [`PublicKey::randomizers`](super::PublicKey::randomizers)
    /// or a pool; each may be used once.
    pub fn multiply_randomizers(&self, engine: &Engine, randomizers: &Batch) -> Result<Ciphertexts, PaillierError> {
        let batch = engine.product(self.batch(), randomizers)?;
        Ok(Ciphertexts::from_batch(self.key(), batch))
    }

    /// `groups` x d ciphertexts, exponents `groups` x rows x d: for each group and row, the ciphertext of the sum of
    /// exponent times plaintext. The exponents' class decides the timing; rule 1 binds the caller as it does for
    /// [`Ciphertexts::mul_secret`].
    pub fn multi_power(
        &self,
        engine: &Engine,
        exponents: &Exponents,
        groups: usize,
    ) -> Result<Ciphertexts, PaillierError> {
        let batch = engine.multi_power(self.batch(), exponents, groups)?;
        Ok(Ciphertexts::from_batch(self.key(), batch))
    }

    /// One multi-exponentiation for each `run` consecutive ciphertexts, the last run may be shorter: the ciphertexts of the
    /// sums of exponent times plaintext. Exponents are used once and below 2^`exponent_bits`; rule 1 binds the caller as it
    /// does for [`Ciphertexts::mul_secret`]. Timing: `fixed_sequence`.
    pub fn packed_powers(
        &self,
        engine: &Engine,
        exponents: &[SecretLimbs],
        exponent_bits: u32,
        run: usize,
    ) -> Result<Ciphertexts, PaillierError> {
        let whole = self.len() / run * run;
        let mut parts = Vec::new();
        for (range, groups) in [(0..whole, whole / run), (whole..self.len(), 1)] {
            if !range.is_empty() {
                let exponents = Exponents::single_use(exponents[range.clone()].to_vec(), exponent_bits);
                parts.push(self.slice(range).multi_power(engine, &exponents, groups)?);
            }
        }
        if parts.is_empty() { Ok(self.clone()) } else { Ciphertexts::concat(&parts) }
    }

    /// `on_one` where the choice is set, `self` elsewhere. Timing: `constant`.
    pub fn select(
        &self,
        engine: &Engine,
        on_one: &Ciphertexts,
        choices: &[Choice],
    ) -> Result<Ciphertexts, PaillierError> {
        let batch = engine.select(self.batch(), on_one.batch(), choices)?;
        Ok(Ciphertexts::from_batch(self.key(), batch))
    }
}
