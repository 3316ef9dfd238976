//! Widths of values and masks, derived from the declared bounds in one place, for every protocol.
//!
//! With b the bound of a value in bits and sigma the statistical parameter, masks are uniform in
//! [2^b, 2^b + 2^(b + sigma)) (rule 2), so that
//!
//! ```text
//! 0 < v + m < 2^(b + sigma) + 2^(b + 1)            what P2 accepts
//! m < 2^(b + sigma + 1)                            length of m as an exponent
//! |(a + r_a) (b + r_b)| < 2^(b_a + b_b + 2 sigma + 2) < n/2      MulEnc
//! |s (rho (2a - 1) + u)| < 2^(b + 2 + 40) < n/2                  MaxEnc
//! ```

use rug::Integer;

use crate::dgk::Parameters;
use crate::mask::Phase;
use crate::mlp::{BoundName, TrainingPlan};

use super::ProtocolError;
use super::config::{Comparison, JobConfig};
use super::element::FACTOR_BITS;
use super::leak_free::{self, Compared};
use super::model_test::EXCESS_BITS;

/// Longest value plus sigma that a mask by position supports; see [`crate::mask::Masks::short`].
const MAX_MASK_SPAN_BITS: u32 = 126;

/// Smallest and largest statistical parameter.
const SIGMA_RANGE: std::ops::RangeInclusive<u32> = 20..=80;

/// Widths of every tensor of one job.
#[derive(Debug, Clone)]
pub struct Bounds {
    plan: TrainingPlan,
    sigma: u32,
}

impl Bounds {
    /// Derives the widths and checks them against the key.
    ///
    /// # Errors
    /// If sigma is out of range, a mask would be too long, or a blinded product would not fit the plaintext.
    pub fn new(plan: &TrainingPlan, sigma: u32, key_bits: u32) -> Result<Self, ProtocolError> {
        if !SIGMA_RANGE.contains(&sigma) {
            let (min, max) = (SIGMA_RANGE.start(), SIGMA_RANGE.end());
            return Err(ProtocolError::Config { reason: format!("sigma is {sigma}; it is {min} to {max}") });
        }
        let bounds = Bounds { plan: plan.clone(), sigma };
        bounds.check_masks()?;
        bounds.check_plaintext(key_bits)?;
        Ok(bounds)
    }

    /// Statistical parameter: a masked value is at most 2^(1 - sigma) from uniform.
    pub fn sigma(&self) -> u32 {
        self.sigma
    }

    /// Bound of the left and of the right operand of a product.
    pub fn operand_bits(&self, phase: Phase, layer: u16) -> (u32, u32) {
        let bits = |name| self.plan.bounds.bits(name);
        match phase {
            Phase::Forward => (bits(BoundName::Weights), self.layer_input_bits(layer)),
            Phase::Gate => (bits(BoundName::Activations), 1),
            Phase::Loss => (bits(BoundName::Delta), bits(BoundName::Delta)),
            Phase::Gradient => (bits(BoundName::Delta), self.layer_input_bits(layer)),
            Phase::Backward => (bits(BoundName::Weights), bits(BoundName::Delta)),
            Phase::BackwardGate => (bits(BoundName::Delta), 1),
            _ => unreachable!("{phase:?} multiplies nothing"),
        }
    }

    /// Bound of a value that is divided.
    pub fn division_bits(&self, phase: Phase, layer: u16) -> u32 {
        match phase {
            Phase::Input => self.layer_input_bits(layer).max(self.plan.fixed.fraction_bits() + 1),
            Phase::Forward | Phase::Backward => self.plan.bounds.products,
            Phase::Gradient | Phase::BiasGradient => self.plan.bounds.gradients,
            _ => unreachable!("{phase:?} divides nothing"),
        }
    }

    /// How a value is compared of which P2 has the masked form and P1 the mask.
    pub(super) fn compared(&self) -> Compared {
        let bits = self.compared_bits();
        Compared { bits, share_bits: bits + self.sigma() + 1 }
    }

    /// How a masked parameter is compared with the bound of the weights: moved by the bound, with room for an excess.
    pub(super) fn model_compared(&self) -> Compared {
        let bits = self.weight_bits();
        Compared { bits: bits + EXCESS_BITS, share_bits: self.mask_bits(bits) + 1 }
    }

    /// What the key of the comparison must be made for in the element-wise protocol, where the job has one.
    ///
    /// # Errors
    /// If values are too long to be compared.
    pub fn comparison_parameters(&self, config: &JobConfig) -> Result<Option<Parameters>, ProtocolError> {
        match config.comparison {
            Comparison::Blinded => Ok(None),
            Comparison::Dgk => {
                let longest = self.compared_bits().max(self.model_compared().bits);
                leak_free::parameters(config.key_bits, longest).map(Some)
            }
        }
    }

    /// Bound of a value that is compared with 0.
    pub fn compared_bits(&self) -> u32 {
        self.plan.bounds.activations
    }

    /// Bound of the weights, for their reader.
    pub fn weight_bits(&self) -> u32 {
        self.plan.bounds.weights
    }

    /// Bound of the scores, for their reader.
    pub fn score_bits(&self) -> u32 {
        self.plan.bounds.activations
    }

    /// Bound of the sum of squared differences over `rows` rows, for its reader.
    pub fn loss_bits(&self, rows: usize) -> u32 {
        self.plan.bounds.loss_bits((rows * self.plan.layers.outputs()) as u64)
    }

    /// Length of a mask of a value of `value_bits` bits.
    pub fn mask_bits(&self, value_bits: u32) -> u32 {
        value_bits + self.sigma + 1
    }

    /// A masked value is below this: 2^(value_bits + sigma) + 2^(value_bits + 1).
    pub fn masked_limit(&self, value_bits: u32) -> Integer {
        (Integer::from(1) << (value_bits + self.sigma)) + (Integer::from(1) << (value_bits + 1))
    }

    /// Checks that a mask of the loss of `rows` rows is possible.
    ///
    /// # Errors
    /// If loss and sigma are too long together.
    pub fn check_loss(&self, rows: usize) -> Result<(), ProtocolError> {
        check_mask("the loss of an epoch (twice the bound delta, and its rows)", self.loss_bits(rows), self.sigma)
    }

    /// The same widths with a sigma that may be out of range, to show that the tests of views notice it.
    #[cfg(test)]
    pub(super) fn with_unchecked_sigma(self, sigma: u32) -> Self {
        Bounds { sigma, ..self }
    }

    fn layer_input_bits(&self, layer: u16) -> u32 {
        match layer {
            0 => self.plan.bounds.bits(self.plan.inputs.bound()),
            _ => self.plan.bounds.activations,
        }
    }

    fn check_masks(&self) -> Result<(), ProtocolError> {
        BoundName::ALL
            .into_iter()
            .try_for_each(|name| check_mask(&format!("the bound {name}"), self.plan.bounds.bits(name), self.sigma))
    }

    fn check_plaintext(&self, key_bits: u32) -> Result<(), ProtocolError> {
        let largest = BoundName::ALL.map(|name| self.plan.bounds.bits(name)).into_iter().max().unwrap_or(0);
        let product_bits = 2 * (largest + self.sigma) + 2;
        let compared_bits = self.compared_bits() + 2 + FACTOR_BITS;
        let needed_bits = product_bits.max(compared_bits) + 1;
        if needed_bits < key_bits {
            return Ok(());
        }
        let reason = format!("blinded values have up to {needed_bits} bits, the key has {key_bits}; use a longer key");
        Err(ProtocolError::Config { reason })
    }
}

fn check_mask(what: &str, value_bits: u32, sigma: u32) -> Result<(), ProtocolError> {
    let span_bits = value_bits + sigma;
    if span_bits <= MAX_MASK_SPAN_BITS {
        return Ok(());
    }
    let reason = format!(
        "{what} and sigma are {span_bits} bits together, at most {MAX_MASK_SPAN_BITS} are possible; lower one of them"
    );
    Err(ProtocolError::Config { reason })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{MaskKey, Position, Purpose};
    use crate::mlp::DeclaredBounds;
    use crate::protocol::config::JobConfig;
    use crate::protocol::element::test_job;

    fn plan() -> TrainingPlan {
        test_job("2,3,2", 4).plan
    }

    #[test]
    fn every_masked_value_is_accepted_and_nothing_much_above() {
        let bounds = Bounds::new(&plan(), 40, 2048).unwrap();
        let position = Position { step: 0, phase: Phase::Forward, layer: 0, purpose: Purpose::Division };
        let masks = MaskKey::from_os().at(position);
        for value_bits in [1, 17, 30, 34] {
            let largest: Integer = (Integer::from(1) << value_bits) - 1;
            let largest_mask: Integer = (Integer::from(1) << value_bits) + (Integer::from(1) << (value_bits + 40)) - 1;
            let limit = bounds.masked_limit(value_bits);
            assert!(Integer::from(&largest + &largest_mask) < limit);
            assert!(limit - (largest + largest_mask.clone()) <= 2, "the limit is no looser than it must be");
            assert!(largest_mask.significant_bits() <= bounds.mask_bits(value_bits));
            for element in 0..200 {
                let mask = Integer::from(masks.short(element, value_bits, 40));
                assert!(mask <= largest_mask && mask >= Integer::from(1) << value_bits, "v + m is never negative");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let refused = |plan: &TrainingPlan, sigma, key_bits| {
            let error = Bounds::new(plan, sigma, key_bits).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            error.to_string()
        };
        assert!(refused(&plan(), 19, 2048).contains("sigma is 19"));
        assert!(refused(&plan(), 81, 2048).contains("sigma is 81"));
        let wide = TrainingPlan { bounds: DeclaredBounds { gradients: 80, ..plan().bounds }, ..plan() };
        assert!(refused(&wide, 64, 2048).contains("gradients"));
        assert!(refused(&plan(), 40, 128).contains("longer key"));
    }

    /// Every bound alone would fit, the sum of squares over an epoch does not.
    #[test]
    fn a_loss_too_long_for_its_mask_is_refused_before_the_training() {
        let job = |train_rows| JobConfig { sigma: 80, train_rows, key_bits: 1024, ..test_job("2,3,2", 4) };
        assert!(job(2048).bounds().is_ok());
        let error = job(2049).bounds().unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("loss"), "{error}");
    }

    /// The largest operands of both signs with the largest masks stay inside the plaintext of the shortest key.
    #[test]
    fn the_extremes_fit_the_shortest_key() {
        let bounds = DeclaredBounds { weights: 40, inputs: 40, activations: 40, ..DeclaredBounds::defaults(13) };
        let bounds = Bounds::new(&TrainingPlan { bounds, ..plan() }, 80, 1024).unwrap();
        let (left_bits, right_bits) = bounds.operand_bits(Phase::Forward, 0);
        let product = bounds.masked_limit(left_bits) * bounds.masked_limit(right_bits);
        assert!(product.significant_bits() < 1024 - 2);
        assert!(bounds.compared_bits() + 2 + FACTOR_BITS < 1024 - 2);
    }
}
