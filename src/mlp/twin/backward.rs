//! The backward pass: output differences, errors carried back through the gates, divided gradients.

use crate::mask::Phase;
use crate::mlp::bounds::BoundName;
use crate::mlp::error::MlpError;
use crate::mlp::model::FixedModel;
use crate::mlp::twin::Rounding;
use crate::mlp::twin::arithmetic::{Arithmetic, Place, dot};
use crate::mlp::twin::forward::ForwardTrace;

impl<R: Rounding> Arithmetic<'_, R> {
    /// delta = y - t, and the sum of its squares; `scores` and `targets` \[rows\]\[classes\] at scale 2^f.
    pub fn output_delta(&self, scores: &[i64], targets: &[i64]) -> Result<(Vec<i64>, i128), MlpError> {
        let layer = self.plan.layers.weight_layers() - 1;
        let place = Place { phase: Phase::Loss, layer, tensor: "an output difference" };
        let delta: Vec<i64> = scores
            .iter()
            .zip(targets)
            .map(|(score, target)| self.bounded(i128::from(score - target), BoundName::Delta, place))
            .collect::<Result<_, _>>()?;
        let loss_sum = dot(delta.iter().zip(&delta));
        Ok((delta, loss_sum))
    }

    /// The error of every layer, from that of the output down, with the weights as they are before the update.
    pub fn deltas(
        &self,
        model: &FixedModel,
        forward: &ForwardTrace,
        output_delta: Vec<i64>,
    ) -> Result<Vec<Vec<i64>>, MlpError> {
        let mut deltas = vec![output_delta];
        for layer in (1..self.plan.layers.weight_layers()).rev() {
            let carried = self.carried_back(model, &deltas[deltas.len() - 1], layer)?;
            let gates = &forward.layers[layer - 1].gates;
            deltas.push(carried.iter().zip(gates).map(|(v, gate)| if *gate { *v } else { 0 }).collect());
        }
        deltas.reverse();
        Ok(deltas)
    }

    /// W^T delta of `layer`, divided: the error at the layer's inputs, \[rows\]\[fan_in\], before their gate.
    fn carried_back(&self, model: &FixedModel, delta: &[i64], layer: usize) -> Result<Vec<i64>, MlpError> {
        let (fan_in, fan_out) = (self.plan.layers.fan_in(layer), self.plan.layers.fan_out(layer));
        let product = Place { phase: Phase::Backward, layer, tensor: "an error carried back, before division" };
        let error = Place { tensor: "an error carried back", ..product };
        let divisor = self.plan.product_divisor();
        let weights = &model.weights[layer];
        let mut carried = Vec::with_capacity(delta.len() / fan_out * fan_in);
        for row in delta.chunks(fan_out) {
            for input in 0..fan_in {
                let product_sum = dot(weights[input..].iter().step_by(fan_in).zip(row));
                let quotient = self.quotient(product_sum, BoundName::Products, product, carried.len(), divisor)?;
                carried.push(self.bounded(quotient, BoundName::Delta, error)?);
            }
        }
        Ok(carried)
    }

    /// The divided gradients of all layers, in the model's shape.
    pub fn gradients(
        &self,
        inputs: &[i64],
        forward: &ForwardTrace,
        deltas: &[Vec<i64>],
    ) -> Result<FixedModel, MlpError> {
        let mut quotients = FixedModel { weights: Vec::new(), biases: Vec::new() };
        for (layer, delta) in deltas.iter().enumerate() {
            let below = if layer == 0 { inputs } else { &forward.layers[layer - 1].activations };
            quotients.weights.push(self.weight_gradient(delta, below, layer)?);
            quotients.biases.push(self.bias_gradient(delta, layer)?);
        }
        Ok(quotients)
    }

    fn weight_gradient(&self, delta: &[i64], below: &[i64], layer: usize) -> Result<Vec<i64>, MlpError> {
        let (fan_in, fan_out) = (self.plan.layers.fan_in(layer), self.plan.layers.fan_out(layer));
        let place = Place { phase: Phase::Gradient, layer, tensor: "a weight gradient before division" };
        let divisor = self.plan.gradient_divisor(delta.len() / fan_out)?;
        let mut quotients = Vec::with_capacity(fan_in * fan_out);
        for output in 0..fan_out {
            for input in 0..fan_in {
                let delta_column = delta[output..].iter().step_by(fan_out);
                let sum = dot(delta_column.zip(below[input..].iter().step_by(fan_in)));
                let quotient = self.quotient(sum, BoundName::Gradients, place, quotients.len(), divisor)?;
                quotients.push(saturate(quotient));
            }
        }
        Ok(quotients)
    }

    fn bias_gradient(&self, delta: &[i64], layer: usize) -> Result<Vec<i64>, MlpError> {
        let fan_out = self.plan.layers.fan_out(layer);
        let place = Place { phase: Phase::BiasGradient, layer, tensor: "a bias gradient before division" };
        let divisor = self.plan.rate_divisor(delta.len() / fan_out)?;
        let column_sum = |output: usize| delta[output..].iter().step_by(fan_out).map(|v| i128::from(*v)).sum();
        (0..fan_out)
            .map(|output| self.quotient(column_sum(output), BoundName::Gradients, place, output, divisor))
            .map(|quotient| quotient.map(saturate))
            .collect()
    }
}

/// A quotient of a gradient has up to 80 bits if its bound allows that; what an i64 cannot hold is far beyond any
/// bound of a weight, so the check after the update catches it all the same.
fn saturate(quotient: i128) -> i64 {
    quotient.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}
