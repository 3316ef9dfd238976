//! The public key: encryption, re-randomisation, what hides the result of a comparison.

use std::fmt;
use std::sync::Arc;

use rug::Integer;
use zeroize::Zeroizing;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::DgkError;
use super::parameters::Parameters;
use crate::arith::{Batch, Engine, Exponents, Moduli, Modulus, PowerTable};
use crate::codec::Writer;
use crate::paillier::KeyId;
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs};

/// A public key (n, g, h, u, t). Cloning is cheap; the tables of powers of g and h are built once, when they are needed.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    parameters: Parameters,
    n: Modulus,
    g: Integer,
    h: Integer,
    id: KeyId,
    /// g^m for every plaintext m.
    g_powers: PowerTable,
    h_powers: PowerTable,
}

impl PublicKey {
    /// Admits a foreign key of u = `plaintext_modulus` and t = `order_bits` by rules D1 to D11
    /// ([`AdmissionRule`](super::AdmissionRule)).
    ///
    /// # Errors
    /// If the key is refused.
    pub fn admit(
        n: Integer,
        g: Integer,
        h: Integer,
        plaintext_modulus: u32,
        order_bits: u32,
    ) -> Result<PublicKey, DgkError> {
        let key_bits = if n.is_negative() { 0 } else { n.significant_bits() };
        let parameters = admit::parameters(key_bits, order_bits, plaintext_modulus)?;
        admit::public_key(parameters, &n, &g, &h)?;
        Ok(PublicKey::from_parts(parameters, &n, g, h))
    }

    /// A key that was made here or has been admitted.
    pub(super) fn from_parts(parameters: Parameters, n: &Integer, g: Integer, h: Integer) -> PublicKey {
        let id = key_id(parameters, n, &g, &h);
        let n = Modulus::plain(n);
        let g_powers = PowerTable::of_one_digit(&n, SecretInteger::new(g.clone()), parameters.plaintext_bits());
        let h_powers = PowerTable::new(&n, SecretInteger::new(h.clone()));
        PublicKey(Arc::new(Inner { parameters, n, g, h, id, g_powers, h_powers }))
    }

    /// The lengths and the plaintexts that the key is made for.
    pub fn parameters(&self) -> Parameters {
        self.0.parameters
    }

    /// The modulus n.
    pub fn n(&self) -> &Integer {
        self.0.n.value()
    }

    /// The base g of the plaintexts.
    pub fn g(&self) -> &Integer {
        &self.0.g
    }

    /// The base h of the randomisers.
    pub fn h(&self) -> &Integer {
        &self.0.h
    }

    /// The key's name.
    pub fn id(&self) -> KeyId {
        self.0.id
    }

    /// The modulus n of the ciphertexts.
    pub fn modulus(&self) -> &Modulus {
        &self.0.n
    }

    /// Length of a ciphertext in messages: ceil(key_bits / 8) bytes.
    pub fn ciphertext_len_bytes(&self) -> usize {
        self.0.parameters.key_bits.div_ceil(8) as usize
    }

    /// Fresh ciphertexts of plaintexts in [0, u), h^r with r uniform in [0, 2^(2t + `sigma`)). Timing class: `constant` in
    /// the plaintexts, `fixed_sequence` in r.
    ///
    /// # Errors
    /// If a plaintext is not below u or the engine fails.
    pub fn encrypt_many(
        &self,
        engine: &Engine,
        plaintexts: &[u64],
        sigma: u32,
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, DgkError> {
        self.rerandomize_many(engine, &self.encode_many(engine, plaintexts)?, sigma, rng)
    }

    /// [`PublicKey::encrypt_many`] with given r of at most `bits` bits. For known answers only.
    #[doc(hidden)]
    pub fn encrypt_with_randomness_for_tests(
        &self,
        engine: &Engine,
        plaintexts: &[u64],
        randomness: Vec<SecretLimbs>,
        bits: u32,
    ) -> Result<Ciphertexts, DgkError> {
        let randomizers = self.randomizers(engine, &Exponents::single_use(randomness, bits))?;
        self.multiply(engine, &self.encode_many(engine, plaintexts)?, &randomizers)
    }

    /// g^m for plaintexts m in [0, u), without randomness: only to be multiplied into something random. Timing class:
    /// `constant`.
    ///
    /// # Errors
    /// If a plaintext is not below u or the engine fails.
    pub fn encode_many(&self, engine: &Engine, plaintexts: &[u64]) -> Result<Ciphertexts, DgkError> {
        let Parameters { plaintext_modulus, .. } = self.0.parameters;
        if let Some(index) = plaintexts.iter().position(|plaintext| *plaintext >= u64::from(plaintext_modulus)) {
            return Err(DgkError::PlaintextRange { index, plaintext_modulus });
        }
        let exponents = plaintexts.iter().map(|plaintext| SecretLimbs::new(vec![*plaintext])).collect();
        let exponents = Exponents::long_lived(exponents, self.0.parameters.plaintext_bits());
        Ok(Ciphertexts::from_batch(self, self.0.g_powers.power(engine, &exponents)?))
    }

    /// 0 and 1 without randomness: only to be chosen between others, or multiplied into something random.
    pub fn constants(&self, engine: &Engine) -> [Ciphertexts; 2] {
        let modulus = Moduli::from(self.modulus());
        let number = |number: Integer| Ciphertexts::from_batch(self, engine.load(&modulus, &[number]));
        [number(Integer::from(1)), number(self.g().clone())]
    }

    /// h^r for the given r, from the table, which grows to the length needed. Timing class: that of the exponents.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn randomizers(&self, engine: &Engine, exponents: &Exponents) -> Result<Batch, DgkError> {
        Ok(self.0.h_powers.power(engine, exponents)?)
    }

    /// Builds the tables for randomisers of this `sigma` and for plaintexts now, not when they are first needed.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn prepare(&self, engine: &Engine, sigma: u32) -> Result<(), DgkError> {
        self.0.g_powers.prepare(engine, self.0.parameters.plaintext_bits())?;
        Ok(self.0.h_powers.prepare(engine, self.0.parameters.randomizer_bits(sigma))?)
    }

    /// The same plaintexts in ciphertexts that were multiplied by h^r, r fresh and uniform in [0, 2^(2t + `sigma`)): what
    /// comes out is at most 2^-sigma from a fresh ciphertext, whatever was computed before. Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or the engine fails.
    pub fn rerandomize_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        sigma: u32,
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, DgkError> {
        admit::same_key(self.id(), ciphertexts.key().id())?;
        let exponents = Exponents::fresh(ciphertexts.len(), self.0.parameters.randomizer_bits(sigma), rng);
        self.multiply(engine, ciphertexts, &self.randomizers(engine, &exponents)?)
    }

    /// What [`PublicKey::blind_many`] hides `count` ciphertexts by; it can be made before they are there.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn blinders(
        &self,
        engine: &Engine,
        count: usize,
        sigma: u32,
        rng: &mut SecureRng,
    ) -> Result<Blinders, DgkError> {
        let units = self.random_units(count, rng);
        let randomizer_bits = self.0.parameters.randomizer_bits(sigma);
        let exponents = Exponents::fresh(count, randomizer_bits, rng);
        Ok(Blinders { units, randomizer_bits: exponents.bits(), randomizers: self.randomizers(engine, &exponents)? })
    }

    /// Hides everything about a plaintext but whether it is zero: times a random element of Z_u*, then re-randomised as
    /// [`PublicKey::rerandomize_many`] does. Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If the ciphertexts are under another key or not as many as the blinders, or the engine fails.
    pub fn blind_many(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        blinders: Blinders,
    ) -> Result<Ciphertexts, DgkError> {
        admit::same_key(self.id(), ciphertexts.key().id())?;
        if ciphertexts.len() != blinders.len() {
            let reason = format!("{} blinders for {} ciphertexts", blinders.len(), ciphertexts.len());
            return Err(DgkError::Shape(reason));
        }
        self.multiply(engine, &ciphertexts.mul_secret(engine, &blinders.units)?, &blinders.randomizers)
    }

    /// `count` exponents for one use each, at most 2^-57 from uniform in [1, u); every one takes one draw.
    pub fn random_units(&self, count: usize, rng: &mut SecureRng) -> Exponents {
        let Parameters { plaintext_modulus, .. } = self.0.parameters;
        let mut draws = Zeroizing::new(vec![0u64; count]);
        rng.fill(bytemuck::cast_slice_mut(&mut draws));
        let unit = |draw: &u64| 1 + ((u128::from(*draw) * u128::from(plaintext_modulus - 1)) >> u64::BITS) as u64;
        let units = draws.iter().map(|draw| SecretLimbs::new(vec![unit(draw)])).collect();
        Exponents::single_use(units, self.0.parameters.plaintext_bits())
    }

    /// Ciphertexts times randomisers, each of which may be used once.
    pub(super) fn multiply(
        &self,
        engine: &Engine,
        ciphertexts: &Ciphertexts,
        randomizers: &Batch,
    ) -> Result<Ciphertexts, DgkError> {
        Ok(Ciphertexts::from_batch(self, engine.product(ciphertexts.batch(), randomizers)?))
    }
}

/// What hides ciphertexts before they are sent to the key's owner, once: random elements of Z_u* and randomisers.
pub struct Blinders {
    units: Exponents,
    randomizers: Batch,
    randomizer_bits: u32,
}

impl Blinders {
    /// For how many ciphertexts.
    pub fn len(&self) -> usize {
        self.units.len()
    }

    /// True if they are for none.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }

    /// Length in bits of the r of the randomisers h^r.
    pub fn randomizer_bits(&self) -> u32 {
        self.randomizer_bits
    }
}

impl fmt::Debug for Blinders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blinders({}, {} bits)", self.len(), self.randomizer_bits)
    }
}

/// The first 16 bytes of SHA-256 over a tag, the lengths, u, n, g and h.
fn key_id(parameters: Parameters, n: &Integer, g: &Integer, h: &Integer) -> KeyId {
    let width = n.significant_digits::<u8>();
    let mut fields = Writer::new();
    fields.raw(b"smlp dgk public key").u32(parameters.key_bits).u32(parameters.plaintext_modulus);
    fields.u32(parameters.order_bits).integer(n, width).integer(g, width).integer(h, width);
    KeyId::hashed(&fields)
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &PublicKey) -> bool {
        self.id() == other.id()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublicKey({} bits, u = {}, {})",
            self.0.parameters.key_bits,
            self.0.parameters.plaintext_modulus,
            self.id()
        )
    }
}
