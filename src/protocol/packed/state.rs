//! What both servers keep of a job, each its own shares, and what they do alike.

use rug::Integer;

use crate::error::Error;
use crate::mask::{Phase, Purpose};
use crate::mlp::{FixedModel, Layers, TrainingPlan};
use crate::protocol::ProtocolError;
use crate::protocol::place::place;

use super::factor::EncryptedFactor;
use super::refresh;
use super::share::Share;
use super::side::Side;

/// A server's shares of the model.
#[derive(Clone)]
pub(super) struct SharedModel {
    /// \[fan_out\]\[fan_in\] of each layer.
    pub weights: Vec<Share>,
    /// \[fan_out\]\[1\] of each layer.
    pub biases: Vec<Share>,
}

/// A batch's shares and the other server's ciphertexts of its features, which never change.
#[cfg_attr(test, derive(Clone))]
pub(super) struct StaticBatch {
    /// \[inputs\]\[rows\].
    pub features: Share,
    /// \[outputs\]\[rows\].
    pub targets: Share,
    /// The other's \[inputs\]\[rows\], packed along the batch: for the first layer's product.
    pub along_rows: EncryptedFactor,
    /// The other's \[rows\]\[inputs\], packed along the features: for its gradient.
    pub along_features: EncryptedFactor,
}

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pass {
    /// The factors of the gradients travel with the activations.
    Training,
    /// Nothing comes back.
    Query,
}

impl SharedModel {
    /// Shares with the values of `model`.
    pub fn from_fixed(layers: &Layers, model: &FixedModel) -> Self {
        let share = |rows, values: &[i64]| {
            Share::new(rows, values.len() / rows, values.iter().map(|value| Integer::from(*value)).collect())
        };
        let tensors = |tensors: &[Vec<i64>]| {
            tensors.iter().enumerate().map(|(layer, values)| share(layers.fan_out(layer), values)).collect()
        };
        SharedModel { weights: tensors(&model.weights), biases: tensors(&model.biases) }
    }

    /// -T.
    pub fn negated(&self) -> Self {
        let negated = |shares: &[Share]| shares.iter().map(Share::negated).collect();
        SharedModel { weights: negated(&self.weights), biases: negated(&self.biases) }
    }

    /// All parameters in one row: weights and biases, layer by layer.
    pub fn flat(&self) -> Share {
        Share::in_one_row(self.weights.iter().zip(&self.biases).flat_map(|(weights, biases)| [weights, biases]))
    }

    /// The inverse of [`SharedModel::flat`].
    pub fn from_flat(layers: &Layers, parameters: &Share) -> Self {
        let mut values = parameters.values().iter().cloned();
        let mut tensor =
            |rows: usize, columns: usize| Share::new(rows, columns, values.by_ref().take(rows * columns).collect());
        let mut model = SharedModel { weights: Vec::new(), biases: Vec::new() };
        for layer in 0..layers.weight_layers() {
            let (fan_in, fan_out) = (layers.fan_in(layer), layers.fan_out(layer));
            model.weights.push(tensor(fan_out, fan_in));
            model.biases.push(tensor(fan_out, 1));
        }
        model
    }

    /// The update of both servers (protocol 3.4): fresh sums of the errors for the biases, divided; then everything less its
    /// divided gradient, and fresh again.
    pub fn update(
        &mut self,
        side: &mut Side,
        plan: &TrainingPlan,
        step: u64,
        deltas: &[Share],
        quotients: &[Share],
    ) -> Result<(), Error> {
        let rows = deltas[0].columns();
        let (rate, gradient) = (plan.rate_divisor(rows)?, plan.gradient_divisor(rows)?);
        let (weight_bits, sum_bits) = (side.widths.weight_bits(), plan.bounds.gradients);
        for layer in 0..deltas.len() {
            let at = place(step, Phase::BiasGradient, layer as u16);
            let sum_widths = (sum_bits, side.widths.summed_delta_share(layer, rows));
            let sums = refresh::run(side, at, Purpose::Division, &deltas[layer].row_sums(), sum_widths)?;
            let biases = self.biases[layer].minus(&sums.divided(rate));
            let widths = (weight_bits, side.widths.updated_share(rate));
            self.biases[layer] = refresh::run(side, at, Purpose::Refresh, &biases, widths)?;

            let at = place(step, Phase::Gradient, layer as u16);
            let weights = self.weights[layer].minus(&quotients[layer]);
            let widths = (weight_bits, side.widths.updated_share(gradient));
            self.weights[layer] = refresh::run(side, at, Purpose::Refresh, &weights, widths)?;
        }
        Ok(())
    }
}

/// A server was asked out of order.
pub(super) fn missing(name: &'static str) -> Error {
    ProtocolError::Config { reason: format!("there is no {name} yet; the activities are out of order") }.into()
}
