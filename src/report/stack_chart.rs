//! Horizontal bars made of parts: where the time of a step goes.

use super::axis::Axis;
use super::bar_plot::BarPlot;
use super::canvas::{Canvas, HEAD_HEIGHT, LEGEND_WIDTH, Swatch, TextLook, WIDTH, legend_height, render, text_width};
use super::error::ReportError;
use super::style::{MUTED_INK, colour, ink_on};

const BAR_HEIGHT: i32 = 34;
const BAR_DISTANCE: i32 = 78;

/// Bars that consist of the same parts.
pub struct StackChart {
    pub title: String,
    pub subtitle: String,
    pub x_label: String,
    /// Names of the parts, in their order along a bar; at most seven, so that each has its own colour.
    pub parts: Vec<String>,
    pub bars: Vec<Bar>,
    /// How a value is written at the ticks.
    pub format: fn(f64) -> String,
}

/// One bar.
pub struct Bar {
    /// What stands above it.
    pub name: String,
    /// The length of each part.
    pub values: Vec<f64>,
    /// What is written into each part that is wide enough.
    pub labels: Vec<String>,
}

impl StackChart {
    /// The chart as SVG text.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(&self) -> Result<String, ReportError> {
        let legend: Vec<_> =
            self.parts.iter().enumerate().map(|(index, name)| (name.clone(), Swatch::Fill(colour(index)))).collect();
        let height = (HEAD_HEIGHT + self.bars.len() as i32 * BAR_DISTANCE + 74).max(legend_height(&legend));
        render(&self.title, &self.subtitle, height, |canvas| {
            self.draw_plot(canvas, height)?;
            canvas.legend(&legend)
        })
    }

    fn draw_plot(&self, canvas: &Canvas<'_>, height: i32) -> Result<(), ReportError> {
        let totals: Vec<f64> = self.bars.iter().map(|bar| bar.values.iter().sum()).collect();
        let x = Axis::linear_from_zero(&totals, self.format);
        let edges = (0, WIDTH - LEGEND_WIDTH);
        let plot = BarPlot { x, x_label: &self.x_label, edges, margin_right: 30, height };
        plot.draw(canvas, |pixel| {
            for (bar, row) in self.bars.iter().zip(0..) {
                let top = HEAD_HEIGHT + 34 + row * BAR_DISTANCE;
                bar.draw(canvas, top, |value| pixel(value, 0.0).0)?;
            }
            Ok(())
        })
    }
}

impl Bar {
    fn draw(&self, canvas: &Canvas<'_>, top: i32, pixel: impl Fn(f64) -> i32) -> Result<(), ReportError> {
        canvas.text((pixel(0.0) + 4, top - 12), &self.name, TextLook::LABEL.colour(MUTED_INK))?;
        let mut start = 0.0;
        for (index, (value, label)) in self.values.iter().zip(&self.labels).enumerate() {
            let (left, right) = (pixel(start), pixel(start + value));
            start += value;
            if right == left {
                continue;
            }
            canvas.rectangle([(left, top), (right, top + BAR_HEIGHT)], colour(index))?;
            if text_width(label, 11.0) + 8 <= right - left {
                let look = TextLook::LABEL.size(11.0).centred().colour(ink_on(colour(index)));
                canvas.text(((left + right) / 2, top + BAR_HEIGHT / 2), label, look)?;
            }
        }
        Ok(())
    }
}
