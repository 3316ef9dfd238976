//! Do background producers keep up with the use of randomisers?

use super::{Chart, distinct};
use crate::measure::rows::PoolRow;
use crate::measure::units::three_digits;
use crate::report::axis::Axis;
use crate::report::error::ReportError;
use crate::report::line_chart::{LineChart, Panel, Point, Series, x_values, y_values};
use crate::report::style::Look;

/// Level over time, a line for each number of producers and each key length.
pub fn draw(rows: &[PoolRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let kinds = distinct(rows.iter().map(|row| (row.key_bits, row.producers)));
    let several_keys = distinct(rows.iter().map(|row| row.key_bits)).len() > 1;
    let mut series: Vec<Series> = Vec::new();
    for (index, (key_bits, producers)) in kinds.into_iter().enumerate() {
        let own = rows.iter().filter(|row| (row.key_bits, row.producers) == (key_bits, producers));
        let mut points: Vec<Point> = own.map(|row| Point::new(row.seconds, row.level as f64)).collect();
        points.retain(|point| point.x.is_finite());
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        if points.is_empty() {
            continue;
        }
        let mut name = if producers == 1 { "1 producer".to_owned() } else { format!("{producers} producers") };
        if let Some(bits) = key_bits.filter(|_| several_keys) {
            name.push_str(&format!(", {bits} bits"));
        }
        series.push(Series { name, look: Look::nth(index), points });
    }
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let title = format!("Pool level over time{suffix}");
    let panel = Panel {
        x_label: "Time (s)".to_owned(),
        y_label: "Randomisers ready".to_owned(),
        x: Axis::linear_from_zero(&x_values(&series), three_digits),
        y: Axis::counts_from_zero(&y_values(&series)),
        series,
    };
    let key = match distinct(rows.iter().filter_map(|row| row.key_bits)).as_slice() {
        [bits] => format!(", {bits}-bit key"),
        _ => String::new(),
    };
    let subtitle = format!("Prepared randomisers that lie ready, by number of background producers{key}");
    let svg = LineChart { title: title.clone(), subtitle, panels: vec![panel] }.draw()?;
    let caption = "A level rises with the producers and falls with each draw: every randomiser is used once. Where a line \
                   touches zero, as that of 0 producers does throughout, encryption waits for randomisers that it makes \
                   at once."
        .to_owned();
    Ok(vec![Chart { stem: "pool_level".to_owned(), title, caption, svg }])
}
