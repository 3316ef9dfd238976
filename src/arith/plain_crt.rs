//! The key owner's side modulo n itself: residues modulo n to residues modulo p, and residues modulo p and q together.

use std::fmt;

use super::backend::gmp::constant;
use super::batch::Batch;
use super::crt::{Idempotents, require_odd};
use super::engine::Engine;
use super::error::EngineError;
use super::modulus::{Moduli, Modulus};
use super::shape::refuse;
use crate::secret::SecretLimbs;

/// The factors of n = p q as moduli of no special form; [`Crt`](super::Crt) has their squares. Everything here is secret
/// and `constant`, and wiped on drop.
pub struct PlainCrt {
    p: Modulus,
    q: Modulus,
    n: Modulus,
    idempotents: Idempotents,
}

impl PlainCrt {
    /// From two odd factors of one length that are coprime to each other. Their length is public.
    ///
    /// # Errors
    /// [`EngineError::Factors`].
    pub fn new(p: &SecretLimbs, q: &SecretLimbs) -> Result<PlainCrt, EngineError> {
        require_odd([p, q])?;
        let n = Modulus::plain(&constant::mul(p, q).to_integer());
        let (p, q) = (Modulus::secret_plain(p), Modulus::secret_plain(q));
        if p.bits() != q.bits() {
            return Err(EngineError::Factors { reason: "the factors differ in length" });
        }
        let Some(idempotents) = Idempotents::new(p.limbs(), q.limbs()) else {
            return Err(EngineError::Factors { reason: "the factors share a factor" });
        };
        Ok(PlainCrt { p, q, n, idempotents })
    }

    /// p and q.
    pub fn moduli(&self) -> (&Modulus, &Modulus) {
        (&self.p, &self.q)
    }

    /// n.
    pub fn product_modulus(&self) -> &Modulus {
        &self.n
    }

    /// Residues modulo n as residues modulo p.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of another modulus.
    pub fn modulo_p(&self, engine: &Engine, batch: &Batch) -> Result<Batch, EngineError> {
        if *batch.moduli() != Moduli::from(&self.n) {
            return refuse("residues to reduce that are not modulo the product of the factors".to_owned());
        }
        Ok(engine.load_limbs(&Moduli::from(&self.p), &engine.store_limbs(batch), batch.len()))
    }

    /// The residues modulo n with these residues modulo p and q.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of other moduli, or of different numbers.
    pub fn join(&self, engine: &Engine, at_p: &Batch, at_q: &Batch) -> Result<Batch, EngineError> {
        let moduli = [at_p, at_q].map(Batch::moduli);
        if moduli != [&Moduli::from(&self.p), &Moduli::from(&self.q)] || at_p.len() != at_q.len() {
            return refuse("residues to join that are not as many modulo p as modulo q".to_owned());
        }
        let (mod_p, mod_q) = (engine.store_limbs(at_p), engine.store_limbs(at_q));
        let factors = self.idempotents.form(engine, &self.n);
        Ok(engine.load_combination(&self.n, [mod_p.as_slice(), mod_q.as_slice()], &factors, at_p.len()))
    }
}

impl fmt::Debug for PlainCrt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainCrt(..)")
    }
}
