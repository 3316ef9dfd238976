//! A model in the clear, as JSON: what `decrypt` writes and `predict` reads.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use smlp::codec::CodecError;
use smlp::error::Error;
use smlp::fixed::FixedPoint;
use smlp::mlp::{BoundName, FixedModel, Layers};

/// Weights and biases as numbers, each a whole multiple of 2^-fraction_bits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenModel {
    /// Widths, inputs first.
    pub layers: Layers,
    /// Format that the model was trained in.
    #[serde(rename = "fraction_bits")]
    pub fixed: FixedPoint,
    /// For each layer [fan_out][fan_in], row-major.
    weights: Vec<Vec<f64>>,
    /// For each layer [fan_out].
    biases: Vec<Vec<f64>>,
}

impl OpenModel {
    /// From all parameters, weights and biases layer by layer, at scale 2^f.
    ///
    /// # Panics
    /// If their number is not that of `layers`.
    pub fn from_parameters(layers: Layers, fixed: FixedPoint, parameters: &[i64]) -> Self {
        assert_eq!(parameters.len(), layers.parameters(), "parameters of the layers");
        let mut rest = parameters.iter().map(|value| fixed.decode(*value));
        let mut take = |count: usize| rest.by_ref().take(count).collect();
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for layer in 0..layers.weight_layers() {
            weights.push(take(layers.fan_in(layer) * layers.fan_out(layer)));
            biases.push(take(layers.fan_out(layer)));
        }
        OpenModel { layers, fixed, weights, biases }
    }

    /// Text for a file.
    ///
    /// # Errors
    /// Never for a model that was opened: its numbers are finite.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string_pretty(self).map_err(|error| Error::Usage(format!("the model is no JSON: {error}")))
    }

    /// Reads what `decrypt` wrote.
    ///
    /// # Errors
    /// If the file cannot be read or is no model.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|source| Error::file(path, source))?;
        serde_json::from_slice(&bytes).map_err(|error| refuse(path, error.to_string()))
    }

    /// The integers that both servers trained; `path` is for messages.
    ///
    /// # Errors
    /// If a number is too large or none that the format has, or the shape is not that of the layers.
    pub fn to_fixed(&self, path: &Path) -> Result<FixedModel, Error> {
        let encode = |value: &f64| match self.fixed.encode(*value, BoundName::Weights.max_bits()) {
            Ok(fixed) if self.fixed.decode(fixed) == *value => Ok(fixed),
            Ok(_) => Err(refuse(path, format!("{value} is no multiple of 2^-{}", self.fixed.fraction_bits()))),
            Err(error) => Err(refuse(path, error.to_string())),
        };
        let tensors = |tensors: &[Vec<f64>]| {
            tensors.iter().map(|values| values.iter().map(encode).collect()).collect::<Result<Vec<_>, _>>()
        };
        let model = FixedModel { weights: tensors(&self.weights)?, biases: tensors(&self.biases)? };
        model.check_shape(&self.layers).map_err(|error| refuse(path, error.to_string()))?;
        Ok(model)
    }
}

fn refuse(path: &Path, reason: String) -> Error {
    Error::Container { path: path.into(), source: CodecError::invalid("model", reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> OpenModel {
        let parameters: Vec<i64> = vec![1, -8192, 5, 131_071, 7, -131_071];
        OpenModel::from_parameters("1,3".parse().unwrap(), FixedPoint::new(13).unwrap(), &parameters)
    }

    #[test]
    fn the_integers_come_back_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        fs::write(&path, model().to_json().unwrap()).unwrap();
        let back = OpenModel::read(&path).unwrap().to_fixed(&path).unwrap();
        assert_eq!(back.weights, [[1, -8192, 5]]);
        assert_eq!(back.biases, [[131_071, 7, -131_071]]);
    }

    #[test]
    fn what_is_no_model_is_refused_with_its_file() {
        let good = model().to_json().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.json");
        for (from, to) in [
            ("-1.0,", "-1.00001,"),
            ("-1.0,", "1e300,"),
            ("-1.0,", ""),
            ("\"weights\"", "\"weight\""),
            ("13", "99"),
            ("3", "0"),
            ("}", ""),
        ] {
            fs::write(&path, good.replacen(from, to, 1)).unwrap();
            let error = OpenModel::read(&path).and_then(|model| model.to_fixed(&path)).unwrap_err();
            assert!(error.exit_code() == 3 && error.to_string().contains("model.json"), "{to}: {error}");
        }
    }
}
