//! The frame of a plot with two axes.

use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{Canvas, Pixel, drawing, font};
use super::error::ReportError;
use super::style::{GRID, INK};

/// A frame.
pub struct Plot<'a> {
    pub x: Axis,
    pub y: Axis,
    pub x_label: &'a str,
    pub y_label: String,
    /// Whether ticks of the x axis have lines through the plot.
    pub vertical_lines: bool,
    /// Room above the plot.
    pub margin_top: i32,
    /// Room for the names below and on the left.
    pub names: (i32, i32),
}

impl Plot<'_> {
    /// Draws the frame between two corners, then what `content` draws with the pixel of a place on both axes.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(
        self,
        canvas: &Canvas<'_>,
        (upper_left, lower_right): (Pixel, Pixel),
        content: impl FnOnce(&dyn Fn(f64, f64) -> Pixel) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let area = canvas.part(upper_left, lower_right);
        let mut chart = ChartBuilder::on(&area)
            .margin_top(self.margin_top)
            .margin_right(14)
            .margin_left(12)
            .margin_bottom(6)
            .x_label_area_size(self.names.0)
            .y_label_area_size(self.names.1)
            .build_cartesian_2d(self.x, self.y)
            .map_err(drawing)?;
        let mut mesh = chart.configure_mesh();
        if !self.vertical_lines {
            mesh.disable_x_mesh();
        }
        mesh.bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(font(12.0))
            .axis_desc_style(font(13.0))
            .x_desc(self.x_label)
            .y_desc(self.y_label)
            .draw()
            .map_err(drawing)?;
        content(&|x, y| chart.backend_coord(&(x, y)))
    }
}
