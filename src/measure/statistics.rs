//! Figures that stand for many: the median and its spread, which a few disturbed samples do not move.

/// What a set of samples is summed up to; the unit is the samples'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Smallest sample.
    pub min: f64,
    /// Median.
    pub median: f64,
    /// Largest sample.
    pub max: f64,
    /// Median distance from the median.
    pub median_absolute_deviation: f64,
}

impl Spread {
    /// Sums up the samples that are numbers; `None` if there are none.
    pub fn of(samples: &[f64]) -> Option<Spread> {
        let sorted = sorted_numbers(samples);
        let median = quantile_of_sorted(&sorted, 0.5)?;
        let distances: Vec<f64> = sorted.iter().map(|sample| (sample - median).abs()).collect();
        let median_absolute_deviation = quantile(&distances, 0.5)?;
        Some(Spread { min: sorted[0], median, max: sorted[sorted.len() - 1], median_absolute_deviation })
    }
}

/// The median of the samples that are numbers; `None` if there are none.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(samples, 0.5)
}

/// The quantile at `share` (0 to 1, clamped) of the samples that are numbers, linear between neighbours (type 7 of
/// Hyndman and Fan, 1996); `None` if there are none.
pub fn quantile(samples: &[f64], share: f64) -> Option<f64> {
    quantile_of_sorted(&sorted_numbers(samples), share)
}

fn sorted_numbers(samples: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = samples.iter().copied().filter(|sample| !sample.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn quantile_of_sorted(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = share.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let weight = position - below as f64;
    // Written so that equal neighbours, infinite ones too, give exactly themselves.
    if sorted[below] == sorted[above] || weight == 0.0 {
        return Some(sorted[below]);
    }
    Some(sorted[below] * (1.0 - weight) + sorted[above] * weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_samples() {
        let spread = Spread::of(&[9.0, 1.0, 2.0, 4.0]).unwrap();
        assert_eq!(spread, Spread { min: 1.0, median: 3.0, max: 9.0, median_absolute_deviation: 1.5 });
        assert_eq!(quantile(&[10.0, 20.0, 30.0, 40.0, 50.0], 0.9), Some(46.0));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[f64::NAN]), None);
        assert_eq!(median(&[f64::NAN, 3.0]), Some(3.0));
    }

    proptest! {
        #[test]
        fn half_of_the_samples_lie_on_either_side(samples in proptest::collection::vec(0.0f64..1e9, 1..60)) {
            let spread = Spread::of(&samples).unwrap();
            let count = |test: &dyn Fn(f64) -> bool| samples.iter().filter(|sample| test(**sample)).count();
            prop_assert!(2 * count(&|sample| sample <= spread.median) >= samples.len());
            prop_assert!(2 * count(&|sample| sample >= spread.median) >= samples.len());
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
            prop_assert!(spread.median_absolute_deviation <= spread.max - spread.min);
        }

        #[test]
        fn quantiles_rise(samples in proptest::collection::vec(-1e9f64..1e9, 1..60), a in 0.0f64..1.0, b in 0.0f64..1.0) {
            let (low, high) = (quantile(&samples, a.min(b)).unwrap(), quantile(&samples, a.max(b)).unwrap());
            prop_assert!(low <= high + 1e-6);
        }
    }
}
