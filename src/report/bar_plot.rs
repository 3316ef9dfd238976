//! The frame of horizontal bars: an axis of values below, bars at places in pixels above it.

use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{Canvas, HEAD_HEIGHT, Pixel, drawing, font};
use super::error::ReportError;
use super::style::{GRID, INK};

/// Where bars begin, from the left edge of their plot.
pub const BARS_LEFT: i32 = 22;

/// A frame for bars.
pub struct BarPlot<'a> {
    pub x: Axis,
    pub x_label: &'a str,
    /// Left and right edge in the canvas.
    pub edges: (i32, i32),
    /// Room beyond the axis.
    pub margin_right: i32,
    /// Height of the canvas.
    pub height: i32,
}

impl BarPlot<'_> {
    /// Draws the frame, then what `bars` draws with the pixel of a value and of a height in the frame, -0.5 to 0.5.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(
        self,
        canvas: &Canvas<'_>,
        bars: impl FnOnce(&dyn Fn(f64, f64) -> Pixel) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        // The bars have their places in pixels; the plot's own y axis only closes the frame.
        let y = Axis::names(&[String::new()]);
        let area = canvas.part((self.edges.0, HEAD_HEIGHT), (self.edges.1, self.height));
        let mut chart = ChartBuilder::on(&area)
            .margin_top(4)
            .margin_right(self.margin_right)
            .margin_left(BARS_LEFT)
            .margin_bottom(6)
            .x_label_area_size(48)
            .build_cartesian_2d(self.x, y)
            .map_err(drawing)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(font(12.0))
            .axis_desc_style(font(13.0))
            .x_desc(self.x_label)
            .draw()
            .map_err(drawing)?;
        bars(&|x, y| chart.backend_coord(&(x, y)))
    }
}
