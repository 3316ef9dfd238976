//! The private key: decryption, and encryption by the owner through p^2 and q^2.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;
use rug::Integer;
use rug::integer::Order;
use subtle::Choice;

use super::Encrypt;
use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::form::KeyForm;
use super::keygen::{self, Draft};
use super::public_key::{PublicKey, random_exponents};
use crate::arith::{Batch, Crt, Engine, Exponents, Opener, PowerTable, constant};
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs};

/// A private key. Cloning shares it; the last clone wipes it.
#[derive(Clone)]
pub struct SecretKey(Arc<Inner>);

struct Inner {
    public: PublicKey,
    p: SecretLimbs,
    q: SecretLimbs,
    crt: Crt,
    /// By p - 1 and q - 1.
    opening: Opening,
    /// By the orders of h, where these are shorter.
    short_opening: Option<Opening>,
    /// h modulo p^2 and modulo q^2, for encryption.
    h_powers: (PowerTable, PowerTable),
    without_crt: OnceLock<WithoutCrt>,
}

/// What takes the randomiser off a ciphertext and opens what is left.
struct Opening {
    /// Exponents a, b with R^a = 1 mod p^2 and R^b = 1 mod q^2 for the randomisers R that it is for.
    orders: (SecretLimbs, SecretLimbs),
    /// Length of the exponents, which is public.
    order_bits: u32,
    /// (L_p((1 + n)^a mod p^2))^-1 mod p, which is (a q)^-1 mod p, and the same for q.
    factors: (SecretLimbs, SecretLimbs),
    opener: Opener,
}

/// phi = (p-1)(q-1) and its inverse modulo n.
struct WithoutCrt {
    phi: SecretLimbs,
    phi_inverse: SecretLimbs,
}

impl SecretKey {
    /// A new key whose n has exactly `key_bits` bits, by rule 1 of protocol.md, of the form [`KeyForm::Full`]. Timing
    /// class: `constant`, see `paillier/keygen.rs`.
    ///
    /// # Errors
    /// If `key_bits` is odd or not in 1024..=4096.
    pub fn generate(engine: &Engine, key_bits: u32, rng: &mut SecureRng) -> Result<SecretKey, PaillierError> {
        SecretKey::generate_form(engine, key_bits, KeyForm::Full, rng)
    }

    /// [`SecretKey::generate`] for any form.
    ///
    /// # Errors
    /// If `key_bits` is odd or not in 1024..=4096.
    pub fn generate_form(
        engine: &Engine,
        key_bits: u32,
        form: KeyForm,
        rng: &mut SecureRng,
    ) -> Result<SecretKey, PaillierError> {
        let Draft { p, q, h, orders } = keygen::draw(engine, key_bits, form, rng)?;
        let n = Integer::clone(&constant::mul(&p, &q).to_integer());
        SecretKey::assemble(PublicKey::from_parts(n, h, form), p, q, orders)
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
        SecretKey::assemble(public, exact_limbs(p), exact_limbs(q), None)
    }

    /// The private key of `public`, for primes of equal length (so that gcd(n, (p-1)(q-1)) = 1) or otherwise checked, and
    /// the orders of h modulo them where it generates a subgroup.
    pub(super) fn assemble(
        public: PublicKey,
        p: SecretLimbs,
        q: SecretLimbs,
        orders: Option<(SecretLimbs, SecretLimbs)>,
    ) -> Result<SecretKey, PaillierError> {
        let crt = Crt::new(&p, &q)?;
        let short_opening = orders.map(|orders| Opening::new(&crt, &p, &q, orders));
        let opening = Opening::new(&crt, &p, &q, (constant::sub_small(&p, 1), constant::sub_small(&q, 1)));
        let (p_squared, q_squared) = crt.moduli();
        let h = exact_limbs(public.h());
        let h_modulo = |modulus: &Integer| constant::rem(&h, &exact_limbs(modulus)).to_integer();
        let h_powers = (
            PowerTable::new(p_squared, h_modulo(p_squared.value())),
            PowerTable::new(q_squared, h_modulo(q_squared.value())),
        );
        Ok(SecretKey(Arc::new(Inner {
            public,
            p,
            q,
            crt,
            opening,
            short_opening,
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
        public.blind(engine, values, &self.own_randomizers(engine, values.len(), rng)?)
    }

    /// `count` fresh randomisers of this key's ciphertexts, each to be used once. Timing class: `fixed_sequence` in the
    /// randomisers, `constant` in the key.
    pub(super) fn own_randomizers(
        &self,
        engine: &Engine,
        count: usize,
        rng: &mut SecureRng,
    ) -> Result<Batch, PaillierError> {
        match &self.0.short_opening {
            None => self.randomizers(engine, &random_exponents(count, self.public_key().randomizer_bits(), rng)),
            Some(Opening { orders: (v, w), .. }) => {
                let (at_p, at_q) = &self.0.h_powers;
                let halves = [
                    at_p.power(engine, &Exponents::single_use_below(engine, v, count, rng))?,
                    at_q.power(engine, &Exponents::single_use_below(engine, w, count, rng))?,
                ];
                Ok(self.0.crt.join(engine, &Batch::concat(&halves))?)
            }
        }
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
        let own = self.0.short_opening.as_ref().map(|opening| opening.order_bits);
        let bits = own.unwrap_or(self.public_key().randomizer_bits());
        at_p.prepare(engine, bits)?;
        Ok(at_q.prepare(engine, bits)?)
    }

    /// The signed plaintexts, in (-n/2, n/2), by the Chinese remainder theorem: m = L_p(c^a mod p^2) h_p mod p, the same
    /// for q, joined. The exponent a is p - 1, or the order of h where that is shorter: what is not 1 modulo p and q then
    /// has another randomiser (r^n of a foreign encrypter), and the batch is opened with p - 1 and q - 1 after all, which
    /// shows in the time. Timing class: `constant` in the key; taking the sign off a plaintext shows the sign.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn decrypt_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
    ) -> Result<Vec<SecretInteger>, PaillierError> {
        admit::same_key(self.public_key().id(), ciphertexts.key().id())?;
        let Inner { crt, opening, short_opening, .. } = &*self.0;
        let halves = crt.split(engine, ciphertexts.batch())?;
        if let Some(short) = short_opening {
            let (residues, all_open) = short.open(engine, crt, &halves)?;
            if all_open.into() {
                return Ok(residues.into_iter().map(|residue| self.decode(residue)).collect());
            }
        }
        let (residues, _) = opening.open(engine, crt, &halves)?;
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
        let (at_p, at_q) = &self.0.opening.factors;
        (at_p.to_integer(), at_q.to_integer())
    }

    pub(super) fn primes(&self) -> (&SecretLimbs, &SecretLimbs) {
        (&self.0.p, &self.0.q)
    }

    /// The orders of h modulo p and q, where it generates a subgroup.
    pub(super) fn orders(&self) -> Option<(&SecretLimbs, &SecretLimbs)> {
        self.0.short_opening.as_ref().map(|opening| (&opening.orders.0, &opening.orders.1))
    }

    fn decode(&self, residue: SecretInteger) -> SecretInteger {
        SecretInteger::new(self.public_key().decode(Integer::clone(&residue)))
    }

    fn without_crt(&self) -> &WithoutCrt {
        self.0.without_crt.get_or_init(|| {
            let n = exact_limbs(self.public_key().n());
            let (p_order, q_order) = &self.0.opening.orders;
            let phi = constant::resize(&constant::mul(p_order, q_order), n.len());
            let inverse = constant::invert_mod(&phi, &n).into_option();
            WithoutCrt { phi_inverse: inverse.expect("every key has gcd(n, phi(n)) = 1"), phi }
        })
    }
}

impl Opening {
    /// For primes that [`Crt::new`] has found coprime, and orders below them.
    fn new(crt: &Crt, p: &SecretLimbs, q: &SecretLimbs, orders: (SecretLimbs, SecretLimbs)) -> Opening {
        let factors = (decryption_factor(p, q, &orders.0), decryption_factor(q, p, &orders.1));
        let bits = |order: &SecretLimbs| order.to_integer().significant_bits();
        Opening {
            order_bits: bits(&orders.0).max(bits(&orders.1)),
            opener: crt.opener((&factors.0, &factors.1)),
            factors,
            orders,
        }
    }

    /// The plaintexts in [0, n) of ciphertexts by their `halves`, and whether all had a randomiser that this is for;
    /// `constant`.
    fn open(&self, engine: &Engine, crt: &Crt, halves: &Batch) -> Result<(Vec<SecretInteger>, Choice), PaillierError> {
        let count = halves.len() / 2;
        let mut orders = vec![self.orders.0.clone(); count];
        orders.resize(2 * count, self.orders.1.clone());
        let powers = engine.power(halves, &Exponents::long_lived(orders, self.order_bits))?;
        Ok(crt.open(engine, &powers, &self.opener)?)
    }
}

/// (order other)^-1 modulo `prime`, which divides neither.
fn decryption_factor(prime: &SecretLimbs, other: &SecretLimbs, order: &SecretLimbs) -> SecretLimbs {
    let product = constant::rem(&constant::mul(order, other), prime);
    constant::invert_mod(&product, prime).into_option().expect("p and q are coprime and the orders below them")
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
