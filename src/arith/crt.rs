//! The key owner's side: residues modulo n^2 apart into residues modulo p^2 and q^2, and back.

use std::fmt;
use std::iter::repeat_n;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use rug::Integer;

use super::backend::gmp::constant;
use super::backend::words::Words;
use super::batch::Batch;
use super::engine::Engine;
use super::error::EngineError;
use super::modulus::{Moduli, Modulus};
use super::options::EngineKind;
use super::shape::refuse;
use crate::secret::{SecretInteger, SecretLimbs};

/// The factors of n = p q and what joins residues modulo p^2 and q^2. Everything here is secret and `constant`, and
/// wiped on drop.
#[derive(Clone)]
pub struct Crt {
    p_squared: Modulus,
    q_squared: Modulus,
    n_squared: Modulus,
    roots: Garner,
    squares: Arc<Idempotents>,
}

/// The numbers that are 1 modulo one and 0 modulo the other of two coprime moduli: x = x_p a + x_q b mod p q.
pub(super) struct Idempotents {
    factors: [SecretLimbs; 2],
    /// The factors as the engines that have needed them take them.
    forms: Mutex<Vec<(EngineKind, Arc<Words>)>>,
}

impl Idempotents {
    /// None if the moduli share a factor.
    pub(super) fn new(p: &[u64], q: &[u64]) -> Option<Idempotents> {
        let (p, q) = (SecretLimbs::new(p.to_vec()), SecretLimbs::new(q.to_vec()));
        let factor = |own: &SecretLimbs, other: &SecretLimbs| {
            let inverse: Option<SecretLimbs> = constant::invert_mod(&constant::rem(other, own), own).into();
            Some(constant::mul(other, &inverse?))
        };
        Some(Idempotents { factors: [factor(&p, &q)?, factor(&q, &p)?], forms: Mutex::default() })
    }

    /// The factors modulo `modulus`, which is always the same.
    pub(super) fn form(&self, engine: &Engine, modulus: &Modulus) -> Arc<Words> {
        // A poisoned lock is taken over: entries are whole before they are pushed.
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, form)) = forms.iter().find(|(kind, _)| *kind == engine.kind()) {
            return form.clone();
        }
        let form = Arc::new(engine.combination(modulus, self.factors.each_ref()));
        forms.push((engine.kind(), form.clone()));
        form
    }
}

/// Garner's formula for two coprime moduli: x = x_q + q ((x_p - x_q) q^-1 mod p).
#[derive(Clone)]
struct Garner {
    p: SecretLimbs,
    q: SecretLimbs,
    q_inverse: SecretLimbs,
}

impl Garner {
    /// None if the moduli share a factor.
    fn new(p: &[u64], q: &[u64]) -> Option<Garner> {
        let (p, q) = (SecretLimbs::new(p.to_vec()), SecretLimbs::new(q.to_vec()));
        let q_inverse = Option::from(constant::invert_mod(&constant::rem(&q, &p), &p))?;
        Some(Garner { p, q, q_inverse })
    }

    /// The number below p q with these residues, which are below p and q; as wide as p and q together.
    fn join(&self, mod_p: &SecretLimbs, mod_q: &SecretLimbs) -> SecretLimbs {
        let mod_p = constant::resize(mod_p, self.p.len());
        let difference = constant::sub_mod(&mod_p, &constant::rem(mod_q, &self.p), &self.p);
        let multiple = constant::mul_mod(&difference, &self.q_inverse, &self.p);
        let joined = constant::add(&constant::mul(&self.q, &multiple), mod_q);
        constant::resize(&joined, self.p.len() + self.q.len())
    }
}

/// Refuses factors that no modulus can have.
pub(super) fn require_odd(factors: [&SecretLimbs; 2]) -> Result<(), EngineError> {
    let is_odd = |factor: &SecretLimbs| {
        let value = factor.to_integer();
        value.is_odd() && *value > 1
    };
    if factors.into_iter().all(is_odd) {
        return Ok(());
    }
    Err(EngineError::Factors { reason: "a factor is even or below 3" })
}

impl Crt {
    /// From two odd factors that are coprime to each other. Their lengths are public.
    ///
    /// # Errors
    /// [`EngineError::Factors`].
    pub fn new(p: &SecretLimbs, q: &SecretLimbs) -> Result<Crt, EngineError> {
        require_odd([p, q])?;
        let (p_squared, q_squared) = (Modulus::secret_square_of(p), Modulus::secret_square_of(q));
        let n_squared = Modulus::square_of(&constant::mul(p, q).to_integer());
        let roots = p_squared.root_limbs().zip(q_squared.root_limbs()).and_then(|(p, q)| Garner::new(p, q));
        let squares = Idempotents::new(p_squared.limbs(), q_squared.limbs());
        let (Some(roots), Some(squares)) = (roots, squares) else {
            return Err(EngineError::Factors { reason: "the factors share a factor" });
        };
        Ok(Crt { p_squared, q_squared, n_squared, roots, squares: Arc::new(squares) })
    }

    /// p^2 and q^2.
    pub fn moduli(&self) -> (&Modulus, &Modulus) {
        (&self.p_squared, &self.q_squared)
    }

    /// n^2.
    pub fn product_modulus(&self) -> &Modulus {
        &self.n_squared
    }

    /// k residues modulo n^2 to 2k: first all modulo p^2, then all modulo q^2.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of another modulus.
    pub fn split(&self, engine: &Engine, batch: &Batch) -> Result<Batch, EngineError> {
        if *batch.moduli() != Moduli::from(&self.n_squared) {
            return refuse("residues to split that are not modulo the product of the factors".to_owned());
        }
        let twice = SecretLimbs::new(engine.store_limbs(batch).as_slice().repeat(2));
        Ok(engine.load_limbs(&self.halves(batch.len()), &twice, 2 * batch.len()))
    }

    /// 2k residues, first all modulo p^2, then all modulo q^2, to k modulo n^2, for p and q of one length.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of other moduli, or factors of different lengths.
    pub fn join(&self, engine: &Engine, halves: &Batch) -> Result<Batch, EngineError> {
        // Two factors of b bits: p^2 and q^2 are below 2^2b, which is at most 4 n.
        let [p_bits, q_bits] =
            [&self.p_squared, &self.q_squared].map(|square| square.root().map(Integer::significant_bits));
        if p_bits != q_bits {
            return refuse("residues to join whose factors differ in length".to_owned());
        }
        let len = self.joined_len(halves)?;
        let numbers = engine.store_limbs(halves);
        let (mod_p, mod_q) = numbers.as_slice().split_at(len * self.half_width());
        let factors = self.squares.form(engine, &self.n_squared);
        Ok(engine.load_combination(&self.n_squared, [mod_p, mod_q], &factors, len))
    }

    /// For 2k `halves` that are 1 modulo p and q, the k numbers in [0, n) that are (x - 1)/p * scale.0 modulo p and
    /// (x - 1)/q * scale.1 modulo q: Paillier's L with its factor.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of other moduli.
    pub fn join_dual_high(
        &self,
        engine: &Engine,
        halves: &Batch,
        scale: (&SecretLimbs, &SecretLimbs),
    ) -> Result<Vec<SecretInteger>, EngineError> {
        let joined = self.map_halves(engine, halves, |mod_p, mod_q| {
            let high_p = scaled_high(&mod_p, &self.roots.p, scale.0);
            let high_q = scaled_high(&mod_q, &self.roots.q, scale.1);
            self.roots.join(&high_p, &high_q)
        })?;
        Ok(joined.iter().map(SecretLimbs::to_integer).collect())
    }

    /// `join` of the two halves of each of k residues.
    fn map_halves(
        &self,
        engine: &Engine,
        halves: &Batch,
        join: impl Fn(SecretLimbs, SecretLimbs) -> SecretLimbs + Sync,
    ) -> Result<Vec<SecretLimbs>, EngineError> {
        let len = self.joined_len(halves)?;
        let width = self.half_width();
        let numbers = engine.store_limbs(halves);
        let (mod_p, mod_q) = numbers.as_slice().split_at(len * width);
        let pairs = mod_p.par_chunks(width).zip(mod_q.par_chunks(width));
        let own = |half: &[u64]| SecretLimbs::new(half.to_vec());
        Ok(engine.install(|| pairs.map(|(mod_p, mod_q)| join(own(mod_p), own(mod_q))).collect()))
    }

    /// Half the length of a batch of halves.
    fn joined_len(&self, halves: &Batch) -> Result<usize, EngineError> {
        let len = halves.len() / 2;
        if *halves.moduli() == self.halves(len) {
            Ok(len)
        } else {
            refuse("residues to join that are not half modulo p^2 and half modulo q^2".to_owned())
        }
    }

    /// Limbs of a residue in a batch of halves: those of the wider modulus.
    fn half_width(&self) -> usize {
        self.p_squared.limbs().len().max(self.q_squared.limbs().len())
    }

    fn halves(&self, len: usize) -> Moduli {
        let moduli = repeat_n(&self.p_squared, len).chain(repeat_n(&self.q_squared, len));
        Moduli::Each(moduli.cloned().collect())
    }
}

/// (x - 1)/root * scale mod root, x below root^2.
fn scaled_high(x: &SecretLimbs, root: &SecretLimbs, scale: &SecretLimbs) -> SecretLimbs {
    let (high, _) = constant::div_rem(&constant::sub_small(x, 1), root);
    constant::mul_mod(&high, scale, root)
}

impl fmt::Debug for Crt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crt(..)")
    }
}
