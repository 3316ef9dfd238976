//! The private key: decryption, and encryption by the owner through p^2 and q^2.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;

use super::Encrypt;
use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::keygen::{self, Draft};
use super::public_key::{PublicKey, random_exponents};
use crate::arith::{Batch, Crt, Engine, Exponents, PowerTable, constant};
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs};

/// A private key. Cloning shares it; the last clone wipes it.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    public: PublicKey,
    p: SecretLimbs,
    q: SecretLimbs,
    /// Length of p and q, which is public.
    order_bits: u32,
    crt: Crt,
    /// (L_p((1 + n)^(p-1) mod p^2))^-1 mod p, which is (-q)^-1 mod p, and the same for q.
    factors: (SecretLimbs, SecretLimbs),
    /// h modulo p^2 and modulo q^2, for encryption.
    h_powers: (PowerTable, PowerTable),
    without_crt: OnceLock<WithoutCrt>,
}

/// phi = (p-1)(q-1) and its inverse modulo n.
struct WithoutCrt {
    phi: SecretLimbs,
    phi_inverse: SecretLimbs,
}

impl SecretKey {
    /// A new key whose n has exactly `key_bits` bits, by rule 1 of protocol.md. Timing class: `constant`, see
    /// `paillier/keygen.rs`.
    ///
    /// # Errors
    /// If `key_bits` is odd or not in 1024..=4096.
    pub fn generate(engine: &Engine, key_bits: u32, rng: &mut SecureRng) -> Result<SecretKey, PaillierError> {
        let Draft { p, q, h } = keygen::draw(engine, key_bits, rng)?;
        let n = Integer::clone(&constant::mul(&p, &q).to_integer());
        SecretKey::assemble(PublicKey::from_parts(n, h), p, q)
    }

    /// A key of any two different odd primes with gcd(p q, (p-1)(q-1)) = 1, without any other check and with the h of
    /// [`PublicKey::from_modulus_for_tests`]. For known answers only: n may have 17 bits. Where p and q differ in length, all
    /// but the owner's encryption works.
    #[doc(hidden)]
    pub fn from_primes_for_tests(p: &Integer, q: &Integer) -> Result<SecretKey, PaillierError> {
        let n = Integer::from(p * q);
        let phi = Integer::from(p - 1u32) * Integer::from(q - 1u32);
        if phi.gcd(&n) != 1 {
            return Err(PaillierError::Shape("p divides q - 1 or q divides p - 1: not a Paillier key".into()));
        }
        let public = PublicKey::from_modulus_for_tests(n);
        SecretKey::assemble(public, exact_limbs(p), exact_limbs(q))
    }

    /// The private key of `public`, for primes of equal length (so that gcd(n, (p-1)(q-1)) = 1) or otherwise checked.
    pub(super) fn assemble(public: PublicKey, p: SecretLimbs, q: SecretLimbs) -> Result<SecretKey, PaillierError> {
        let crt = Crt::new(&p, &q)?;
        let factors = (decryption_factor(&p, &q), decryption_factor(&q, &p));
        let (p_squared, q_squared) = crt.moduli();
        let h = exact_limbs(public.h());
        let h_modulo = |modulus: &Integer| constant::rem(&h, &exact_limbs(modulus)).to_integer();
        let h_powers = (
            PowerTable::new(p_squared, h_modulo(p_squared.value())),
            PowerTable::new(q_squared, h_modulo(q_squared.value())),
        );
        let order_bits = p.to_integer().significant_bits().max(q.to_integer().significant_bits());
        Ok(SecretKey(Arc::new(Inner {
            public,
            p,
            q,
            order_bits,
            crt,
            factors,
            h_powers,
            without_crt: OnceLock::new(),
        })))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.0.public
    }

    /// Fresh ciphertexts as [`PublicKey::encrypt_many`] makes them, through tables modulo p^2 and q^2, whose numbers are half as long.
    /// Timing class: `fixed_sequence` in values and randomisers, `constant` in the key.
    ///
    /// # Errors
    /// If a value is out of range or the engine fails.
    pub fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        let public = self.public_key();
        public.require_plaintexts(values)?;
        let randomizers = self.randomizers(engine, &random_exponents(values.len(), public.randomizer_bits(), rng))?;
        public.blind(engine, values, &randomizers)
    }

    /// h^s for the given s as [`PublicKey::randomizers`] makes them, through p^2 and q^2.
    /// Timing class: that of the exponents, `constant` in the key.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn randomizers(&self, engine: &Engine, exponents: &Exponents) -> Result<Batch, PaillierError> {
        let (at_p, at_q) = &self.0.h_powers;
        let halves = Batch::concat(&[at_p.power(engine, exponents)?, at_q.power(engine, exponents)?]);
        Ok(self.0.crt.join(engine, &halves)?)
    }

    /// Builds the tables of [`SecretKey::encrypt_many`] now, not when it is first called.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn prepare_encryption(&self, engine: &Engine) -> Result<(), PaillierError> {
        let (at_p, at_q) = &self.0.h_powers;
        let bits = self.public_key().randomizer_bits();
        at_p.prepare(engine, bits)?;
        Ok(at_q.prepare(engine, bits)?)
    }

    /// The signed plaintexts, in (-n/2, n/2), by the Chinese remainder theorem: m = L_p(c^(p-1) mod p^2) h_p mod p, the
    /// same for q, joined. Timing class: `constant` in the key; taking the sign off a plaintext shows the sign.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn decrypt_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
    ) -> Result<Vec<SecretInteger>, PaillierError> {
        admit::same_key(self.public_key().id(), ciphertexts.key().id())?;
        let Inner { crt, factors, .. } = &*self.0;
        let halves = crt.split(engine, ciphertexts.batch())?;
        let powers = engine.power(&halves, &self.orders(ciphertexts.len()))?;
        let residues = crt.join_dual_high(engine, &powers, (&factors.0, &factors.1))?;
        Ok(residues.into_iter().map(|residue| self.decode(residue)).collect())
    }

    /// What [`SecretKey::decrypt_many`] gives, the long way: m = L(c^phi mod n^2) phi^-1 mod n with phi = (p-1)(q-1).
    /// Timing class: `constant` in the key.
    ///
    /// # Errors
    /// As [`SecretKey::decrypt_many`].
    pub fn decrypt_no_crt_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
    ) -> Result<Vec<SecretInteger>, PaillierError> {
        let public = self.public_key();
        admit::same_key(public.id(), ciphertexts.key().id())?;
        let WithoutCrt { phi, phi_inverse } = self.without_crt();
        let exponents = Exponents::long_lived(vec![phi.clone()], public.key_bits());
        let powers: Vec<SecretInteger> =
            engine.store(&engine.power(ciphertexts.batch(), &exponents)?).into_iter().map(SecretInteger::new).collect();
        let n = exact_limbs(public.n());
        let width = 2 * n.len();
        let plaintext = |power: SecretInteger| {
            let above_one = constant::sub_small(&SecretLimbs::from_integer(&power, width), 1);
            let (high, _) = constant::div_rem(&above_one, &n);
            let residue = constant::mul_mod(&constant::resize(&high, n.len()), phi_inverse, &n);
            self.decode(residue.to_integer())
        };
        Ok(engine.install(|| powers.into_par_iter().map(plaintext).collect()))
    }

    /// The factors h_p and h_q of [`SecretKey::decrypt_many`]. For known answers only.
    #[doc(hidden)]
    pub fn decryption_factors_for_tests(&self) -> (SecretInteger, SecretInteger) {
        (self.0.factors.0.to_integer(), self.0.factors.1.to_integer())
    }

    pub(super) fn primes(&self) -> (&SecretLimbs, &SecretLimbs) {
        (&self.0.p, &self.0.q)
    }

    fn decode(&self, residue: SecretInteger) -> SecretInteger {
        SecretInteger::new(self.public_key().decode(Integer::clone(&residue)))
    }

    /// The exponents p - 1, `count` times, then q - 1, `count` times.
    fn orders(&self, count: usize) -> Exponents {
        let [p_order, q_order] = [&self.0.p, &self.0.q].map(|prime| constant::sub_small(prime, 1));
        let mut orders = vec![p_order; count];
        orders.resize(2 * count, q_order);
        Exponents::long_lived(orders, self.0.order_bits)
    }

    fn without_crt(&self) -> &WithoutCrt {
        self.0.without_crt.get_or_init(|| {
            let n = exact_limbs(self.public_key().n());
            let [p_order, q_order] = [&self.0.p, &self.0.q].map(|prime| constant::sub_small(prime, 1));
            let phi = constant::resize(&constant::mul(&p_order, &q_order), n.len());
            let inverse = constant::invert_mod(&phi, &n).into_option();
            WithoutCrt { phi_inverse: inverse.expect("every key has gcd(n, phi(n)) = 1"), phi }
        })
    }
}

/// (-other)^-1 modulo `prime`, for primes that [`Crt::new`] has found coprime.
fn decryption_factor(prime: &SecretLimbs, other: &SecretLimbs) -> SecretLimbs {
    let minus_other = constant::sub_mod(&SecretLimbs::zero(prime.len()), &constant::rem(other, prime), prime);
    constant::invert_mod(&minus_other, prime).into_option().expect("p and q are coprime")
}

/// A number in as many limbs as it has: used where the length is public.
fn exact_limbs(value: &Integer) -> SecretLimbs {
    SecretLimbs::new(value.to_digits(Order::Lsf))
}

impl Encrypt for SecretKey {
    fn public_key(&self) -> &PublicKey {
        SecretKey::public_key(self)
    }

    fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        SecretKey::encrypt_many(self, engine, values, rng)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.public_key().id())
    }
}
