//! What one party holds while it runs operations: its keys, its end of the channel, its randomness.
//!
//! The two structs share no secret: [`CloudSide`] has masks and no private key, [`KeySide`] the private key and no mask.

use rug::Integer;

use crate::arith::Engine;
use crate::dgk;
use crate::error::Error;
use crate::mask::{MaskKey, Purpose};
use crate::net::Channel;
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::ProtocolError;
use crate::protocol::bounds::Bounds;
use crate::protocol::config::Reader;
use crate::protocol::message::{Operation, recv_ciphertexts, send_ciphertexts};
use crate::protocol::place::Place;
use crate::protocol::randomizer::Randomizer;
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

/// P1's side of an operation.
pub(super) struct CloudSide {
    pub engine: Engine,
    pub channel: Channel,
    pub key: PublicKey,
    pub bounds: Bounds,
    pub masks: MaskKey,
    pub randomizer: Randomizer,
    /// P2's key of the comparison, where the job has one.
    pub comparison: Option<dgk::PublicKey>,
    pub rng: SecureRng,
    #[cfg(test)]
    pub witness: super::test_run::CloudWitness,
}

impl CloudSide {
    /// Masks for `count` values of at most `value_bits` bits, by position.
    pub fn short_masks(&mut self, place: Place, purpose: Purpose, value_bits: u32, count: usize) -> SecretIntegers {
        let masks = self.masks.at(place.position(purpose));
        let sigma = self.bounds.sigma();
        let drawn: SecretIntegers =
            (0..count as u64).map(|element| Integer::from(masks.short(element, value_bits, sigma))).collect();
        #[cfg(test)]
        let drawn = self.witness.masks(place, purpose, value_bits, drawn);
        drawn
    }

    /// Sends ciphertexts under fresh randomisers; nothing else may leave P1.
    pub fn send_rerandomized(
        &mut self,
        place: Place,
        operation: Operation,
        ciphertexts: &Ciphertexts,
    ) -> Result<(), Error> {
        let fresh = self.randomizer.rerandomize(&self.engine, ciphertexts, &mut self.rng)?;
        send_ciphertexts(&mut self.channel, &self.engine, place, operation, &fresh)
    }

    /// Waits for `count` ciphertexts under P2's key.
    pub fn recv(&mut self, place: Place, operation: Operation, count: usize) -> Result<Ciphertexts, Error> {
        let ciphertexts = recv_ciphertexts(&mut self.channel, &self.engine, place, operation, &self.key, count)?;
        #[cfg(test)]
        self.witness.received.push((place, operation, ciphertexts.clone()));
        Ok(ciphertexts)
    }

    /// Waits for `count` ciphertexts under the key of a reader.
    pub fn recv_under(
        &mut self,
        reader: &PublicKey,
        place: Place,
        operation: Operation,
        count: usize,
    ) -> Result<Ciphertexts, Error> {
        recv_ciphertexts(&mut self.channel, &self.engine, place, operation, reader, count)
    }
}

/// P2's side of an operation.
pub(super) struct KeySide {
    pub engine: Engine,
    pub channel: Channel,
    pub key: SecretKey,
    /// Its key of the comparison, where the job has one.
    pub comparison: Option<dgk::SecretKey>,
    pub bounds: Bounds,
    pub readers: Vec<Reader>,
    pub rng: SecureRng,
    #[cfg(test)]
    pub received: Vec<super::test_run::Message>,
    /// Results of tests for zero.
    #[cfg(test)]
    pub zeros: Vec<bool>,
}

impl KeySide {
    /// Waits for `count` ciphertexts under its own key.
    pub fn recv(&mut self, place: Place, operation: Operation, count: usize) -> Result<Ciphertexts, Error> {
        let key = self.key.public_key();
        let ciphertexts = recv_ciphertexts(&mut self.channel, &self.engine, place, operation, key, count)?;
        #[cfg(test)]
        self.received.push((place, operation, ciphertexts.clone()));
        Ok(ciphertexts)
    }

    /// Decrypts masked values v + m, |v| < 2^value_bits.
    ///
    /// # Errors
    /// [`ProtocolError::OutOfRange`] for a value that no allowed v and m add up to.
    pub fn open(&self, place: Place, blinded: &Ciphertexts, value_bits: u32) -> Result<SecretIntegers, Error> {
        let limit = self.bounds.masked_limit(value_bits);
        self.open_within(place, blinded, value_bits, |value| !value.is_negative() && *value < limit)
    }

    /// Decrypts values of either sign, |v| < 2^value_bits.
    pub fn open_signed(&self, place: Place, blinded: &Ciphertexts, value_bits: u32) -> Result<SecretIntegers, Error> {
        self.open_within(place, blinded, value_bits, |value| value.significant_bits() <= value_bits)
    }

    fn open_within(
        &self,
        place: Place,
        blinded: &Ciphertexts,
        value_bits: u32,
        allowed: impl Fn(&Integer) -> bool,
    ) -> Result<SecretIntegers, Error> {
        let values: SecretIntegers = self.key.decrypt_many(&self.engine, blinded)?.into_iter().collect();
        if let Some(element) = values.iter().position(|value| !allowed(value)) {
            let peer = self.channel.peer();
            return Err(ProtocolError::OutOfRange { peer, place: place.to_string(), element, value_bits }.into());
        }
        Ok(values)
    }

    /// Encrypts `values` afresh under its own key and sends them.
    pub fn send_fresh(&mut self, place: Place, operation: Operation, values: &[Integer]) -> Result<(), Error> {
        let fresh = self.key.encrypt_many(&self.engine, values, &mut self.rng)?;
        self.send(place, operation, &fresh)
    }

    /// Sends fresh ciphertexts, under its own key or a reader's.
    pub fn send(&mut self, place: Place, operation: Operation, ciphertexts: &Ciphertexts) -> Result<(), Error> {
        send_ciphertexts(&mut self.channel, &self.engine, place, operation, ciphertexts)
    }
}
