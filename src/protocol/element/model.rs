//! The model at rest: ciphertexts under P2's key, held by P1.

use crate::error::Error;
use crate::mlp::Layers;
use crate::paillier::Ciphertexts;
use crate::protocol::ProtocolError;

/// Weights \[fan_out\]\[fan_in\] and biases \[fan_out\] of each layer, encrypted.
#[derive(Clone)]
pub struct EncryptedModel {
    /// For each weight layer, row-major.
    pub weights: Vec<Ciphertexts>,
    /// For each weight layer.
    pub biases: Vec<Ciphertexts>,
}

impl EncryptedModel {
    /// Whether this is a model of shape `layers`.
    ///
    /// # Errors
    /// If a tensor has another length.
    pub fn check_shape(&self, layers: &Layers) -> Result<(), Error> {
        let fits = |layer: usize| {
            let (fan_in, fan_out) = (layers.fan_in(layer), layers.fan_out(layer));
            self.weights[layer].len() == fan_in * fan_out && self.biases[layer].len() == fan_out
        };
        let count = layers.weight_layers();
        if self.weights.len() == count && self.biases.len() == count && (0..count).all(fits) {
            return Ok(());
        }
        Err(ProtocolError::Config { reason: format!("the encrypted model has not the shape of the layers {layers}") }
            .into())
    }

    /// All parameters in one batch: weights and biases, layer by layer.
    pub fn flatten(&self) -> Result<Ciphertexts, Error> {
        let parts: Vec<Ciphertexts> =
            self.weights.iter().zip(&self.biases).flat_map(|(w, b)| [w.clone(), b.clone()]).collect();
        Ok(Ciphertexts::concat(&parts)?)
    }

    /// The inverse of [`EncryptedModel::flatten`].
    ///
    /// # Errors
    /// If `parameters` has not [`Layers::parameters`] elements.
    pub fn from_flat(layers: &Layers, parameters: &Ciphertexts) -> Result<Self, Error> {
        if parameters.len() != layers.parameters() {
            let (found, due) = (parameters.len(), layers.parameters());
            let reason = format!("{found} ciphertexts of the stored model where the layers {layers} have {due}");
            return Err(ProtocolError::Config { reason }.into());
        }
        let mut model = EncryptedModel { weights: Vec::new(), biases: Vec::new() };
        let mut start = 0;
        for layer in 0..layers.weight_layers() {
            let weights_end = start + layers.fan_in(layer) * layers.fan_out(layer);
            let biases_end = weights_end + layers.fan_out(layer);
            model.weights.push(parameters.slice(start..weights_end));
            model.biases.push(parameters.slice(weights_end..biases_end));
            start = biases_end;
        }
        Ok(model)
    }
}
