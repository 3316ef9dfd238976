//! The same training in plain f64: the baseline that charts and tests compare with.

use crate::fixed::FixedPoint;
use crate::mlp::error::MlpError;
use crate::mlp::layers::Layers;
use crate::mlp::metrics::one_hot;
use crate::mlp::model::FixedModel;

/// A network of f64 weights: ReLU on hidden layers, linear output, mean squared error, gradient descent.
#[derive(Debug, Clone, PartialEq)]
pub struct FloatNetwork {
    layers: Layers,
    /// For each weight layer, row-major \[fan_out\]\[fan_in\].
    weights: Vec<Vec<f64>>,
    /// For each weight layer, \[fan_out\].
    biases: Vec<Vec<f64>>,
}

impl FloatNetwork {
    /// The network that starts from a fixed-point model's weights.
    ///
    /// # Errors
    /// If the model has another shape than `layers`.
    pub fn from_fixed(layers: &Layers, model: &FixedModel, fixed: FixedPoint) -> Result<Self, MlpError> {
        model.check_shape(layers)?;
        let decode = |tensors: &[Vec<i64>]| -> Vec<Vec<f64>> {
            tensors.iter().map(|tensor| tensor.iter().map(|v| fixed.decode(*v)).collect()).collect()
        };
        Ok(FloatNetwork { layers: layers.clone(), weights: decode(&model.weights), biases: decode(&model.biases) })
    }

    /// Weights, for each layer row-major \[fan_out\]\[fan_in\].
    pub fn weights(&self) -> &[Vec<f64>] {
        &self.weights
    }

    /// Biases, for each layer \[fan_out\].
    pub fn biases(&self) -> &[Vec<f64>] {
        &self.biases
    }

    /// One step of gradient descent on a batch, `inputs` \[rows\]\[inputs\] and `labels` \[rows\]; returns the sum of
    /// squared differences over rows and outputs before the step.
    ///
    /// # Errors
    /// If the batch does not fit the layers.
    pub fn step(&mut self, inputs: &[f64], labels: &[u32], learning_rate: f64) -> Result<f64, MlpError> {
        self.layers.check_length("values in the batch", labels.len() * self.layers.inputs(), inputs.len())?;
        let classes = self.layers.outputs();
        if let Some(row) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(MlpError::Label { row, label: labels[row], classes });
        }
        let activations = self.activations(inputs);
        let targets = one_hot(labels, classes, 1.0);
        let mut delta: Vec<f64> = activations[activations.len() - 1].iter().zip(&targets).map(|(y, t)| y - t).collect();
        let loss_sum = delta.iter().map(|d| d * d).sum();
        let rate = learning_rate / labels.len() as f64;
        for layer in (0..self.layers.weight_layers()).rev() {
            let below = if layer == 0 { inputs } else { &activations[layer - 1] };
            let delta_below = if layer == 0 { Vec::new() } else { self.carried_back(&delta, below, layer) };
            self.descend(&delta, below, layer, rate);
            delta = delta_below;
        }
        Ok(loss_sum)
    }

    /// Scores \[rows\]\[classes\] of `inputs` \[rows\]\[inputs\].
    ///
    /// # Errors
    /// If `inputs` is not a whole number of rows.
    pub fn scores(&self, inputs: &[f64]) -> Result<Vec<f64>, MlpError> {
        let rows = inputs.len() / self.layers.inputs();
        self.layers.check_length("values in the rows", rows * self.layers.inputs(), inputs.len())?;
        Ok(self.activations(inputs).pop().unwrap_or_default())
    }

    /// Output of every weight layer, \[rows\]\[fan_out\].
    fn activations(&self, inputs: &[f64]) -> Vec<Vec<f64>> {
        let mut all: Vec<Vec<f64>> = Vec::with_capacity(self.weights.len());
        for (layer, (weights, biases)) in self.weights.iter().zip(&self.biases).enumerate() {
            let fan_in = self.layers.fan_in(layer);
            let below = all.last().map_or(inputs, Vec::as_slice);
            let mut output = Vec::with_capacity(below.len() / fan_in * biases.len());
            for row in below.chunks(fan_in) {
                for (weights, bias) in weights.chunks(fan_in).zip(biases) {
                    let z = bias + weights.iter().zip(row).map(|(w, a)| w * a).sum::<f64>();
                    output.push(if self.layers.is_output(layer) { z } else { z.max(0.0) });
                }
            }
            all.push(output);
        }
        all
    }

    /// W^T delta where the activations below are positive, \[rows\]\[fan_in\].
    fn carried_back(&self, delta: &[f64], below: &[f64], layer: usize) -> Vec<f64> {
        let (fan_in, fan_out) = (self.layers.fan_in(layer), self.layers.fan_out(layer));
        let mut carried = vec![0.0; below.len()];
        for (carried, delta) in carried.chunks_mut(fan_in).zip(delta.chunks(fan_out)) {
            for (weights, d) in self.weights[layer].chunks(fan_in).zip(delta) {
                carried.iter_mut().zip(weights).for_each(|(c, w)| *c += w * d);
            }
        }
        carried.iter_mut().zip(below).filter(|(_, a)| **a <= 0.0).for_each(|(c, _)| *c = 0.0);
        carried
    }

    fn descend(&mut self, delta: &[f64], below: &[f64], layer: usize, rate: f64) {
        let (fan_in, fan_out) = (self.layers.fan_in(layer), self.layers.fan_out(layer));
        for (delta, row) in delta.chunks(fan_out).zip(below.chunks(fan_in)) {
            for (i, d) in delta.iter().enumerate() {
                let weights = &mut self.weights[layer][i * fan_in..(i + 1) * fan_in];
                weights.iter_mut().zip(row).for_each(|(w, a)| *w -= rate * d * a);
                self.biases[layer][i] -= rate * d;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    fn network(widths: &str, seed: u64) -> FloatNetwork {
        let layers: Layers = widths.parse().unwrap();
        let fixed = FixedPoint::new(20).unwrap();
        let mut rng = SeededRng::new(seed, "weights");
        let model = FixedModel::initial_addend(&layers, fixed, || rng.normal()).unwrap();
        FloatNetwork::from_fixed(&layers, &model, fixed).unwrap()
    }

    /// 1/(2 rows) times the sum of squared differences.
    fn loss(network: &FloatNetwork, inputs: &[f64], labels: &[u32]) -> f64 {
        let targets = one_hot(labels, network.layers.outputs(), 1.0);
        let squares =
            network.scores(inputs).unwrap().into_iter().zip(targets).map(|(y, t): (f64, f64)| (y - t).powi(2));
        squares.sum::<f64>() / (2.0 * labels.len() as f64)
    }

    #[test]
    fn a_step_follows_the_slope_of_the_loss() {
        let start = network("3,5,4,2", 1);
        let mut rng = SeededRng::new(2, "inputs");
        let inputs: Vec<f64> = (0..6 * 3).map(|_| rng.normal()).collect();
        let labels = [0, 1, 1, 0, 1, 0];
        let mut stepped = start.clone();
        let loss_sum = stepped.step(&inputs, &labels, 1.0).unwrap();
        assert!((loss_sum / 12.0 - loss(&start, &inputs, &labels)).abs() < 1e-12);
        let slope_at = |nudge: &dyn Fn(&mut FloatNetwork, f64)| {
            let shifted = |by: f64| {
                let mut network = start.clone();
                nudge(&mut network, by);
                loss(&network, &inputs, &labels)
            };
            (shifted(1e-6) - shifted(-1e-6)) / 2e-6
        };
        for layer in 0..3 {
            for i in 0..start.weights[layer].len() {
                let slope = slope_at(&|network, by| network.weights[layer][i] += by);
                let moved = start.weights[layer][i] - stepped.weights[layer][i];
                assert!((slope - moved).abs() < 1e-6, "weight {i} of layer {layer}: {slope} against {moved}");
            }
            for i in 0..start.biases[layer].len() {
                let slope = slope_at(&|network, by| network.biases[layer][i] += by);
                let moved = start.biases[layer][i] - stepped.biases[layer][i];
                assert!((slope - moved).abs() < 1e-6, "bias {i} of layer {layer}: {slope} against {moved}");
            }
        }
    }

    #[test]
    fn batches_of_another_shape_are_refused() {
        let mut network = network("2,2", 1);
        assert!(network.step(&[1.0], &[0], 0.1).is_err());
        assert!(network.step(&[1.0, 2.0], &[2], 0.1).is_err());
        assert!(network.scores(&[1.0, 2.0, 3.0]).is_err());
    }
}
