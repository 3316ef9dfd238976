//! Widths of a network's layers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mlp::error::MlpError;

/// The most weight layers; far beyond what trains, far below what a position's 16 bits hold.
pub const MAX_WEIGHT_LAYERS: usize = 64;

/// The widest layer; a sum over its inputs stays far inside an i128.
pub const MAX_WIDTH: usize = 1 << 20;

/// The most weights and biases together, so that a foreign configuration cannot ask for endless memory.
pub const MAX_PARAMETERS: usize = 1 << 28;

/// Widths from the inputs to the classes: at least two, each at least 1. Written `30,16,2`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<usize>", into = "Vec<usize>")]
pub struct Layers(Vec<usize>);

impl Layers {
    /// Checks `widths`.
    ///
    /// # Errors
    /// With fewer than two widths, a width of 0, or more than the limits of this module.
    pub fn new(widths: Vec<usize>) -> Result<Self, MlpError> {
        match fault(&widths) {
            None => Ok(Layers(widths)),
            Some(reason) => Err(MlpError::Layers { given: join(&widths), reason }),
        }
    }

    /// All widths, inputs first.
    pub fn widths(&self) -> &[usize] {
        &self.0
    }

    /// Number of weight layers: one less than there are widths.
    pub fn weight_layers(&self) -> usize {
        self.0.len() - 1
    }

    /// Width of the input.
    pub fn inputs(&self) -> usize {
        self.0[0]
    }

    /// Width of the output: the number of classes.
    pub fn outputs(&self) -> usize {
        self.0[self.0.len() - 1]
    }

    /// Inputs of weight layer `layer`.
    pub fn fan_in(&self, layer: usize) -> usize {
        self.0[layer]
    }

    /// Outputs of weight layer `layer`.
    pub fn fan_out(&self, layer: usize) -> usize {
        self.0[layer + 1]
    }

    /// True for the layer without ReLU: the last.
    pub fn is_output(&self, layer: usize) -> bool {
        layer + 1 == self.weight_layers()
    }

    /// Number of weights and biases together.
    pub fn parameters(&self) -> usize {
        self.0.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum()
    }

    /// Whether data of `columns` features and `classes` classes fit this network.
    ///
    /// # Errors
    /// If the first or the last width differs.
    pub fn check_data(&self, columns: usize, classes: usize) -> Result<(), MlpError> {
        self.check_length("columns of the data", self.inputs(), columns)?;
        self.check_length("classes of the data", self.outputs(), classes)
    }

    pub(crate) fn check_length(&self, what: &'static str, expected: usize, found: usize) -> Result<(), MlpError> {
        if expected == found {
            Ok(())
        } else {
            Err(MlpError::Shape { what, layers: self.to_string(), expected, found })
        }
    }
}

fn fault(widths: &[usize]) -> Option<String> {
    if widths.len() < 2 {
        return Some("a network has at least an input and an output width".into());
    }
    if widths.len() - 1 > MAX_WEIGHT_LAYERS {
        return Some(format!("{} weight layers; at most {MAX_WEIGHT_LAYERS} are possible", widths.len() - 1));
    }
    if let Some(width) = widths.iter().find(|width| !(1..=MAX_WIDTH).contains(*width)) {
        return Some(format!("a layer of width {width}; widths are 1 to {MAX_WIDTH}"));
    }
    let parameters: usize = widths.windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    (parameters > MAX_PARAMETERS).then(|| format!("{parameters} weights; at most {MAX_PARAMETERS} are possible"))
}

fn join(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join(",")
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&join(&self.0))
    }
}

impl FromStr for Layers {
    type Err = MlpError;

    fn from_str(text: &str) -> Result<Self, MlpError> {
        let widths = text.split(',').map(|part| {
            part.trim().parse().map_err(|_| MlpError::Layers {
                given: text.into(),
                reason: format!("{:?} is not a width", part.trim()),
            })
        });
        Layers::new(widths.collect::<Result<_, _>>()?)
    }
}

impl TryFrom<Vec<usize>> for Layers {
    type Error = MlpError;

    fn try_from(widths: Vec<usize>) -> Result<Self, MlpError> {
        Layers::new(widths)
    }
}

impl From<Layers> for Vec<usize> {
    fn from(layers: Layers) -> Vec<usize> {
        layers.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_form_comes_back() {
        let layers: Layers = "30, 16,2".parse().unwrap();
        assert_eq!(layers.widths(), [30, 16, 2]);
        assert_eq!(layers.to_string(), "30,16,2");
        assert_eq!(layers.parameters(), 31 * 16 + 17 * 2);
        assert_eq!((layers.fan_in(1), layers.fan_out(1)), (16, 2));
        assert!(layers.is_output(1) && !layers.is_output(0));
    }

    #[test]
    fn lists_that_make_no_network_are_refused() {
        for text in ["", "3", "3,", "3,0", "3,-1,2", "a,2", "2;2", "99999999999999999999999,2", "1048577,2"] {
            assert!(text.parse::<Layers>().is_err(), "{text:?}");
        }
        assert!(Layers::new(vec![1; MAX_WEIGHT_LAYERS + 2]).is_err());
        assert!(Layers::new(vec![MAX_WIDTH, MAX_WIDTH]).is_err());
        assert!(serde_json::from_str::<Layers>("[3]").is_err());
    }

    #[test]
    fn data_of_another_shape_is_refused() {
        let layers: Layers = "30,16,2".parse().unwrap();
        assert!(layers.check_data(30, 2).is_ok());
        let error = layers.check_data(31, 2).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("31") && error.to_string().contains("30,16,2"), "{error}");
        assert!(layers.check_data(30, 3).is_err());
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "[0-9, a-z-]{0,24}") {
            if let Ok(layers) = text.parse::<Layers>() {
                prop_assert_eq!(layers.to_string().parse::<Layers>().unwrap(), layers);
            }
        }
    }
}
