//! Checked division and bounds, as every pass of the twin uses them.

use crate::mask::{Phase, Position, Purpose};
use crate::mlp::bounds::BoundName;
use crate::mlp::error::{MlpError, Moment};
use crate::mlp::plan::TrainingPlan;
use crate::mlp::twin::Rounding;

/// floor(value / divisor) + \[(value mod divisor) + mask_remainder >= divisor\] (protocol.md, 3.2): what remains of a
/// division under a mask m with m mod divisor = `mask_remainder`, for a value of either sign.
///
/// # Panics
/// If `divisor` is not positive.
pub fn divide(value: i128, divisor: i128, mask_remainder: i128) -> i128 {
    assert!(divisor > 0, "a divisor is positive");
    debug_assert!((0..divisor).contains(&mask_remainder), "{mask_remainder} is no remainder modulo {divisor}");
    let carry = value.rem_euclid(divisor) + mask_remainder >= divisor;
    value.div_euclid(divisor) + i128::from(carry)
}

/// The plan, the rounding and the place of one pass.
pub(super) struct Arithmetic<'a, R> {
    pub plan: &'a TrainingPlan,
    pub rounding: &'a R,
    pub moment: Moment,
    pub step: u64,
}

/// Where a tensor stands: for positions of masks and for messages.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub phase: Phase,
    pub layer: usize,
    pub tensor: &'static str,
}

impl<R: Rounding> Arithmetic<'_, R> {
    /// `value` if it is within `bound`. Bounds of values are at most 40 bits, so the conversion loses nothing.
    pub fn bounded(&self, value: i128, bound: BoundName, place: Place) -> Result<i64, MlpError> {
        self.plan.bounds.check(value, bound, self.moment, place.layer, place.tensor)?;
        Ok(value as i64)
    }

    /// Divides element `element` of the tensor at `place`, if it is within `bound`.
    pub fn quotient(
        &self,
        value: i128,
        bound: BoundName,
        place: Place,
        element: usize,
        divisor: i128,
    ) -> Result<i128, MlpError> {
        self.plan.bounds.check(value, bound, self.moment, place.layer, place.tensor)?;
        let position =
            Position { step: self.step, phase: place.phase, layer: place.layer as u16, purpose: Purpose::Division };
        Ok(divide(value, divisor, self.rounding.mask_remainder(position, element as u64, divisor)))
    }
}

/// The dot product of two vectors of values within their bounds: at most 2^40 terms of 80 bits.
pub(super) fn dot<'a>(pairs: impl Iterator<Item = (&'a i64, &'a i64)>) -> i128 {
    pairs.map(|(left, right)| i128::from(*left) * i128::from(*right)).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zero_remainder_is_the_floor() {
        assert_eq!(divide(7, 4, 0), 1);
        assert_eq!(divide(-7, 4, 0), -2);
        assert_eq!(divide(-8, 4, 3), -2);
    }

    proptest! {
        #[test]
        fn division_is_that_of_the_masked_value(
            value in -(1i128 << 34)..(1 << 34), divisor in 1i128..(1 << 22), mask in (1i128 << 34)..(1 << 75),
        ) {
            let unmasked = (value + mask).div_euclid(divisor) - mask.div_euclid(divisor);
            prop_assert_eq!(divide(value, divisor, mask % divisor), unmasked);
        }
    }
}
