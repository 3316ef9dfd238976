//! The forward pass: z = W a + b, ReLU on hidden layers, linear output.

use crate::mask::Phase;
use crate::mlp::bounds::BoundName;
use crate::mlp::error::MlpError;
use crate::mlp::model::FixedModel;
use crate::mlp::twin::Rounding;
use crate::mlp::twin::arithmetic::{Arithmetic, Place, dot};

/// What one weight layer gave, row-major \[rows\]\[fan_out\], at scale 2^f.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerTrace {
    /// The divided weighted sums plus bias.
    pub z: Vec<i64>,
    /// z > 0; empty for the output layer, which has no gate.
    pub gates: Vec<bool>,
    /// z where the gate is open, 0 elsewhere; z itself for the output layer.
    pub activations: Vec<i64>,
}

/// A forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardTrace {
    /// Weight layers in order; at least one.
    pub layers: Vec<LayerTrace>,
}

impl ForwardTrace {
    /// Output of the last layer, \[rows\]\[classes\], at scale 2^f.
    pub fn scores(&self) -> &[i64] {
        self.layers.last().map_or(&[], |layer| &layer.activations)
    }
}

impl<R: Rounding> Arithmetic<'_, R> {
    /// All layers; `inputs` \[rows\]\[inputs\] at scale 2^f.
    pub fn forward(&self, model: &FixedModel, inputs: &[i64], rows: usize) -> Result<ForwardTrace, MlpError> {
        let layers = &self.plan.layers;
        layers.check_length("values in the batch", rows * layers.inputs(), inputs.len())?;
        self.check_inputs(inputs)?;
        let mut trace = ForwardTrace { layers: Vec::with_capacity(layers.weight_layers()) };
        for layer in 0..layers.weight_layers() {
            let below = trace.layers.last().map_or(inputs, |below| &below.activations);
            let z = self.weighted_sums(model, below, layer)?;
            trace.layers.push(if layers.is_output(layer) { linear(z) } else { relu(z) });
        }
        Ok(trace)
    }

    fn check_inputs(&self, inputs: &[i64]) -> Result<(), MlpError> {
        let place = Place { phase: Phase::Input, layer: 0, tensor: "an input" };
        inputs.iter().try_for_each(|v| self.bounded(i128::from(*v), self.plan.inputs.bound(), place).map(drop))
    }

    fn weighted_sums(&self, model: &FixedModel, below: &[i64], layer: usize) -> Result<Vec<i64>, MlpError> {
        let (fan_in, fan_out) = (self.plan.layers.fan_in(layer), self.plan.layers.fan_out(layer));
        let product = Place { phase: Phase::Forward, layer, tensor: "a weighted sum before division" };
        let sum = Place { tensor: "a weighted sum", ..product };
        let divisor = self.plan.product_divisor();
        let mut z = Vec::with_capacity(below.len() / fan_in * fan_out);
        for row in below.chunks(fan_in) {
            for (weights, bias) in model.weights[layer].chunks(fan_in).zip(&model.biases[layer]) {
                let product_sum = dot(weights.iter().zip(row));
                let quotient = self.quotient(product_sum, BoundName::Products, product, z.len(), divisor)?;
                z.push(self.bounded(quotient + i128::from(*bias), BoundName::Activations, sum)?);
            }
        }
        Ok(z)
    }
}

fn relu(z: Vec<i64>) -> LayerTrace {
    let gates: Vec<bool> = z.iter().map(|v| *v > 0).collect();
    let activations = z.iter().map(|v| *v.max(&0)).collect();
    LayerTrace { z, gates, activations }
}

fn linear(z: Vec<i64>) -> LayerTrace {
    LayerTrace { activations: z.clone(), gates: Vec::new(), z }
}
