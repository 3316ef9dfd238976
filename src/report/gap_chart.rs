//! How far two or more series lie apart: points over groups, those of a group joined and their ratio beside them, on
//! logarithmic axes, in panels above each other.

use plotters::prelude::RGBColor;

use super::axis::Axis;
use super::canvas::{
    Canvas, HEAD_HEIGHT, LEGEND_WIDTH, Pixel, Swatch, TextLook, WIDTH, legend_height, render, text_width,
};
use super::error::ReportError;
use super::group_chart::SpreadValue;
use super::plot::Plot;
use super::style::{GRID, Look, MUTED_INK, Marker};
use crate::measure::units::three_digits;

const PANEL_HEIGHT: i32 = 290;
/// Room above the upper panel for the names of the sections.
const SECTION_HEIGHT: i32 = 22;
const RATIO_SIZE: f64 = 11.5;
/// Points nearer than this leave no room for their ratio.
const MIN_GAP_PIXELS: i32 = 26;

/// A chart of gaps.
pub struct GapChart {
    pub title: String,
    pub subtitle: String,
    pub x_label: String,
    /// Groups from left to right in sections, as layer widths in key lengths: the section's name and its groups' names.
    pub sections: Vec<(String, Vec<String>)>,
    /// Names and looks of the series.
    pub series: Vec<(String, Look)>,
    /// From top to bottom.
    pub panels: Vec<GapPanel>,
}

/// One quantity.
pub struct GapPanel {
    pub y_label: String,
    /// \[series\]\[group\], groups counted through all sections.
    pub values: Vec<Vec<Option<SpreadValue>>>,
    /// How a value is written at a tick.
    pub format_tick: fn(f64) -> String,
}

impl GapChart {
    /// The chart as SVG text.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(&self) -> Result<String, ReportError> {
        let mut legend: Vec<(String, Swatch)> =
            self.series.iter().map(|(name, look)| (name.clone(), Swatch::Marker(*look))).collect();
        legend.push(("×: how many times as much".to_owned(), Swatch::Line(joint())));
        let plots = SECTION_HEIGHT + PANEL_HEIGHT * self.panels.len() as i32;
        let height = (HEAD_HEIGHT + plots).max(legend_height(&legend));
        render(&self.title, &self.subtitle, height, |canvas| {
            for (panel, top) in self.panels.iter().zip((HEAD_HEIGHT + SECTION_HEIGHT..).step_by(PANEL_HEIGHT as usize))
            {
                self.draw_panel(canvas, panel, top)?;
            }
            canvas.legend(&legend)
        })
    }

    fn draw_panel(&self, canvas: &Canvas<'_>, panel: &GapPanel, top: i32) -> Result<(), ReportError> {
        let spreads = panel.values.iter().flatten().flatten();
        let values: Vec<f64> = spreads.flat_map(|value| [value.median, value.min, value.max]).collect();
        let y = Axis::log_around(&values, panel.format_tick);
        let names: Vec<String> = self.sections.iter().flat_map(|(_, groups)| groups.clone()).collect();
        let plot = Plot {
            x: Axis::names(&names),
            y: y.clone(),
            x_label: &self.x_label,
            y_label: y.title(&panel.y_label),
            vertical_lines: false,
            margin_top: 6,
            names: (46, 76),
        };
        plot.draw(canvas, ((0, top), (WIDTH - LEGEND_WIDTH, top + PANEL_HEIGHT)), |pixel| {
            self.draw_sections(canvas, &y, top == HEAD_HEIGHT + SECTION_HEIGHT, pixel)?;
            (0..names.len()).try_for_each(|group| {
                self.draw_group(canvas, panel, &y, group, names.len(), |y| pixel(group as f64, y))
            })
        })
    }

    /// The lines between sections and, in the upper panel, their names.
    fn draw_sections(
        &self,
        canvas: &Canvas<'_>,
        y: &Axis,
        with_names: bool,
        pixel: &dyn Fn(f64, f64) -> Pixel,
    ) -> Result<(), ReportError> {
        let (bottom, ceiling) = y.ends();
        let mut start = 0;
        for (name, groups) in &self.sections {
            let end = start + groups.len();
            if start > 0 {
                let x = start as f64 - 0.5;
                canvas.line(vec![pixel(x, bottom), pixel(x, ceiling)], Look { colour: GRID, ..joint() })?;
            }
            if with_names {
                let middle = pixel((start + end) as f64 / 2.0 - 0.5, ceiling);
                canvas.text((middle.0, middle.1 - 12), name, TextLook::LABEL.centred().colour(MUTED_INK))?;
            }
            start = end;
        }
        Ok(())
    }

    fn draw_group(
        &self,
        canvas: &Canvas<'_>,
        panel: &GapPanel,
        y: &Axis,
        group: usize,
        groups: usize,
        pixel: impl Fn(f64) -> Pixel,
    ) -> Result<(), ReportError> {
        let own = panel.values.iter().zip(&self.series).filter_map(|(values, series)| Some((values[group]?, series.1)));
        let own: Vec<(SpreadValue, Look)> = own.filter(|(value, _)| y.holds(value.median)).collect();
        let low = own.iter().map(|(value, _)| value.median).fold(f64::INFINITY, f64::min);
        let high = own.iter().map(|(value, _)| value.median).fold(0.0, f64::max);
        if own.len() > 1 {
            let (upper, lower) = (pixel(high), pixel(low));
            canvas.line(vec![upper, lower], joint())?;
            let ratio = format!("×{}", three_digits(high / low));
            let room = (WIDTH - LEGEND_WIDTH - 110) / groups as i32 / 2;
            if lower.1 - upper.1 >= MIN_GAP_PIXELS && text_width(&ratio, RATIO_SIZE) + 6 <= room {
                let middle = (upper.0 + 6, (upper.1 + lower.1) / 2);
                canvas.text(middle, &ratio, TextLook::LABEL.size(RATIO_SIZE))?;
            }
        }
        for (value, look) in own {
            let (x, middle) = pixel(value.median);
            if y.holds(value.min) && y.holds(value.max) {
                canvas.whisker(x, pixel(value.max).1, pixel(value.min).1, look.colour)?;
            }
            canvas.marker((x, middle), look)?;
        }
        Ok(())
    }
}

/// The line between the points of a group.
fn joint() -> Look {
    Look { colour: RGBColor(176, 176, 176), marker: Marker::None, dashed: true }
}
