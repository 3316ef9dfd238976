//! Fixed point: a real v is the integer round(v * 2^fraction_bits).

use serde::{Deserialize, Serialize};

/// The largest number of fractional bits; a value, a product of two and a sum of 2^40 of those then fit an i128.
pub const MAX_FRACTION_BITS: u32 = 32;

/// The largest bound, in bits, to which values can be encoded: an i64 without its sign and one bit of room.
pub const MAX_VALUE_BITS: u32 = 62;

/// A fixed-point format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct FixedPoint {
    fraction_bits: u32,
}

/// A number does not fit its format.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FixedError {
    /// The format itself cannot be used.
    #[error("{fraction_bits} fractional bits; use 1 to {MAX_FRACTION_BITS}")]
    FractionBits {
        /// What was asked for.
        fraction_bits: u32,
    },
    /// NaN or an infinity.
    #[error("{value} is not a finite number")]
    NotFinite {
        /// The number.
        value: f64,
    },
    /// |round(v * 2^f)| >= 2^bits.
    #[error("{value} with {fraction_bits} fractional bits needs more than the {bits} bits declared for it")]
    TooLarge {
        /// The number.
        value: f64,
        /// Fractional bits of the format.
        fraction_bits: u32,
        /// The bound in bits, sign not counted.
        bits: u32,
    },
}

impl FixedPoint {
    /// The format with `fraction_bits` fractional bits, 1 to [`MAX_FRACTION_BITS`].
    ///
    /// # Errors
    /// If `fraction_bits` is out of that range.
    pub fn new(fraction_bits: u32) -> Result<Self, FixedError> {
        if (1..=MAX_FRACTION_BITS).contains(&fraction_bits) {
            Ok(FixedPoint { fraction_bits })
        } else {
            Err(FixedError::FractionBits { fraction_bits })
        }
    }

    /// Fractional bits.
    pub fn fraction_bits(self) -> u32 {
        self.fraction_bits
    }

    /// The number 1 in this format: 2^fraction_bits.
    pub fn one(self) -> i64 {
        1 << self.fraction_bits
    }

    /// round(value * 2^fraction_bits), halves away from zero, if its magnitude is below 2^bits.
    ///
    /// # Errors
    /// If `value` is not finite, or the result is not below 2^min(bits, [`MAX_VALUE_BITS`]).
    pub fn encode(self, value: f64, bits: u32) -> Result<i64, FixedError> {
        if !value.is_finite() {
            return Err(FixedError::NotFinite { value });
        }
        let bits = bits.min(MAX_VALUE_BITS);
        // A product with a power of two only moves the exponent, so the one rounding is that of round().
        let scaled = (value * self.one() as f64).round();
        if scaled.abs() < (1i64 << bits) as f64 {
            Ok(scaled as i64)
        } else {
            Err(FixedError::TooLarge { value, fraction_bits: self.fraction_bits, bits })
        }
    }

    /// The real number that `value` stands for; exact for |value| <= 2^53.
    pub fn decode(self, value: i64) -> f64 {
        value as f64 / self.one() as f64
    }
}

impl TryFrom<u32> for FixedPoint {
    type Error = FixedError;

    fn try_from(fraction_bits: u32) -> Result<Self, FixedError> {
        FixedPoint::new(fraction_bits)
    }
}

impl From<FixedPoint> for u32 {
    fn from(fixed: FixedPoint) -> u32 {
        fixed.fraction_bits
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn format(fraction_bits: u32) -> FixedPoint {
        FixedPoint::new(fraction_bits).unwrap()
    }

    #[test]
    fn halves_round_away_from_zero() {
        let halves = format(1);
        assert_eq!(halves.encode(0.25, 10), Ok(1));
        assert_eq!(halves.encode(-0.25, 10), Ok(-1));
        assert_eq!(halves.encode(0.249, 10), Ok(0));
        assert_eq!(halves.encode(1.5, 10), Ok(3));
    }

    #[test]
    fn the_bound_is_exclusive_on_both_sides() {
        let fixed = format(13);
        let limit = 2f64.powi(4);
        let step = 2f64.powi(-13);
        assert_eq!(fixed.encode(limit - step, 17), Ok((1 << 17) - 1));
        assert_eq!(fixed.encode(step - limit, 17), Ok(1 - (1 << 17)));
        for value in [limit, -limit, limit - step / 2.0, f64::MAX, f64::MIN] {
            assert!(matches!(fixed.encode(value, 17), Err(FixedError::TooLarge { bits: 17, .. })), "{value}");
        }
    }

    #[test]
    fn nan_and_infinities_are_refused() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(format(13).encode(value, 17), Err(FixedError::NotFinite { .. })));
        }
    }

    #[test]
    fn formats_out_of_range_are_refused_also_from_json() {
        assert!(FixedPoint::new(0).is_err() && FixedPoint::new(MAX_FRACTION_BITS + 1).is_err());
        assert!(serde_json::from_str::<FixedPoint>("33").is_err());
        assert_eq!(serde_json::from_str::<FixedPoint>("13").unwrap(), format(13));
    }

    proptest! {
        #[test]
        fn decoding_comes_within_half_a_step(value in -1e6f64..1e6, fraction_bits in 1u32..=MAX_FRACTION_BITS) {
            let fixed = format(fraction_bits);
            let encoded = fixed.encode(value, MAX_VALUE_BITS).unwrap();
            prop_assert!((fixed.decode(encoded) - value).abs() <= 0.5 / fixed.one() as f64);
        }

        #[test]
        fn any_float_ends_in_an_answer_within_the_bound(bits in any::<u64>(), bound in 0u32..100) {
            if let Ok(encoded) = format(13).encode(f64::from_bits(bits), bound) {
                prop_assert!(encoded.unsigned_abs() < 1 << bound.min(MAX_VALUE_BITS));
            }
        }
    }
}
