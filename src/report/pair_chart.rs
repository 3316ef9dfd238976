//! Bars in pairs: what one way costs beside another, group by group, a quantity a panel, panels side by side.

use super::axis::Axis;
use super::bar_plot::{BARS_LEFT, BarPlot};
use super::canvas::{Canvas, HEAD_HEIGHT, LEGEND_WIDTH, Swatch, TextLook, WIDTH, legend_height, render};
use super::error::ReportError;
use super::style::{MUTED_INK, colour};
use crate::measure::units::three_digits;

const BAR_HEIGHT: i32 = 17;
const GROUP_DISTANCE: i32 = 74;
/// From the top of the plot to the first pair, with room for its name.
const FIRST_PAIR: i32 = 32;
const VALUE_SIZE: f64 = 11.0;
/// The axis is as many times as long as the longest bar, so that values fit behind the bars.
const ROOM_FOR_VALUES: f64 = 1.5;

/// A chart of pairs.
pub struct PairChart {
    pub title: String,
    pub subtitle: String,
    /// Names of the first and of the second bar of each pair.
    pub series: [String; 2],
    /// What stands above each pair.
    pub groups: Vec<String>,
    /// From left to right.
    pub panels: Vec<PairPanel>,
}

/// One quantity.
pub struct PairPanel {
    pub x_label: String,
    /// A pair a group, each bar where it was measured.
    pub values: Vec<[Option<f64>; 2]>,
    /// How a value is written at its bar.
    pub format: fn(f64) -> String,
    /// How a value is written at a tick.
    pub format_tick: fn(f64) -> String,
}

impl PairChart {
    /// The chart as SVG text.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(&self) -> Result<String, ReportError> {
        let entry = |(index, name): (usize, &String)| (name.clone(), Swatch::Fill(colour(index)));
        let mut legend: Vec<_> = self.series.iter().enumerate().map(entry).collect();
        legend.push(("×: how many times as much as the bar above".to_owned(), Swatch::None));
        let height = (HEAD_HEIGHT + self.groups.len() as i32 * GROUP_DISTANCE + 74).max(legend_height(&legend));
        let panel_width = (WIDTH - LEGEND_WIDTH) / self.panels.len().max(1) as i32;
        render(&self.title, &self.subtitle, height, |canvas| {
            for (panel, left) in self.panels.iter().zip((0..).step_by(panel_width as usize)) {
                panel.draw(canvas, (left, left + panel_width), height)?;
            }
            for (name, row) in self.groups.iter().zip(0..) {
                canvas.text((BARS_LEFT + 4, top(row) - 12), name, TextLook::LABEL.colour(MUTED_INK))?;
            }
            canvas.legend(&legend)
        })
    }
}

/// Upper edge of the first bar of a pair.
fn top(row: i32) -> i32 {
    HEAD_HEIGHT + FIRST_PAIR + row * GROUP_DISTANCE
}

impl PairPanel {
    fn draw(&self, canvas: &Canvas<'_>, edges: (i32, i32), height: i32) -> Result<(), ReportError> {
        let all: Vec<f64> = self.values.iter().flatten().flatten().map(|value| value * ROOM_FOR_VALUES).collect();
        let x = Axis::linear_from_zero(&all, self.format_tick);
        let plot = BarPlot { x: x.clone(), x_label: &self.x_label, edges, margin_right: 34, height };
        plot.draw(canvas, |pixel| {
            for (pair, row) in self.values.iter().zip(0..) {
                for (index, value) in pair.iter().enumerate() {
                    let Some(value) = value.filter(|value| x.holds(*value)) else { continue };
                    let top = top(row) + index as i32 * (BAR_HEIGHT + 2);
                    canvas.rectangle(
                        [(pixel(0.0, 0.0).0, top), (pixel(value, 0.0).0, top + BAR_HEIGHT)],
                        colour(index),
                    )?;
                    let text = self.text(pair, index, value);
                    canvas.text(
                        (pixel(value, 0.0).0 + 5, top + BAR_HEIGHT / 2),
                        &text,
                        TextLook::LABEL.size(VALUE_SIZE),
                    )?;
                }
            }
            Ok(())
        })
    }

    /// The value, the second of a pair with its ratio to the first.
    fn text(&self, pair: &[Option<f64>; 2], index: usize, value: f64) -> String {
        let text = (self.format)(value);
        match pair[0].filter(|first| index == 1 && *first > 0.0) {
            Some(first) => format!("{text}, ×{}", three_digits(value / first)),
            None => text,
        }
    }
}
