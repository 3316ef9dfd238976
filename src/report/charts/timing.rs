//! Does the time of an operation depend on its secrets?

use plotters::prelude::RGBColor;

use super::Chart;
use crate::measure::rows::TimingRow;
use crate::measure::units::three_digits;
use crate::report::axis::Axis;
use crate::report::bar_plot::BarPlot;
use crate::report::canvas::{Canvas, HEAD_HEIGHT, LEGEND_WIDTH, Swatch, TextLook, WIDTH, render};
use crate::report::error::ReportError;
use crate::report::style::{INK, Look, Marker, colour};

const BAR_HEIGHT: i32 = 18;
const BAR_DISTANCE: i32 = 44;
/// Bars end here: a control may have a t in the thousands.
const LONGEST_BAR: f64 = 12.0;

/// Bars of |t|, with a line where a difference begins.
pub fn draw(rows: &[TimingRow], suffix: &str) -> Result<Vec<Chart>, ReportError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let title = format!("Time against secrets{suffix}");
    let subtitle = "Welch's t, a fixed secret against random ones, each operation alone on one thread";
    let legend = [
        ("no difference found".to_owned(), Swatch::Fill(fill(false, false))),
        ("time depends on the secret".to_owned(), Swatch::Fill(fill(true, false))),
        ("control, which must be flagged".to_owned(), Swatch::Fill(fill(true, true))),
        (format!("|t| = {}", TimingRow::THRESHOLD), Swatch::Line(limit())),
    ];
    let height = HEAD_HEIGHT + rows.len() as i32 * BAR_DISTANCE + 84;
    let svg = render(&title, subtitle, height, |canvas| {
        draw_bars(canvas, rows, height)?;
        canvas.legend(&legend)
    })?;
    let caption = format!(
        "Below {} the two classes cannot be told apart by their times; that is no proof that they never can. Bars end at \
         {LONGEST_BAR}, their values stand beside them.",
        TimingRow::THRESHOLD
    );
    Ok(vec![Chart { stem: "timing_leak".to_owned(), title, caption, svg }])
}

fn draw_bars(canvas: &Canvas<'_>, rows: &[TimingRow], height: i32) -> Result<(), ReportError> {
    let x = Axis::linear_from_zero(&[LONGEST_BAR], three_digits);
    let plot = BarPlot { x, x_label: "|t|", edges: (0, WIDTH - LEGEND_WIDTH), margin_right: 60, height };
    plot.draw(canvas, |pixel| {
        for (row, place) in rows.iter().zip(0..) {
            let top = HEAD_HEIGHT + 28 + place * BAR_DISTANCE;
            let magnitude = row.t.abs();
            let (left, right) = (pixel(0.0, 0.0).0, pixel(magnitude.min(LONGEST_BAR), 0.0).0);
            let name = format!("{}, {}, {}, {} bits", row.operation, row.engine, row.constant_time, row.key_bits);
            canvas.text((left + 4, top - 11), &name, TextLook::LABEL.size(11.5))?;
            canvas.rectangle([(left, top), (right, top + BAR_HEIGHT)], fill(row.is_flagged(), row.control))?;
            canvas.text((right + 6, top + BAR_HEIGHT / 2), &three_digits(magnitude), TextLook::LABEL.size(11.0))?;
        }
        let ends = [-0.5, 0.5].map(|y| pixel(TimingRow::THRESHOLD, y));
        canvas.line(ends.to_vec(), limit())
    })
}

fn fill(flagged: bool, control: bool) -> RGBColor {
    match (flagged, control) {
        (_, true) => colour(3),
        (true, false) => colour(1),
        (false, false) => colour(0),
    }
}

fn limit() -> Look {
    Look { colour: INK, marker: Marker::Circle, dashed: true }
}
