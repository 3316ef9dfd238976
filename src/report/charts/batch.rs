//! How much does working in batches gain?

use super::primitives::Variants;
use super::{Chart, distinct, in_order};
use crate::measure::rows::PrimitiveRow;
use crate::measure::units::format_tick_ns;
use crate::report::axis::Axis;
use crate::report::error::ReportError;
use crate::report::line_chart::{LineChart, Panel, Point, Series, x_values, y_values};

/// Operations whose cost depends on the batch and that matter in a training.
const SHOWN: [&str; 5] = ["decrypt", "encrypt_public", "mul_plain_64", "dot_term_64", "add"];
/// The key length that the chart is drawn for, where it was measured.
const USUAL_KEY_BITS: u32 = 2048;

/// Time of one operation against the batch size, at one key length and the fewest threads.
pub fn draw(rows: &[PrimitiveRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    let measured =
        |row: &&PrimitiveRow| SHOWN.contains(&row.operation.as_str()) && row.median_ns > 0.0 && row.batch > 0;
    let mut rows: Vec<&PrimitiveRow> = rows.iter().filter(measured).collect();
    let key_lengths = distinct(rows.iter().map(|row| row.key_bits));
    let key_bits = key_lengths.iter().copied().find(|bits| *bits == USUAL_KEY_BITS).or(key_lengths.last().copied());
    let threads = rows.iter().map(|row| row.threads).min();
    rows.retain(|row| Some(row.key_bits) == key_bits && Some(row.threads) == threads);
    let (Some(key_bits), Some(threads), true) =
        (key_bits, threads, distinct(rows.iter().map(|row| row.batch)).len() > 1)
    else {
        return Ok(Vec::new());
    };
    let variants = Variants::of(&rows);
    let mut series = Vec::new();
    for (index, operation) in in_order(rows.iter().map(|row| row.operation.as_str())).into_iter().enumerate() {
        for variant in variants.all() {
            let own = |row: &&&PrimitiveRow| row.operation == operation && variants.of_row(row) == *variant;
            let mut points: Vec<Point> = rows.iter().filter(own).map(|row| point(row)).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            if points.is_empty() {
                continue;
            }
            let look = variants.look(index, variant);
            series.push(Series { name: variants.name(operation, variant), look, points });
        }
    }
    let y = Axis::for_magnitudes(&y_values(&series), format_tick_ns);
    let x = Axis::at_values(&x_values(&series), |batch| format!("{batch}"));
    let panel = Panel {
        x_label: x.title("Batch (operations submitted together)"),
        y_label: y.title("Time of one operation"),
        x,
        y,
        series,
    };
    let title = format!("Cost against batch size{suffix}");
    let plural = if threads == 1 { "thread" } else { "threads" };
    let subtitle = format!("Time of a single operation, {key_bits}-bit key, {threads} {plural}");
    let svg = LineChart { title: title.clone(), subtitle, panels: vec![panel] }.draw()?;
    let caption =
        "An engine that works on several numbers at once needs a batch that fills its lanes. Points are medians, \
                   whiskers reach from the smallest to the largest sample."
            .to_owned();
    Ok(vec![Chart { stem: "batch_size".to_owned(), title, caption, svg }])
}

fn point(row: &PrimitiveRow) -> Point {
    Point { x: row.batch as f64, y: row.median_ns, spread: Some((row.min_ns, row.max_ns)) }
}
