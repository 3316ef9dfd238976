//! How does the time of a training step grow with the key and with the network?

use super::{Chart, distinct, in_order};
use crate::measure::rows::{SweepKey, SweepRow};
use crate::measure::units::format_tick_ns;
use crate::report::axis::Axis;
use crate::report::error::ReportError;
use crate::report::line_chart::{LineChart, Panel, Point, Series, x_values, y_values};
use crate::report::style::Look;

/// What a chart varies and what it therefore holds fixed.
struct View {
    title: &'static str,
    stem: &'static str,
    x_label: &'static str,
    varied: fn(&SweepKey) -> u64,
    fixed: fn(&SweepKey) -> u64,
    /// The value to hold fixed where several were measured equally often.
    usual: u64,
    fixed_in_words: fn(u64) -> String,
}

/// Step time against key length at one layer width.
pub fn against_key_length(rows: &[SweepRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let view = View {
        title: "Step time against key length",
        stem: "step_time_key_length",
        x_label: "Key length (bits)",
        varied: |key| u64::from(key.key_bits),
        fixed: |key| key.hidden,
        usual: 16,
        fixed_in_words: |hidden| format!("hidden layers of {hidden} neurons"),
    };
    draw(rows, &view, suffix)
}

/// Step time against layer width at one key length.
pub fn against_layer_width(rows: &[SweepRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let view = View {
        title: "Step time against layer width",
        stem: "step_time_layer_width",
        x_label: "Width of the hidden layers (neurons)",
        varied: |key| key.hidden,
        fixed: |key| u64::from(key.key_bits),
        usual: 2048,
        fixed_in_words: |bits| format!("{bits}-bit keys"),
    };
    draw(rows, &view, suffix)
}

fn draw(rows: &[SweepRow], view: &View, suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let measured: Vec<&SweepRow> = rows.iter().filter(|row| row.outcome.step_ms_median.is_some()).collect();
    let Some(fixed) = most_measured(measured.iter().map(|row| (view.fixed)(&row.key)), view.usual) else {
        return Ok(Vec::new());
    };
    let shown: Vec<&SweepRow> = measured.into_iter().filter(|row| (view.fixed)(&row.key) == fixed).collect();
    let (naming, shared) = split_traits(&shown);
    let names = in_order(shown.iter().map(|row| in_words(&row.key, &naming)));
    let series: Vec<Series> = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let own = shown.iter().filter(|row| in_words(&row.key, &naming) == name);
            let mut points: Vec<Point> = own.filter_map(|row| point(row, view)).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Series { name, look: Look::nth(index), points }
        })
        .collect();
    let y = Axis::for_magnitudes(&y_values(&series), |ms| format_tick_ns(ms * 1e6));
    let x = Axis::at_values(&x_values(&series), |value| format!("{value}"));
    let panel = Panel { x_label: x.title(view.x_label), y_label: y.title("Time of a step"), x, y, series };
    let title = format!("{}{suffix}", view.title);
    let conditions = shown.first().map(|row| in_words(&row.key, &shared)).unwrap_or_default();
    let subtitle = format!("{conditions}, {}", (view.fixed_in_words)(fixed));
    let svg = LineChart { title: title.clone(), subtitle, panels: vec![panel] }.draw()?;
    let caption =
        "A step is one minibatch with both servers, the making of randomness included. Points are medians over \
                   the steps, whiskers reach from the shortest to the longest step."
            .to_owned();
    Ok(vec![Chart { stem: view.stem.to_owned(), title, caption, svg }])
}

fn point(row: &SweepRow, view: &View) -> Option<Point> {
    let spread = row.outcome.step_ms_min.zip(row.outcome.step_ms_max);
    Some(Point { x: (view.varied)(&row.key) as f64, y: row.outcome.step_ms_median?, spread })
}

/// The value with the most rows; of those that have equally many the usual one, else the largest.
fn most_measured(values: impl Iterator<Item = u64>, usual: u64) -> Option<u64> {
    let all: Vec<u64> = values.collect();
    let count = |value: u64| all.iter().filter(|other| **other == value).count();
    distinct(all.iter().copied()).into_iter().max_by_key(|value| (count(*value), *value == usual, *value))
}

/// Something beside the two axes of a sweep that a combination may differ in.
pub(super) type Trait = fn(&SweepKey) -> String;

const TRAITS: [Trait; 9] = [
    SERIES_TRAITS[0],
    SERIES_TRAITS[1],
    JOB_TRAITS[0],
    JOB_TRAITS[1],
    JOB_TRAITS[2],
    JOB_TRAITS[3],
    JOB_TRAITS[4],
    JOB_TRAITS[5],
    JOB_TRAITS[6],
];

/// How a job is trained.
pub(super) const SERIES_TRAITS: [Trait; 2] = [|key| key.protocol.clone(), |key| key.comparison.clone()];

/// Those that the same job by another protocol or comparison shares.
pub(super) const JOB_TRAITS: [Trait; 7] = [
    |key| key.engine.clone(),
    |key| key.data.clone(),
    |key| format!("batch {}", key.batch),
    |key| if key.depth == 1 { "1 hidden layer".to_owned() } else { format!("{} hidden layers", key.depth) },
    |key| if key.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", key.threads) },
    |key| format!("sigma {}, {} fraction bits", key.sigma, key.fraction_bits),
    |key| format!("{} ms round trip", key.rtt_ms),
];

/// The traits that name a series (protocol, comparison, engine and whatever differs) and those that all rows share.
fn split_traits(rows: &[&SweepRow]) -> (Vec<Trait>, Vec<Trait>) {
    let differs = |value: Trait| distinct(rows.iter().map(|row| value(&row.key))).len() > 1;
    let (naming, shared): (Vec<_>, Vec<_>) =
        TRAITS.into_iter().enumerate().partition(|(index, value)| *index < 3 || differs(*value));
    let traits = |pairs: Vec<(usize, Trait)>| pairs.into_iter().map(|(_, value)| value).collect();
    (traits(naming), traits(shared))
}

pub(super) fn in_words(key: &SweepKey, traits: &[Trait]) -> String {
    traits.iter().map(|value| value(key)).collect::<Vec<_>>().join(", ")
}
