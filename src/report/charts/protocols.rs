//! How far apart are the protocols, and the comparisons, on the same job?

use super::step_time::{JOB_TRAITS, SERIES_TRAITS, in_words};
use super::{Chart, distinct, in_order};
use crate::measure::rows::{SweepKey, SweepRow};
use crate::measure::units::{format_bytes, format_tick_ns};
use crate::report::error::ReportError;
use crate::report::gap_chart::{GapChart, GapPanel};
use crate::report::group_chart::SpreadValue;
use crate::report::style::{Look, Marker, colour};

/// Time and traffic of a step over key lengths and layer widths: a chart for each set of further conditions under which
/// two protocols, or one by two comparisons, were measured.
pub fn draw(rows: &[SweepRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let measured: Vec<&SweepRow> = rows.iter().filter(|row| row.outcome.step_ms_median.is_some()).collect();
    let mut charts = Vec::new();
    for conditions in in_order(measured.iter().map(|row| conditions(&row.key))) {
        let own = measured.iter().filter(|row| self::conditions(&row.key) == conditions).copied();
        charts.extend(draw_one(own.collect(), suffix)?);
    }
    if charts.len() > 1 {
        for (index, chart) in charts.iter_mut().enumerate() {
            chart.stem = format!("{}_{}", chart.stem, index + 1);
        }
    }
    Ok(charts)
}

/// What the series must have in common beside the axes of the chart.
fn conditions(key: &SweepKey) -> SweepKey {
    let (protocol, comparison, layers) = Default::default();
    SweepKey { protocol, comparison, layers, key_bits: 0, hidden: 0, ..key.clone() }
}

fn draw_one(rows: Vec<&SweepRow>, suffix: &str) -> Result<Option<Chart>, ReportError> {
    let name = |row: &SweepRow| in_words(&row.key, &SERIES_TRAITS);
    let names = in_order(rows.iter().map(|row| name(row)));
    let group = |row: &SweepRow| (row.key.key_bits, row.key.hidden);
    let groups = distinct(rows.iter().map(|row| group(row)));
    let row_of =
        |series: &str, at: (u32, u64)| rows.iter().find(|row| name(row) == series && group(row) == at).copied();
    let is_compared = |at: (u32, u64)| names.iter().filter(|name| row_of(name, at).is_some()).count() > 1;
    if !groups.iter().any(|at| is_compared(*at)) {
        return Ok(None);
    }
    let sections = distinct(groups.iter().map(|(bits, _)| *bits)).into_iter().map(|bits| {
        let widths = groups.iter().filter(|(own, _)| *own == bits).map(|(_, hidden)| hidden.to_string());
        (format!("{bits}-bit keys"), widths.collect())
    });
    let panel = |y_label: &str, value: fn(&SweepRow) -> Option<SpreadValue>, format_tick| {
        let of = |series: &String| groups.iter().map(|at| row_of(series, *at).and_then(value)).collect();
        GapPanel { y_label: y_label.to_owned(), values: names.iter().map(of).collect(), format_tick }
    };
    let look = |index: usize| Look { colour: colour(index), marker: Marker::nth(index), dashed: false };
    let title = format!("Protocols and comparisons{suffix}");
    let chart = GapChart {
        title: title.clone(),
        subtitle: in_words(&rows[0].key, &JOB_TRAITS),
        x_label: "Width of the hidden layers (neurons)".to_owned(),
        sections: sections.collect(),
        series: names.iter().enumerate().map(|(index, name)| (name.clone(), look(index))).collect(),
        panels: vec![
            panel("Time of a step", time, |ms| format_tick_ns(ms * 1e6)),
            panel("Traffic of a step", traffic, format_bytes),
        ],
    };
    let caption = "The same training steps by each protocol and comparison: wall time with both servers, the making of randomness \
                   included, and bytes over the channel, both ways. Points are medians over the steps, whiskers reach \
                   from the shortest to the longest step; the number beside a line says how many times as much its \
                   upper end is."
        .to_owned();
    Ok(Some(Chart { stem: "protocols".to_owned(), title, caption, svg: chart.draw()? }))
}

fn time(row: &SweepRow) -> Option<SpreadValue> {
    let median = row.outcome.step_ms_median?;
    let (min, max) = (row.outcome.step_ms_min.unwrap_or(median), row.outcome.step_ms_max.unwrap_or(median));
    Some(SpreadValue { median, min, max })
}

fn traffic(row: &SweepRow) -> Option<SpreadValue> {
    let median = row.outcome.bytes_per_step?;
    Some(SpreadValue { median, min: median, max: median })
}
