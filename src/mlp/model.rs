//! A model in fixed point, and how it begins.

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::fixed::FixedPoint;
use crate::mlp::bounds::{BoundName, DeclaredBounds};
use crate::mlp::error::{MlpError, Moment};
use crate::mlp::layers::Layers;
use crate::mlp::update::Update;

/// Weights and biases as integers at scale 2^f; also the shape of gradients and updates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
pub struct FixedModel {
    /// For each weight layer, row-major \[fan_out\]\[fan_in\].
    pub weights: Vec<Vec<i64>>,
    /// For each weight layer, \[fan_out\].
    pub biases: Vec<Vec<i64>>,
}

impl FixedModel {
    /// All zeros.
    pub fn zeros(layers: &Layers) -> Self {
        FixedModel {
            weights: (0..layers.weight_layers()).map(|l| vec![0; layers.fan_in(l) * layers.fan_out(l)]).collect(),
            biases: (0..layers.weight_layers()).map(|l| vec![0; layers.fan_out(l)]).collect(),
        }
    }

    /// One server's part of the initial model: each weight a normal draw of variance 1/(2 fan_in), biases 0, so that
    /// the sum of two has variance 1/fan_in (protocol.md, section 1). `draw` gives standard normal numbers and is
    /// called once for each weight, layer by layer in row-major order.
    ///
    /// # Errors
    /// If a draw is not finite or above 8 in magnitude after scaling, which a normal generator on 53 bits never
    /// reaches.
    pub fn initial_addend(layers: &Layers, fixed: FixedPoint, mut draw: impl FnMut() -> f64) -> Result<Self, MlpError> {
        let bits = fixed.fraction_bits() + 3;
        let mut model = FixedModel::zeros(layers);
        for (layer, weights) in model.weights.iter_mut().enumerate() {
            let deviation = (0.5 / layers.fan_in(layer) as f64).sqrt();
            for weight in weights {
                *weight = fixed.encode(draw() * deviation, bits)?;
            }
        }
        Ok(model)
    }

    /// The sum of two models of the same shape, such as the two servers' addends. What an i64 cannot hold stays at its
    /// end, far beyond every bound, so that [`FixedModel::check_bounds`] refuses it.
    ///
    /// # Errors
    /// If `layers` is not the shape of both.
    pub fn sum(layers: &Layers, left: &FixedModel, right: &FixedModel) -> Result<Self, MlpError> {
        left.check_shape(layers)?;
        right.check_shape(layers)?;
        let mut total = left.clone();
        for (tensor, other) in total.tensors_mut().zip(right.tensors()) {
            for (value, addend) in tensor.iter_mut().zip(other) {
                *value = value.saturating_add(*addend);
            }
        }
        Ok(total)
    }

    /// Whether this is a model of shape `layers`.
    ///
    /// # Errors
    /// Naming the first tensor of another length.
    pub fn check_shape(&self, layers: &Layers) -> Result<(), MlpError> {
        layers.check_length("weight layers of the model", layers.weight_layers(), self.weights.len())?;
        layers.check_length("bias layers of the model", layers.weight_layers(), self.biases.len())?;
        for layer in 0..layers.weight_layers() {
            let (fan_in, fan_out) = (layers.fan_in(layer), layers.fan_out(layer));
            layers.check_length("weights of a layer", fan_in * fan_out, self.weights[layer].len())?;
            layers.check_length("biases of a layer", fan_out, self.biases[layer].len())?;
        }
        Ok(())
    }

    /// Whether every weight and bias is within [`BoundName::Weights`].
    ///
    /// # Errors
    /// Naming the first that is not.
    pub fn check_bounds(&self, bounds: &DeclaredBounds, moment: Moment) -> Result<(), MlpError> {
        for (tensor, layers) in [("a weight", &self.weights), ("a bias", &self.biases)] {
            for (layer, values) in layers.iter().enumerate() {
                for value in values {
                    bounds.check(i128::from(*value), BoundName::Weights, moment, layer, tensor)?;
                }
            }
        }
        Ok(())
    }

    /// Adds each tensor of `update` times its coefficient, saturating as in [`FixedModel::sum`],
    /// and checks the result as [`FixedModel::check_bounds`] does.
    ///
    /// # Errors
    /// If a weight or bias leaves its bound; the model is then unusable.
    pub fn apply(&mut self, update: &Update, bounds: &DeclaredBounds, moment: Moment) -> Result<(), MlpError> {
        for term in &update.terms {
            for (tensor, change) in self.tensors_mut().zip(term.tensors.tensors()) {
                for (value, step) in tensor.iter_mut().zip(change) {
                    *value = value.saturating_add(step.saturating_mul(term.coefficient));
                }
            }
        }
        self.check_bounds(bounds, moment)
    }

    fn tensors(&self) -> impl Iterator<Item = &Vec<i64>> {
        self.weights.iter().chain(&self.biases)
    }

    fn tensors_mut(&mut self) -> impl Iterator<Item = &mut Vec<i64>> {
        self.weights.iter_mut().chain(&mut self.biases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::SeededRng;

    fn layers() -> Layers {
        "50,40,3".parse().unwrap()
    }

    fn fixed() -> FixedPoint {
        FixedPoint::new(13).unwrap()
    }

    #[test]
    fn two_addends_make_weights_of_variance_one_over_fan_in() {
        let mut rng = SeededRng::new(3, "weights");
        let mut addend = || FixedModel::initial_addend(&layers(), fixed(), || rng.normal()).unwrap();
        let model = FixedModel::sum(&layers(), &addend(), &addend()).unwrap();
        let first = &model.weights[0];
        let variance = first.iter().map(|w| fixed().decode(*w).powi(2)).sum::<f64>() / first.len() as f64;
        assert!((variance * 50.0 - 1.0).abs() < 0.1, "{variance}");
        assert!(model.biases.iter().flatten().all(|bias| *bias == 0));
    }

    #[test]
    fn models_of_another_shape_are_refused() {
        let other: Layers = "50,3,40".parse().unwrap();
        let model = FixedModel::zeros(&layers());
        assert!(model.check_shape(&layers()).is_ok());
        assert!(model.check_shape(&other).is_err());
        assert!(FixedModel::sum(&layers(), &model, &FixedModel::zeros(&other)).is_err());
        assert!(FixedModel { biases: vec![], ..model }.check_shape(&layers()).is_err());
    }

    #[test]
    fn an_update_adds_each_term_times_its_coefficient() {
        let shape: Layers = "1,1".parse().unwrap();
        let value = |weight, bias| FixedModel { weights: vec![vec![weight]], biases: vec![vec![bias]] };
        let mut model = value(10, 20);
        let mut update = Update::descent(value(3, -4));
        update.terms.push(crate::mlp::update::UpdateTerm { coefficient: 2, tensors: value(100, 0) });
        model.apply(&update, &DeclaredBounds::defaults(13), Moment::Step(0)).unwrap();
        assert_eq!(model, value(207, 24));
        assert!(model.check_shape(&shape).is_ok());
    }

    #[test]
    fn extreme_updates_saturate_and_are_caught() {
        let value = |weight| FixedModel { weights: vec![vec![weight]], biases: vec![vec![0]] };
        for extreme in [i64::MIN, i64::MAX, 1 << 17, -(1 << 17)] {
            let error = value(0)
                .apply(&Update::descent(value(extreme)), &DeclaredBounds::defaults(13), Moment::Step(5))
                .unwrap_err();
            assert!(error.to_string().contains("step 5, layer 0: a weight"), "{error}");
        }
    }
}
