//! The user: encrypts before, opens afterwards, and is not there in between.

use rug::Integer;

use crate::arith::Engine;
use crate::error::Error;
use crate::mlp::{FixedModel, Layers};
use crate::paillier::{Ciphertexts, PublicKey, SecretKey};
use crate::protocol::packed::{InputLayout, ResultLayout};
use crate::rng::SecureRng;
use crate::secret::SecretIntegers;

/// A data owner with its own key pair for what comes back.
pub struct Owner {
    engine: Engine,
    key: SecretKey,
}

impl Owner {
    /// An owner who reads with `key`.
    pub fn new(engine: &Engine, key: SecretKey) -> Self {
        Owner { engine: engine.clone(), key }
    }

    /// The key under which it receives results.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// Values under P2's key, a ciphertext each.
    pub fn encrypt(&self, values: &[i64], server_key: &PublicKey) -> Result<Ciphertexts, Error> {
        let values: SecretIntegers = values.iter().map(|value| Integer::from(*value)).collect();
        Ok(server_key.encrypt_many(&self.engine, &values, &mut SecureRng::from_os())?)
    }

    /// Rows under P2's key, many values a ciphertext.
    pub fn encrypt_packed(
        &self,
        values: &[i64],
        layout: InputLayout,
        server_key: &PublicKey,
    ) -> Result<Ciphertexts, Error> {
        Ok(server_key.encrypt_many(&self.engine, &layout.pack(values), &mut SecureRng::from_os())?)
    }

    /// Opens numbers that came back.
    ///
    /// # Errors
    /// If they are under another key.
    pub fn open(&self, answers: &Ciphertexts) -> Result<SecretIntegers, Error> {
        Ok(self.key.decrypt_many(&self.engine, answers)?.into_iter().collect())
    }

    /// Opens numbers that came back packed.
    ///
    /// # Errors
    /// If they are under another key, or out of range.
    pub fn open_packed(&self, answers: &Ciphertexts, layout: ResultLayout) -> Result<SecretIntegers, Error> {
        Ok(layout.unpack(&self.open(answers)?)?)
    }

    /// A model from its parameters, weights and biases layer by layer.
    pub(super) fn model(&self, layers: &Layers, parameters: &SecretIntegers) -> Result<FixedModel, Error> {
        let mut values = parameters.iter().map(saturating_i64);
        let mut model = FixedModel { weights: Vec::new(), biases: Vec::new() };
        for layer in 0..layers.weight_layers() {
            model.weights.push(values.by_ref().take(layers.fan_in(layer) * layers.fan_out(layer)).collect());
            model.biases.push(values.by_ref().take(layers.fan_out(layer)).collect());
        }
        model.check_shape(layers)?;
        Ok(model)
    }
}

/// Saturates: what does not fit is far out of every bound, and the caller's bound check names it.
pub(super) fn saturating_i64(value: &Integer) -> i64 {
    value.to_i64().unwrap_or(if value.is_negative() { i64::MIN } else { i64::MAX })
}
