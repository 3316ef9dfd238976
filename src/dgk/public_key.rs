//! The public key: encryption, randomisers, re-randomisation.

use std::fmt;
use std::sync::Arc;

use rug::Integer;

use super::admit;
use super::ciphertext::Ciphertexts;
use super::error::DgkError;
use super::parameters::Parameters;
use crate::arith::{Batch, Engine, Exponents, Modulus, PowerTable};
use crate::codec::Writer;
use crate::paillier::KeyId;
use crate::rng::SecureRng;
use crate::secret::{SecretInteger, SecretLimbs};

/// Digit in bits of the table of g, which is small, so that it stays near.
const PLAINTEXT_WINDOW_BITS: u32 = 8;

/// A public key (n, g, h, u, t). Cloning is cheap; the tables of powers of g and h are built once, when they are needed.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    parameters: Parameters,
    n: Modulus,
    g: Integer,
    h: Integer,
    id: KeyId,
    /// g^m for plaintexts m.
    g_powers: PowerTable,
    h_powers: PowerTable,
}

impl PublicKey {
    /// Admits a foreign key of u_1 = `least_modulus` and t = `order_bits`, by rules D1 to D12
    /// ([`AdmissionRule`](super::AdmissionRule)).
    ///
    /// # Errors
    /// If the key is refused.
    pub fn admit(
        n: Integer,
        g: Integer,
        h: Integer,
        least_modulus: u32,
        order_bits: u32,
    ) -> Result<PublicKey, DgkError> {
        let key_bits = if n.is_negative() { 0 } else { n.significant_bits() };
        let parameters = admit::parameters(key_bits, order_bits, least_modulus)?;
        admit::public_key(parameters, &n, &g, &h)?;
        Ok(PublicKey::from_parts(parameters, &n, g, h))
    }

    /// A key that was made here or has been admitted.
    pub(super) fn from_parts(parameters: Parameters, n: &Integer, g: Integer, h: Integer) -> PublicKey {
        let id = key_id(parameters, n, &g, &h);
        let n = Modulus::plain(n);
        let g_powers =
            PowerTable::short(&n, SecretInteger::new(g.clone()), parameters.plaintext_bits(), PLAINTEXT_WINDOW_BITS);
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
        let randomizers = self.0.h_powers.power(engine, &Exponents::single_use(randomness, bits))?;
        self.multiply(engine, &self.encode_many(engine, plaintexts)?, &randomizers)
    }

    /// g^m for plaintexts m in [0, u), without randomness: only to be multiplied into something random. Timing class:
    /// `constant`.
    ///
    /// # Errors
    /// If a plaintext is not below u or the engine fails.
    pub fn encode_many(&self, engine: &Engine, plaintexts: &[u64]) -> Result<Ciphertexts, DgkError> {
        let plaintext_modulus = self.0.parameters.plaintext_modulus();
        if let Some(index) = plaintexts.iter().position(|plaintext| *plaintext >= plaintext_modulus) {
            return Err(DgkError::PlaintextRange { index, plaintext_modulus });
        }
        let exponents = plaintexts.iter().map(|plaintext| SecretLimbs::new(vec![*plaintext])).collect();
        self.encode(engine, &Exponents::long_lived(exponents, self.0.parameters.plaintext_bits()))
    }

    /// g^m for plaintexts m as exponents, whose timing class it has.
    pub(super) fn encode(&self, engine: &Engine, plaintexts: &Exponents) -> Result<Ciphertexts, DgkError> {
        Ok(Ciphertexts::from_batch(self, self.0.g_powers.power(engine, plaintexts)?))
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
        let randomizers = self.randomizers(engine, ciphertexts.len(), sigma, rng)?;
        self.multiply(engine, ciphertexts, randomizers.batch())
    }

    /// h^r for `count` r, fresh and uniform in [0, 2^(2t + `sigma`)), from the table, which grows to the length needed; they
    /// can be made before there is anything to multiply by them. Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn randomizers(
        &self,
        engine: &Engine,
        count: usize,
        sigma: u32,
        rng: &mut SecureRng,
    ) -> Result<Randomizers, DgkError> {
        let exponents = Exponents::fresh(count, self.0.parameters.randomizer_bits(sigma), rng);
        let powers = self.0.h_powers.power(engine, &exponents)?;
        Ok(Randomizers { key: self.clone(), powers, exponent_bits: exponents.bits() })
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

/// Numbers h^r, each for one ciphertext.
pub struct Randomizers {
    key: PublicKey,
    powers: Batch,
    exponent_bits: u32,
}

impl Randomizers {
    /// How many.
    pub fn len(&self) -> usize {
        self.powers.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.powers.is_empty()
    }

    /// Length of r in bits.
    pub fn exponent_bits(&self) -> u32 {
        self.exponent_bits
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn batch(&self) -> &Batch {
        &self.powers
    }
}

impl fmt::Debug for Randomizers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Randomizers({}, {} bits, for {})", self.len(), self.exponent_bits, self.key.id())
    }
}

/// The first 16 bytes of SHA-256 over a tag, the lengths, u_1, n, g and h.
fn key_id(parameters: Parameters, n: &Integer, g: &Integer, h: &Integer) -> KeyId {
    let width = n.significant_digits::<u8>();
    let mut fields = Writer::new();
    fields.raw(b"smlp dgk public key with slots").u32(parameters.key_bits).u32(parameters.slots.least_modulus());
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
            self.0.parameters.plaintext_modulus(),
            self.id()
        )
    }
}
