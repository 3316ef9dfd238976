//! The private key: the test for zero, decryption, and encryption by the owner through p and q.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rug::Integer;
use rug::integer::Order;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::DgkError;
use super::keygen::{self, Draft};
use super::parameters::Parameters;
use super::public_key::PublicKey;
use super::slots::SLOTS;
use crate::arith::{Batch, Engine, EngineError, Exponents, PlainCrt, PowerTable, constant};
use crate::rng::SecureRng;
use crate::secret::SecretLimbs;

/// A private key. Cloning shares it; the last clone wipes it.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    public: PublicKey,
    p: SecretLimbs,
    q: SecretLimbs,
    v_p: SecretLimbs,
    v_q: SecretLimbs,
    crt: PlainCrt,
    /// h modulo p and modulo q, for encryption.
    h_powers: (PowerTable, PowerTable),
    /// For each slot g^(v_p u / u_i m) mod p for all its numbers m.
    opened: OnceLock<Vec<Vec<SecretLimbs>>>,
}

impl SecretKey {
    /// A new key. Timing class: `constant`, see `dgk/keygen.rs`.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn generate(engine: &Engine, parameters: Parameters, rng: &mut SecureRng) -> Result<SecretKey, DgkError> {
        let draft = keygen::draw(engine, parameters, rng);
        SecretKey::assemble(parameters, draft)
    }

    /// The key of a draft that was made here or has been admitted.
    pub(super) fn assemble(parameters: Parameters, draft: Draft) -> Result<SecretKey, DgkError> {
        let Draft { p, q, v_p, v_q, g, h } = draft;
        let crt = PlainCrt::new(&p, &q)?;
        let base = SecretLimbs::new(h.to_digits(Order::Lsf));
        let powers = |modulus, prime: &SecretLimbs| PowerTable::new(modulus, constant::rem(&base, prime).to_integer());
        let h_powers = (powers(crt.moduli().0, &p), powers(crt.moduli().1, &q));
        let public = PublicKey::from_parts(parameters, crt.product_modulus().value(), g, h);
        let opened = OnceLock::new();
        Ok(SecretKey(Arc::new(Inner { public, p, q, v_p, v_q, crt, h_powers, opened })))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// Fresh ciphertexts of plaintexts in [0, u): g^m h^r, h^r at most 2^-63 from uniform, through tables modulo p and
    /// q whose exponents are below v_p and v_q. Timing class: `constant` in the plaintexts and in the key,
    /// `fixed_sequence` in r.
    ///
    /// # Errors
    /// If a plaintext is not below u or the engine fails.
    pub fn encrypt_many(
        &self,
        engine: &Engine,
        plaintexts: &[u64],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, DgkError> {
        let public = self.public_key();
        let encoded = public.encode_many(engine, plaintexts)?;
        public.multiply(engine, &encoded, &self.randomizers(engine, plaintexts.len(), rng)?)
    }

    /// [`SecretKey::encrypt_many`] for plaintexts that are 0 or 1 in every slot, bit i of a byte in slot i, and that are
    /// used once. Timing class: `fixed_sequence` in bits and r, `constant` in the key.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn encrypt_bits_many(
        &self,
        engine: &Engine,
        bits: &[u8],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, DgkError> {
        let (public, parameters) = (self.public_key(), self.parameters());
        let mut plaintexts = Zeroizing::new(Vec::with_capacity(bits.len()));
        plaintexts.extend(bits.iter().map(|bits| parameters.slots().join_bits(*bits)));
        let encoded = public.encode(engine, &Exponents::single_use_words(plaintexts, parameters.plaintext_bits()))?;
        public.multiply(engine, &encoded, &self.randomizers(engine, bits.len(), rng)?)
    }

    /// `count` numbers h^r, at most 2^-63 from uniform in the group of h. Timing class: `fixed_sequence` in r, `constant` in the key.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn randomizers(&self, engine: &Engine, count: usize, rng: &mut SecureRng) -> Result<Batch, DgkError> {
        let Inner { v_p, v_q, crt, h_powers, .. } = &*self.0;
        let at_p = h_powers.0.power(engine, &Exponents::single_use_below(engine, v_p, count, rng))?;
        let at_q = h_powers.1.power(engine, &Exponents::single_use_below(engine, v_q, count, rng))?;
        Ok(crt.join(engine, &at_p, &at_q)?)
    }

    /// Builds the tables of [`SecretKey::encrypt_many`] now, not when it is first called.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn prepare_encryption(&self, engine: &Engine) -> Result<(), DgkError> {
        let bits = self.parameters().order_bits;
        self.0.h_powers.0.prepare(engine, bits)?;
        Ok(self.0.h_powers.1.prepare(engine, bits)?)
    }

    /// For each ciphertext and slot whether the number there is 0: c^(v_p u / u_i) = 1 mod p. Timing class: `constant` in
    /// key and plaintexts.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn is_zero_many(&self, engine: &Engine, ciphertexts: &Ciphertexts) -> Result<Vec<[Choice; SLOTS]>, DgkError> {
        let is_one = |power: &[u64]| {
            let above = power[1..].iter().fold(0, |seen, limb| seen | limb);
            (above | (power[0] ^ 1)).ct_eq(&0)
        };
        let powers = self.slot_powers(engine, ciphertexts)?;
        let width = self.0.p.len();
        let of = |index: usize| powers.each_ref().map(|of_slot| is_one(&of_slot.as_slice()[index * width..][..width]));
        Ok((0..ciphertexts.len()).map(of).collect())
    }

    /// The plaintexts, the number of each slot found among all its powers of g: for tests and second opinions, the
    /// comparison needs [`SecretKey::is_zero_many`] only. Timing class: `constant` in the key, `_vartime` where
    /// plaintexts are put together.
    ///
    /// # Errors
    /// If the ciphertexts are under another key, one is not in the group of g and h, or the engine fails.
    pub fn decrypt_many(&self, engine: &Engine, ciphertexts: &Ciphertexts) -> Result<Zeroizing<Vec<u64>>, DgkError> {
        let powers = self.slot_powers(engine, ciphertexts)?;
        let width = self.0.p.len();
        let mut plaintexts = Zeroizing::new(Vec::with_capacity(ciphertexts.len()));
        for index in 0..ciphertexts.len() {
            let mut numbers = Zeroizing::new([0; SLOTS]);
            for ((number, opened), powers) in numbers.iter_mut().zip(self.opened()).zip(&powers) {
                let power = &powers.as_slice()[index * width..][..width];
                let mut found = Choice::from(0);
                for (m, opened) in (0..).zip(opened) {
                    let is_same = opened.as_slice().ct_eq(power);
                    number.conditional_assign(&m, is_same);
                    found |= is_same;
                }
                if !bool::from(found) {
                    return Err(DgkError::NoPlaintext { index });
                }
            }
            plaintexts.push(self.parameters().slots().join(&numbers));
        }
        Ok(plaintexts)
    }

    /// p, q, v_p and v_q. For known answers only.
    #[doc(hidden)]
    pub fn secrets_for_tests(&self) -> [&SecretLimbs; 4] {
        let Inner { p, q, v_p, v_q, .. } = &*self.0;
        [p, q, v_p, v_q]
    }

    pub(super) fn secrets(&self) -> admit::Secrets<'_> {
        let Inner { p, q, v_p, v_q, .. } = &*self.0;
        admit::Secrets { p, q, v_p, v_q }
    }

    fn parameters(&self) -> Parameters {
        self.public_key().parameters()
    }

    /// For each slot c^(v_p u / u_i) mod p of each ciphertext, in as many limbs as p.
    fn slot_powers(&self, engine: &Engine, ciphertexts: &Ciphertexts) -> Result<[SecretLimbs; SLOTS], DgkError> {
        let Inner { public, v_p, crt, .. } = &*self.0;
        admit::same_key(public.id(), ciphertexts.key().id())?;
        let residues = crt.modulo_p(engine, ciphertexts.batch())?;
        let order = Exponents::long_lived(vec![v_p.clone()], self.parameters().order_bits);
        let of_slots = isolate(engine, engine.power(&residues, &order)?, &self.parameters().slots().moduli())?;
        let numbers: Vec<SecretLimbs> = of_slots.iter().map(|powers| engine.store_limbs(powers)).collect();
        Ok(numbers.try_into().expect("every slot has its powers"))
    }

    fn opened(&self) -> &[Vec<SecretLimbs>] {
        self.0.opened.get_or_init(|| {
            let (Inner { public, p, v_p, .. }, parameters) = (&*self.0, self.parameters());
            let g = constant::rem(&SecretLimbs::new(public.g().to_digits(Order::Lsf)), p);
            let of_order_u = constant::pow_mod(&g, v_p, parameters.order_bits, p);
            let one = SecretLimbs::from_integer(&Integer::from(1), p.len());
            let of_slot = |(slot, modulus): (usize, u64)| {
                let cofactor = SecretLimbs::new(vec![parameters.slots().cofactor(slot)]);
                let step = constant::pow_mod(&of_order_u, &cofactor, parameters.plaintext_bits(), p);
                let next = |power: &SecretLimbs| Some(constant::mul_mod(power, &step, p));
                std::iter::successors(Some(one.clone()), next).take(modulus as usize).collect()
            };
            parameters.slots().moduli().into_iter().enumerate().map(of_slot).collect()
        })
    }
}

/// x^(u / u_i) for each prime u_i of `moduli`, whose product is u, by halves: few squares, since what the primes of one
/// half raise to serves every prime of the other.
fn isolate(engine: &Engine, numbers: Batch, moduli: &[u64]) -> Result<Vec<Batch>, EngineError> {
    if moduli.len() == 1 {
        return Ok(vec![numbers]);
    }
    let (low, high) = moduli.split_at(moduli.len() / 2);
    let without = |removed: &[u64]| {
        let exponent = Integer::from(removed.iter().product::<u64>());
        engine.power(&numbers, &Exponents::public(&[exponent]))
    };
    let mut isolated = isolate(engine, without(high)?, low)?;
    isolated.extend(isolate(engine, without(low)?, high)?);
    Ok(isolated)
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public_key().id())
    }
}
