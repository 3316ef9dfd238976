//! An axis: linear, logarithmic or with names, with ticks at round values.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// A logarithmic axis is used when values span more than this factor.
const LOG_FROM_FACTOR: f64 = 20.0;
const TICKS: f64 = 6.0;
/// The few values of a sweep stand on a logarithmic axis when they span at least this factor, as layer widths that double.
const LOG_VALUES_FROM_FACTOR: f64 = 8.0;
/// Labels of ticks nearer than this share of the axis would touch.
const CLOSEST_LABELS: f64 = 0.07;
/// Magnitudes from the inverse of this up to this are drawn; beyond, differences and powers of ten leave an f64.
const MAX_MAGNITUDE: f64 = 1e100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Log,
}

/// A range of values, the ticks on it and what stands at them.
#[derive(Debug, Clone)]
pub struct Axis {
    scale: Scale,
    range: Range<f64>,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// From 0 to above the largest value, or below 0 where values are; 0 to 1 without values.
    pub fn linear_from_zero(values: &[f64], format: impl Fn(f64) -> String) -> Axis {
        let low = finite(values).fold(0.0, f64::min);
        let high = finite(values).fold(0.0, f64::max);
        Axis::linear(low, if high > low { high } else { low + 1.0 }, 0.0, format)
    }

    /// From 0 to above the largest of values that are counted, as epochs: no ticks between whole numbers.
    pub fn counts_from_zero(values: &[f64]) -> Axis {
        let high = finite(values).fold(1.0, f64::max);
        Axis::linear(0.0, high, 1.0, |count| format!("{count}"))
    }

    /// Around the values, ending at round numbers.
    pub fn linear_around(values: &[f64], format: impl Fn(f64) -> String) -> Axis {
        let low = finite(values).fold(f64::INFINITY, f64::min);
        let high = finite(values).fold(f64::NEG_INFINITY, f64::max);
        match low < high {
            true => Axis::linear(low, high, 0.0, format),
            false if low == high => {
                let room = low.abs().max(1.0) * 0.5;
                Axis::linear(low - room, low + room, 0.0, format)
            }
            false => Axis::linear(0.0, 1.0, 0.0, format),
        }
    }

    /// Logarithmic when the values are positive and span decades, linear from 0 otherwise.
    pub fn for_magnitudes(values: &[f64], format: impl Fn(f64) -> String) -> Axis {
        let low = positive(values).fold(f64::INFINITY, f64::min);
        let high = positive(values).fold(0.0, f64::max);
        match high > low * LOG_FROM_FACTOR {
            true => Axis::log(low, high, format),
            false => Axis::linear_from_zero(values, format),
        }
    }

    /// Logarithmic wherever there are positive values, for ratios that are to be compared.
    pub fn log_around(values: &[f64], format: impl Fn(f64) -> String) -> Axis {
        let low = positive(values).fold(f64::INFINITY, f64::min);
        let high = positive(values).fold(0.0, f64::max);
        match low <= high {
            // Room for a point at either end, and a range even for a single value.
            true => Axis::log(low / 1.15, high * 1.15, format),
            false => Axis::linear_from_zero(values, format),
        }
    }

    /// Ticks at exactly these values, with room beside them, as for the few key lengths of a sweep.
    pub fn at_values(values: &[f64], format: impl Fn(f64) -> String) -> Axis {
        let mut ticks: Vec<f64> = finite(values).collect();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let (low, high) = match (ticks.first(), ticks.last()) {
            (Some(low), Some(high)) => (*low, *high),
            _ => (0.0, 1.0),
        };
        let scale = match low > 0.0 && high >= low * LOG_VALUES_FROM_FACTOR {
            true => Scale::Log,
            false => Scale::Linear,
        };
        let range = match scale {
            Scale::Log => low / (high / low).powf(0.06)..high * (high / low).powf(0.06),
            Scale::Linear if high > low => low - (high - low) * 0.06..high + (high - low) * 0.06,
            Scale::Linear => low - low.abs().max(1.0) * 0.25..high + low.abs().max(1.0) * 0.25,
        };
        let mut axis = Axis { scale, range, ticks: Vec::new() };
        for tick in ticks {
            let far = |(last, _): &(f64, String)| axis.share(tick) - axis.share(*last) >= CLOSEST_LABELS;
            if axis.ticks.last().is_none_or(far) {
                axis.ticks.push((tick, format(tick)));
            }
        }
        axis
    }

    /// Places 0, 1, 2... with a name at each.
    pub fn names(names: &[String]) -> Axis {
        let ticks = names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect();
        Axis { scale: Scale::Linear, range: -0.5..names.len() as f64 - 0.5, ticks }
    }

    fn linear(low: f64, high: f64, min_step: f64, format: impl Fn(f64) -> String) -> Axis {
        let step = round_step((high - low) / TICKS).max(min_step);
        // A rounding error beyond a tick is no reason for another one.
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let ticks: Vec<f64> = (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        let range = ticks[0]..ticks[ticks.len() - 1];
        Axis { scale: Scale::Linear, range, ticks: ticks.into_iter().map(|tick| (tick, format(tick))).collect() }
    }

    fn log(low: f64, high: f64, format: impl Fn(f64) -> String) -> Axis {
        let decades = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
        let every_125 = (high / low).log10() < 2.5;
        let multiples: &[f64] = if every_125 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let places: Vec<f64> =
            decades.flat_map(|decade| multiples.iter().map(move |multiple| multiple * 10f64.powi(decade))).collect();
        let start = places.iter().copied().filter(|place| *place <= low).fold(places[0], f64::max);
        let end = places.iter().copied().filter(|place| *place >= high).fold(places[places.len() - 1], f64::min);
        let ticks = places.into_iter().filter(|place| (start..=end).contains(place));
        Axis { scale: Scale::Log, range: start..end, ticks: ticks.map(|tick| (tick, format(tick))).collect() }
    }

    /// What stands beside the axis: the name, and the scale where it is not the usual one.
    pub fn title(&self, name: &str) -> String {
        match self.scale {
            Scale::Linear => name.to_owned(),
            Scale::Log => format!("{name} (log scale)"),
        }
    }

    /// Lower and upper end of the axis.
    pub fn ends(&self) -> (f64, f64) {
        (self.range.start, self.range.end)
    }

    /// Whether a value has a place: of a sane magnitude, and positive on a logarithmic axis.
    pub fn holds(&self, value: f64) -> bool {
        match self.scale {
            Scale::Linear => value.abs() <= MAX_MAGNITUDE,
            Scale::Log => (1.0 / MAX_MAGNITUDE..=MAX_MAGNITUDE).contains(&value),
        }
    }

    /// Where a value stands, 0 at the lower end and 1 at the upper one.
    fn share(&self, value: f64) -> f64 {
        let place = |value: f64| if self.scale == Scale::Log { value.log10() } else { value };
        let (low, high) = (place(self.range.start), place(self.range.end));
        (place(value) - low) / (high - low)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        limit.0 + (self.share(*value) * f64::from(limit.1 - limit.0)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.iter().map(|(tick, _)| *tick).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == value).map_or_else(String::new, |(_, label)| label.clone())
    }
}

fn finite(values: &[f64]) -> impl Iterator<Item = f64> {
    values.iter().copied().filter(|value| value.abs() <= MAX_MAGNITUDE)
}

fn positive(values: &[f64]) -> impl Iterator<Item = f64> {
    finite(values).filter(|value| *value >= 1.0 / MAX_MAGNITUDE)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `width`.
fn round_step(width: f64) -> f64 {
    let decade = 10f64.powf(width.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|multiple| multiple * decade)
        .find(|step| *step >= width * 0.999)
        .unwrap_or(width)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        let axis = Axis::linear_from_zero(&[0.3, 0.97], |value| format!("{value:.1}"));
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        let axis = Axis::for_magnitudes(&[30.0, 8.0e6], |value| format!("{value}"));
        assert_eq!((axis.scale, axis.range()), (Scale::Log, 10.0..1e7));
        let axis = Axis::for_magnitudes(&[3.0, 150.0], |value| format!("{value}"));
        assert_eq!(labels(&axis), ["2", "5", "10", "20", "50", "100", "200"]);
        let axis = Axis::at_values(&[2048.0, 1024.0, 2048.0], |value| format!("{value}"));
        assert_eq!((labels(&axis), axis.scale), (vec!["1024", "2048"], Scale::Linear));
        let axis = Axis::at_values(&[4.0, 8.0, 16.0, 32.0, 64.0, 128.0], |value| format!("{value}"));
        assert_eq!((axis.ticks.len(), axis.title("Width")), (6, "Width (log scale)".to_owned()));
        assert_eq!(labels(&Axis::counts_from_zero(&[0.0, 2.0])), ["0", "1", "2"]);
        assert_eq!(labels(&Axis::linear_from_zero(&[100.0 + 1e-11], |value| format!("{value}"))).len(), 6);
    }

    #[test]
    fn values_without_a_place_leave_the_axis_whole() {
        for values in [&[][..], &[f64::NAN], &[0.0], &[f64::INFINITY, 0.0, -0.0], &[1e300, 1e-300]] {
            let axis = Axis::for_magnitudes(values, |value| format!("{value}"));
            assert_eq!((axis.scale, axis.ends().0), (Scale::Linear, 0.0));
            assert!(axis.range().end > 0.0);
        }
        let axis = Axis::for_magnitudes(&[0.0, 1.0, 1e6], |value| format!("{value}"));
        assert!(!axis.holds(0.0) && !axis.holds(f64::NAN) && axis.holds(1.0));
    }

    proptest! {
        #[test]
        fn every_value_lies_between_the_ends(values in proptest::collection::vec(1e-9f64..1e15, 1..20)) {
            for axis in [
                Axis::for_magnitudes(&values, |value| value.to_string()),
                Axis::linear_from_zero(&values, |value| value.to_string()),
                Axis::linear_around(&values, |value| value.to_string()),
                Axis::log_around(&values, |value| value.to_string()),
                Axis::at_values(&values, |value| value.to_string()),
            ] {
                for value in &values {
                    let pixel = axis.map(value, (0, 1000));
                    prop_assert!((0..=1000).contains(&pixel), "{value} at {pixel} on {:?}", axis.range());
                }
                prop_assert!(axis.ticks.len() <= 20);
            }
        }
    }
}
