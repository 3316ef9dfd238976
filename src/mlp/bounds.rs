//! Declared bounds: how many bits each tensor of a training may have (protocol.md, rule 6).
//!
//! A bound of b bits means |v| < 2^b. The defaults follow the fractional bits f as values do: what is at scale 2^f has
//! f bits and 4 more for magnitudes below 16 (pixels: f + 1, for magnitudes up to 1), a product or a dot product is at
//! scale 2^(2f) and has 2f + 4, a gradient summed over a batch 2f + 8. At f = 13: 17, 14, 30 and 34 bits.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::mlp::error::{MlpError, Moment};

/// The largest bound of a value. Products then have 80 bits, and a sum of 2^40 of them fits an i128.
pub const MAX_VALUE_BOUND_BITS: u32 = 40;

/// The largest bound of a product or sum before division.
pub const MAX_SUM_BOUND_BITS: u32 = 80;

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoundName {
    /// Features of any kind.
    Inputs,
    /// Features that are pixels, scaled to [0, 1].
    Pixels,
    /// Weights and biases, initial and after each update.
    Weights,
    /// Weighted sums after division and bias, activations, and scores.
    Activations,
    /// Output differences and errors carried back, after division.
    Delta,
    /// Dot products before division, forward and backward.
    Products,
    /// Gradients summed over a batch, of weights and of biases, before division.
    Gradients,
}

impl BoundName {
    /// All names.
    pub const ALL: [BoundName; 7] = [
        BoundName::Inputs,
        BoundName::Pixels,
        BoundName::Weights,
        BoundName::Activations,
        BoundName::Delta,
        BoundName::Products,
        BoundName::Gradients,
    ];

    /// The name as `--bound` takes it.
    pub fn name(self) -> &'static str {
        match self {
            BoundName::Inputs => "inputs",
            BoundName::Pixels => "pixels",
            BoundName::Weights => "weights",
            BoundName::Activations => "activations",
            BoundName::Delta => "delta",
            BoundName::Products => "products",
            BoundName::Gradients => "gradients",
        }
    }

    /// The largest value that may be declared, in bits.
    pub fn max_bits(self) -> u32 {
        match self {
            BoundName::Products | BoundName::Gradients => MAX_SUM_BOUND_BITS,
            _ => MAX_VALUE_BOUND_BITS,
        }
    }
}

impl fmt::Display for BoundName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for BoundName {
    type Err = MlpError;

    fn from_str(text: &str) -> Result<Self, MlpError> {
        BoundName::ALL.into_iter().find(|bound| bound.name() == text).ok_or_else(|| {
            let known = BoundName::ALL.map(BoundName::name).join(", ");
            MlpError::Bound { given: text.into(), reason: format!("no such bound; there are {known}") }
        })
    }
}

/// Which bound the features are declared under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Any features: [`BoundName::Inputs`].
    Features,
    /// Pixels in [0, 1]: [`BoundName::Pixels`].
    Pixels,
}

impl InputKind {
    /// The bound that the features have.
    pub fn bound(self) -> BoundName {
        match self {
            InputKind::Features => BoundName::Inputs,
            InputKind::Pixels => BoundName::Pixels,
        }
    }
}

/// One `--bound NAME=BITS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundOverride {
    /// Which bound.
    pub name: BoundName,
    /// Its new value in bits.
    pub bits: u32,
}

impl FromStr for BoundOverride {
    type Err = MlpError;

    fn from_str(text: &str) -> Result<Self, MlpError> {
        let refuse = |reason: String| MlpError::Bound { given: text.into(), reason };
        let (name, bits) = text.split_once('=').ok_or_else(|| refuse("write NAME=BITS, as in weights=18".into()))?;
        let name: BoundName = name.trim().parse()?;
        let bits = bits.trim().parse().map_err(|_| refuse(format!("{:?} is not a number of bits", bits.trim())))?;
        check_range(name, bits)?;
        Ok(BoundOverride { name, bits })
    }
}

/// A bound, in bits, for each kind of tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredBounds {
    /// [`BoundName::Inputs`].
    pub inputs: u32,
    /// [`BoundName::Pixels`].
    pub pixels: u32,
    /// [`BoundName::Weights`].
    pub weights: u32,
    /// [`BoundName::Activations`].
    pub activations: u32,
    /// [`BoundName::Delta`].
    pub delta: u32,
    /// [`BoundName::Products`].
    pub products: u32,
    /// [`BoundName::Gradients`].
    pub gradients: u32,
}

impl DeclaredBounds {
    /// The defaults for `fraction_bits`, as this module's documentation derives them.
    pub fn defaults(fraction_bits: u32) -> Self {
        let value = fraction_bits + 4;
        DeclaredBounds {
            inputs: value,
            pixels: fraction_bits + 1,
            weights: value,
            activations: value,
            delta: value,
            products: 2 * fraction_bits + 4,
            gradients: 2 * fraction_bits + 8,
        }
    }

    /// The same with some replaced; the last of several for one name counts.
    ///
    /// # Errors
    /// If a value is 0 or above [`BoundName::max_bits`].
    pub fn with(mut self, overrides: &[BoundOverride]) -> Result<Self, MlpError> {
        for change in overrides {
            *self.slot(change.name) = change.bits;
        }
        self.validate()?;
        Ok(self)
    }

    /// The bound called `name`, in bits.
    pub fn bits(&self, name: BoundName) -> u32 {
        match name {
            BoundName::Inputs => self.inputs,
            BoundName::Pixels => self.pixels,
            BoundName::Weights => self.weights,
            BoundName::Activations => self.activations,
            BoundName::Delta => self.delta,
            BoundName::Products => self.products,
            BoundName::Gradients => self.gradients,
        }
    }

    /// Bits of a sum of `terms` squared output differences: it stays below 2^result.
    pub fn loss_bits(&self, terms: u64) -> u32 {
        2 * self.delta + terms.max(1).next_power_of_two().trailing_zeros()
    }

    /// Checks every bound's range; needed for bounds that come from outside.
    ///
    /// # Errors
    /// If a value is 0 or above [`BoundName::max_bits`].
    pub fn validate(&self) -> Result<(), MlpError> {
        BoundName::ALL.into_iter().try_for_each(|name| check_range(name, self.bits(name)))
    }

    /// Checks one value of a training.
    ///
    /// # Errors
    /// If |value| >= 2^bits of the bound called `name`.
    pub fn check(
        &self,
        value: i128,
        name: BoundName,
        moment: Moment,
        layer: usize,
        tensor: &'static str,
    ) -> Result<(), MlpError> {
        let value_bits = u128::BITS - value.unsigned_abs().leading_zeros();
        let declared_bits = self.bits(name);
        if value_bits <= declared_bits {
            return Ok(());
        }
        Err(MlpError::BoundExceeded { moment, layer, tensor, bound: name, declared_bits, value_bits })
    }

    fn slot(&mut self, name: BoundName) -> &mut u32 {
        match name {
            BoundName::Inputs => &mut self.inputs,
            BoundName::Pixels => &mut self.pixels,
            BoundName::Weights => &mut self.weights,
            BoundName::Activations => &mut self.activations,
            BoundName::Delta => &mut self.delta,
            BoundName::Products => &mut self.products,
            BoundName::Gradients => &mut self.gradients,
        }
    }
}

fn check_range(name: BoundName, bits: u32) -> Result<(), MlpError> {
    let max_bits = name.max_bits();
    if (1..=max_bits).contains(&bits) {
        return Ok(());
    }
    Err(MlpError::Bound { given: format!("{name}={bits}"), reason: format!("bits are 1 to {max_bits}") })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_defaults_at_13_fractional_bits_are_those_of_the_protocol() {
        let bounds = DeclaredBounds::defaults(13);
        assert_eq!(BoundName::ALL.map(|name| bounds.bits(name)), [17, 14, 17, 17, 17, 30, 34]);
        assert!(DeclaredBounds::defaults(crate::fixed::MAX_FRACTION_BITS).validate().is_ok());
    }

    #[test]
    fn overrides_replace_by_name() {
        let overrides: Vec<BoundOverride> =
            ["weights=18", "gradients = 40"].iter().map(|text| text.parse().unwrap()).collect();
        let bounds = DeclaredBounds::defaults(13).with(&overrides).unwrap();
        assert_eq!(bounds, DeclaredBounds { weights: 18, gradients: 40, ..DeclaredBounds::defaults(13) });
        for name in BoundName::ALL {
            let change = BoundOverride { name, bits: 9 };
            assert_eq!(DeclaredBounds::defaults(13).with(&[change]).unwrap().bits(name), 9);
        }
    }

    #[test]
    fn unknown_names_and_wild_values_are_refused() {
        let error = "weight=18".parse::<BoundOverride>().unwrap_err();
        assert!(error.to_string().contains("weights, activations"), "{error}");
        assert_eq!(error.exit_code(), 2);
        for text in ["weights", "weights=", "weights=0", "weights=41", "products=81", "weights=-1", "=3", "weights=1=2"]
        {
            assert!(text.parse::<BoundOverride>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_sum_of_squares_stays_below_its_bits() {
        let bounds = DeclaredBounds::defaults(13);
        let largest = (1u128 << bounds.delta) - 1;
        for terms in [1u64, 2, 3, 64, 65] {
            assert!(u128::from(terms) * largest * largest < 1 << bounds.loss_bits(terms));
        }
    }

    proptest! {
        #[test]
        fn any_text_ends_in_an_answer(text in "\\PC{0,24}") {
            let _ = text.parse::<BoundOverride>();
        }
    }
}
