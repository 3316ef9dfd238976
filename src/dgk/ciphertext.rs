//! Ciphertexts that know their key. A batch is the unit; a single ciphertext is a batch of one.

use std::fmt;

use rug::Integer;

use super::admit;
use super::error::DgkError;
use super::public_key::PublicKey;
use crate::arith::{Batch, Engine, foreign};
use crate::codec::CodecError;

/// Ciphertexts under one key, in the form of the engine that made them. Cloning is cheap, the content never changes.
///
/// Operations between ciphertexts under different keys are refused with both names.
#[derive(Clone)]
pub struct Ciphertexts {
    key: PublicKey,
    batch: Batch,
}

impl Ciphertexts {
    /// Residues modulo n that are ciphertexts under `key` by construction.
    pub(super) fn from_batch(key: &PublicKey, batch: Batch) -> Self {
        Ciphertexts { key: key.clone(), batch }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    /// The key they are under.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The residues modulo n.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// Fixed-width little-endian numbers, `len()` times [`PublicKey::ciphertext_len_bytes`]. Ciphertexts are public.
    pub fn to_bytes(&self, engine: &Engine) -> Vec<u8> {
        engine.store_bytes(&self.batch, self.key.ciphertext_len_bytes())
    }

    /// Admits foreign bytes: the inverse of [`Ciphertexts::to_bytes`], with rules DC1 to DC3 for every ciphertext.
    ///
    /// # Errors
    /// If the length is not a multiple of the width, or a ciphertext is refused; the message names its index.
    pub fn from_bytes(engine: &Engine, key: &PublicKey, bytes: &[u8]) -> Result<Ciphertexts, DgkError> {
        let width = key.ciphertext_len_bytes();
        if !bytes.len().is_multiple_of(width) {
            let reason = format!("{} bytes are no multiple of a ciphertext's {width} bytes", bytes.len());
            return Err(CodecError::invalid("ciphertexts", reason).into());
        }
        let batch = foreign::load_unit_bytes(engine, key.modulus(), bytes, width).map_err(admit::ciphertext)?;
        Ok(Ciphertexts::from_batch(key, batch))
    }

    /// Admits foreign numbers by rules DC1 to DC3.
    ///
    /// # Errors
    /// If a ciphertext is refused; the message names its index.
    pub fn admit(engine: &Engine, key: &PublicKey, values: &[Integer]) -> Result<Ciphertexts, DgkError> {
        let batch = foreign::load_units(engine, key.modulus(), values).map_err(admit::ciphertext)?;
        Ok(Ciphertexts::from_batch(key, batch))
    }
}

impl fmt::Debug for Ciphertexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertexts({} under {})", self.len(), self.key.id())
    }
}
