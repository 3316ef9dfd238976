//! The public key: encryption, re-randomisation, encoding of signed numbers.

use std::fmt;
use std::sync::Arc;

use rug::Integer;
use rug::integer::Order;

use super::Encrypt;
use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::PaillierError;
use super::form::KeyForm;
use super::key_id::KeyId;
use crate::arith::{Batch, Engine, Exponents, Moduli, Modulus, PowerTable};
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs, wipe};

/// A public key (n, h) with g = 1 + n. Cloning is cheap; the table of powers of h is built once, when it is needed.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    n: Integer,
    /// (n - 1) / 2, the largest plaintext.
    max_plaintext: Integer,
    n_squared: Modulus,
    h: Integer,
    form: KeyForm,
    id: KeyId,
    h_powers: PowerTable,
}

impl PublicKey {
    /// Admits a foreign key by rules K1 to K8 ([`AdmissionRule`](super::AdmissionRule)).
    ///
    /// # Errors
    /// If the key is refused.
    pub fn admit(n: Integer, h: Integer, form: KeyForm) -> Result<PublicKey, PaillierError> {
        admit::public_key(&n, &h)?;
        Ok(PublicKey::from_parts(n, h, form))
    }

    /// A key without any check, of any odd n, with h = (-4)^n mod n^2. For known answers only: such a key may hide nothing.
    #[doc(hidden)]
    pub fn from_modulus_for_tests(n: Integer) -> PublicKey {
        let n_squared = Integer::from(n.square_ref());
        let h = Integer::from(&n_squared - 4u32).secure_pow_mod(&n, &n_squared);
        PublicKey::from_parts(n, h, KeyForm::Full)
    }

    /// A key that was made here or has been admitted.
    pub(super) fn from_parts(n: Integer, h: Integer, form: KeyForm) -> PublicKey {
        let n_squared = Modulus::square_of(&n);
        PublicKey(Arc::new(Inner {
            max_plaintext: Integer::from(&n >> 1),
            id: KeyId::of(&n, &h, form),
            h_powers: PowerTable::new(&n_squared, SecretInteger::new(h.clone())),
            n_squared,
            n,
            h,
            form,
        }))
    }

    /// The modulus n.
    pub fn n(&self) -> &Integer {
        &self.0.n
    }

    /// The base h of the randomisers, in (0, n^2).
    pub fn h(&self) -> &Integer {
        &self.0.h
    }

    /// Which group h generates.
    pub fn form(&self) -> KeyForm {
        self.0.form
    }

    /// Length of n in bits.
    pub fn key_bits(&self) -> u32 {
        self.0.n.significant_bits()
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// The modulus n^2 of the ciphertexts.
    pub fn modulus(&self) -> &Modulus {
        &self.0.n_squared
    }

    /// Length of a ciphertext in files and messages: ceil(2 key_bits / 8) bytes.
    pub fn ciphertext_len_bytes(&self) -> usize {
        (2 * self.key_bits()).div_ceil(8) as usize
    }

    /// E: length of a fresh randomiser's exponent s in h^s, half of n's length rounded up (protocol.md, rule 1); in a
    /// subgroup what makes h^s uniform there.
    pub fn randomizer_bits(&self) -> u32 {
        self.form().randomizer_bits(self.key_bits())
    }

    /// Length of s in the h^s that hides a sum of `terms` ciphertexts h^e, e < 2^E, raised to secret exponents of
    /// `exponent_bits` bits: E + T + ceil(log2 d) + sigma (protocol.md, rule 1). In a subgroup the sum's own randomiser is
    /// hidden whatever its exponents: h^s is at most 2^-sigma from uniform, if the key was made honestly; nobody but
    /// its owner can check the order of h.
    pub fn rerandomizer_bits(&self, exponent_bits: u32, terms: usize, sigma: u32) -> u32 {
        self.uniform_randomizer_bits(sigma).unwrap_or_else(|| {
            self.randomizer_bits() + exponent_bits + terms.max(1).next_power_of_two().ilog2() + sigma
        })
    }

    /// Length of s for results of element-wise chains, whose own exponents have grown without a small bound: |n| + sigma
    /// (protocol.md, rule 1).
    pub fn chain_randomizer_bits(&self, sigma: u32) -> u32 {
        self.uniform_randomizer_bits(sigma).unwrap_or(self.key_bits() + sigma)
    }

    /// Length of s for h^s that are at most 2^-sigma from uniform in the subgroup: h has an order below 2^(2t), and s is
    /// taken modulo it.
    fn uniform_randomizer_bits(&self, sigma: u32) -> Option<u32> {
        self.form().order_bits(self.key_bits()).map(|order_bits| 2 * order_bits + sigma)
    }

    /// Fresh ciphertexts (1 + n v) h^s of signed values |v| < n/2, s uniform in [0, 2^E). Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If a value is out of range or the engine fails.
    pub fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        self.require_plaintexts(values)?;
        let randomizers = self.randomizers(engine, &random_exponents(values.len(), self.randomizer_bits(), rng))?;
        self.blind(engine, values, &randomizers)
    }

    /// Fresh ciphertexts (1 + n v) r^n of signed values |v| < n/2, r uniform in Z_n, as ISO/IEC 18033-6 has it: for foreign
    /// keys, whose h nobody can vouch for. Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If a value is out of range or the engine fails.
    pub fn encrypt_rn_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        // An r that shares a factor with n would factor n; it comes up with probability below 2^(2 - key_bits / 2).
        let randomness = values.iter().map(|_| Integer::clone(&rng.below(self.n()))).collect();
        self.encrypt_with(engine, values, randomness)
    }

    /// [`PublicKey::encrypt_rn_many`] with given r, which may be n or more: only r mod n matters. For known answers only.
    #[doc(hidden)]
    pub fn encrypt_with_randomness_for_tests(
        &self,
        engine: &Engine,
        values: &[Integer],
        randomness: &[Integer],
    ) -> Result<Ciphertexts, PaillierError> {
        let reduced = randomness.iter().map(|r| Integer::from(r % self.n())).collect();
        self.encrypt_with(engine, values, reduced)
    }

    /// 1 + n v, without randomness: only to be multiplied into something random. Values of any sign and size.
    /// Timing class: `fixed_sequence`.
    pub fn encode_many(&self, engine: &Engine, values: &[Integer]) -> Ciphertexts {
        Ciphertexts::from_batch(self, engine.load_one_plus(self.modulus(), values))
    }

    /// h^s for the given s, from the table, which grows to the length needed. Timing class: that of the exponents.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn randomizers(&self, engine: &Engine, exponents: &Exponents) -> Result<Batch, PaillierError> {
        Ok(self.0.h_powers.power(engine, exponents)?)
    }

    /// Builds the table of h for exponents of up to `bits` bits now, not when they are first needed.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn prepare_randomizers(&self, engine: &Engine, bits: u32) -> Result<(), PaillierError> {
        Ok(self.0.h_powers.prepare(engine, bits)?)
    }

    /// The same plaintexts in ciphertexts that were multiplied by h^s, s fresh and uniform in [0, 2^`bits`).
    /// Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn rerandomize_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        bits: u32,
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        admit::same_key(self.id(), ciphertexts.key().id())?;
        let randomizers = self.randomizers(engine, &random_exponents(ciphertexts.len(), bits, rng))?;
        Ok(Ciphertexts::from_batch(self, engine.product(ciphertexts.batch(), &randomizers)?))
    }

    /// A residue in [0, n) as the signed number in (-n/2, n/2) that it stands for.
    pub fn decode(&self, residue: Integer) -> Integer {
        if residue > self.0.max_plaintext { residue - self.n() } else { residue }
    }

    /// Refuses values outside (-n/2, n/2).
    pub(super) fn require_plaintexts(&self, values: &[Integer]) -> Result<(), PaillierError> {
        match values.iter().position(|value| value.cmp_abs(&self.0.max_plaintext).is_gt()) {
            None => Ok(()),
            Some(index) => Err(PaillierError::PlaintextRange {
                index,
                bits: values[index].significant_bits(),
                key_bits: self.key_bits(),
            }),
        }
    }

    /// (1 + n v) times its randomiser, for values that are in range.
    pub(super) fn blind(
        &self,
        engine: &Engine,
        values: &[Integer],
        randomizers: &Batch,
    ) -> Result<Ciphertexts, PaillierError> {
        let encoded = engine.load_one_plus(self.modulus(), values);
        Ok(Ciphertexts::from_batch(self, engine.product(&encoded, randomizers)?))
    }

    /// (1 + n v) r^n; `randomness` is wiped.
    fn encrypt_with(
        &self,
        engine: &Engine,
        values: &[Integer],
        mut randomness: Vec<Integer>,
    ) -> Result<Ciphertexts, PaillierError> {
        let bases = engine.load(&Moduli::from(self.modulus()), &randomness);
        randomness.iter_mut().for_each(wipe);
        self.require_plaintexts(values)?;
        // n is public; the class asks for operations that do not depend on the base.
        let exponent = SecretLimbs::new(self.n().to_digits(Order::Lsf));
        let exponents = Exponents::single_use(vec![exponent], self.key_bits());
        self.blind(engine, values, &engine.power(&bases, &exponents)?)
    }
}

/// `count` fresh exponents, uniform in [0, 2^`bits`), each for one use.
pub(super) fn random_exponents(count: usize, bits: u32, rng: &mut SecureRng) -> Exponents {
    Exponents::fresh(count, bits, rng)
}

impl Encrypt for PublicKey {
    fn public_key(&self) -> &PublicKey {
        self
    }

    fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError> {
        PublicKey::encrypt_many(self, engine, values, rng)
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.id() == other.id()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} bits, {})", self.key_bits(), self.id())
    }
}
