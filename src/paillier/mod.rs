//! Paillier's cryptosystem: keys, ciphertexts that know their key, admission of what comes from elsewhere.
//!
//! Paillier, "Public-Key Cryptosystems Based on Composite Degree Residuosity Classes", EUROCRYPT 1999, with g = 1 + n:
//! c = (1 + n m) R mod n^2, where the randomiser R is r^n (ISO/IEC 18033-6) or h^s (Damgard, Jurik, Nielsen 2010).
//! h generates a group of one of two orders, see [`KeyForm`]. Plaintexts are signed: v < 0 stands for n + v, and decryption answers in (-n/2, n/2).
//!
//! Whoever holds the public key, its owner and a [`Pool`] encrypt behind one trait, [`Encrypt`].

mod admit;
mod blinding;
mod ciphertext;
mod error;
mod files;
mod form;
mod key_id;
mod keygen;
mod operations;
mod packing;
mod pool;
mod public_key;
mod reserve;
mod secret_key;
#[cfg(test)]
mod test_support;
#[cfg(test)]
mod tests;

pub use admit::{AdmissionRule, MAX_KEY_BITS, MIN_KEY_BITS};
pub use ciphertext::Ciphertexts;
pub use error::PaillierError;
pub use files::CiphertextFile;
pub use form::KeyForm;
pub use key_id::KeyId;
pub use packing::{SlotLayout, pack_linear};
pub use pool::Pool;
pub use public_key::PublicKey;
pub use reserve::{OwnReserve, PeerReserve};
pub use secret_key::SecretKey;

use rug::Integer;

use crate::arith::Engine;
use crate::rng::SecureRng;

/// Whatever makes fresh ciphertexts under one key: the public key, its owner (faster), a [`Pool`] (faster still).
///
/// Randomness comes from the operating system alone. A generator that repeats is of another type and is not accepted:
///
/// ```compile_fail,E0308
/// use smlp::arith::{Engine, EngineOptions};
/// use smlp::paillier::{Encrypt, SecretKey};
/// use smlp::rng::{SecureRng, SeededRng};
///
/// let engine = Engine::new(&EngineOptions::default()).unwrap();
/// let key = SecretKey::generate(&engine, 1024, &mut SecureRng::from_os()).unwrap();
/// key.encrypt_many(&engine, &[], &mut SeededRng::new(1, "a repeatable experiment")).unwrap();
/// ```
pub trait Encrypt: Send + Sync {
    /// The key of the ciphertexts.
    fn public_key(&self) -> &PublicKey;

    /// Fresh ciphertexts of signed values |v| < n/2. Timing class: `fixed_sequence`.
    ///
    /// # Errors
    /// If a value is out of range or the engine fails.
    fn encrypt_many(
        &self,
        engine: &Engine,
        values: &[Integer],
        rng: &mut SecureRng,
    ) -> Result<Ciphertexts, PaillierError>;
}
