//! The key owner's side: residues modulo n^2 apart into residues modulo p^2 and q^2, and back.

use std::fmt;
use std::iter::repeat_n;
use std::sync::{Arc, Mutex, PoisonError};

use rug::Integer;
use rug::integer::Order;
use subtle::{Choice, ConstantTimeEq};

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
    /// n as the modulus of plaintexts, which are secret.
    n: Modulus,
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
        let one = SecretLimbs::new(vec![1]);
        Idempotents::scaled((&p, &q), (&one, &one))
    }

    /// The idempotents times `scale.0` and `scale.1`: they join x_p scale.0 mod p and x_q scale.1 mod q. None if the
    /// moduli share a factor.
    fn scaled((p, q): (&SecretLimbs, &SecretLimbs), scale: (&SecretLimbs, &SecretLimbs)) -> Option<Idempotents> {
        let factor = |own: &SecretLimbs, other: &SecretLimbs, scale: &SecretLimbs| {
            let inverse: Option<SecretLimbs> = constant::invert_mod(&constant::rem(other, own), own).into();
            Some(constant::mul(other, &constant::mul_mod(&inverse?, scale, own)))
        };
        Some(Idempotents { factors: [factor(p, q, scale.0)?, factor(q, p, scale.1)?], forms: Mutex::default() })
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

/// Paillier's L with its factor, for residues modulo p^2 and q^2 that are 1 modulo p and q; secret, wiped on drop.
pub struct Opener(Idempotents);

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
        let n = Modulus::secret_plain(&constant::mul(p, q));
        let Some(squares) = Idempotents::new(p_squared.limbs(), q_squared.limbs()) else {
            return Err(EngineError::Factors { reason: "the factors share a factor" });
        };
        Ok(Crt { p_squared, q_squared, n_squared, n, squares: Arc::new(squares) })
    }

    /// What [`Crt::open`] multiplies by: numbers modulo p and modulo q.
    ///
    /// # Panics
    /// If a factor is not as wide as its prime.
    pub fn opener(&self, scale: (&SecretLimbs, &SecretLimbs)) -> Opener {
        let root = |square: &Modulus| SecretLimbs::new(square.root_limbs().expect("a square has a root").to_vec());
        let (p, q) = (root(&self.p_squared), root(&self.q_squared));
        Opener(Idempotents::scaled((&p, &q), scale).expect("the factors are coprime, or there were no such pair"))
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

    /// For 2k `halves` that are 1 modulo p and q, the k numbers in [0, n) that are (x - 1)/p times the opener's factor
    /// modulo p, and the same modulo q; and whether all were 1 modulo p and q.
    ///
    /// # Errors
    /// [`EngineError::Shape`] for residues of other moduli.
    pub fn open(
        &self,
        engine: &Engine,
        halves: &Batch,
        opener: &Opener,
    ) -> Result<(Vec<SecretInteger>, Choice), EngineError> {
        let len = self.joined_len(halves)?;
        let [low, high] = engine.store_halves(halves);
        let width = low.len() / halves.len().max(1);
        let is_one = |number: &[u64]| number[1..].iter().fold(number[0] ^ 1, |seen, limb| seen | limb).ct_eq(&0);
        let all_one = low.as_slice().chunks_exact(width.max(1)).fold(Choice::from(1), |all, low| all & is_one(low));
        let (mod_p, mod_q) = high.as_slice().split_at(len * width);
        let factors = opener.0.form(engine, &self.n);
        let joined = engine.load_combination(&self.n, [mod_p, mod_q], &factors, len);
        let numbers = engine.store_limbs(&joined);
        let number = |limbs: &[u64]| SecretInteger::new(Integer::from_digits(limbs, Order::Lsf));
        let numbers = numbers.as_slice().chunks_exact(self.n.limbs().len()).map(number).collect();
        Ok((numbers, all_one))
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

impl fmt::Debug for Crt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crt(..)")
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(..)")
    }
}
