//! Values side by side in groups, as points with whiskers: points, unlike bars, need no zero and fit a logarithmic axis.

use plotters::prelude::*;

use super::axis::Axis;
use super::canvas::{
    Canvas, HEAD_HEIGHT, HEIGHT, LEGEND_WIDTH, Pixel, Swatch, TextLook, WIDTH, drawing, font, legend_height, render,
    text_width,
};
use super::error::ReportError;
use super::style::{GRID, INK, Look, Marker};

/// Size of the values that stand above their points.
const VALUE_SIZE: f64 = 11.0;

/// A chart of groups, as key lengths, with a value for each series in each group.
pub struct GroupChart {
    pub title: String,
    pub subtitle: String,
    pub x_label: String,
    pub y_label: String,
    /// Names of the groups, from left to right.
    pub groups: Vec<String>,
    pub series: Vec<GroupSeries>,
    /// How a value is written above its point.
    pub format: fn(f64) -> String,
    /// How a value is written at a tick.
    pub format_tick: fn(f64) -> String,
}

/// One value for each group, where it was measured.
pub struct GroupSeries {
    pub name: String,
    pub look: Look,
    pub values: Vec<Option<SpreadValue>>,
}

/// A median between the smallest and the largest sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadValue {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl GroupChart {
    /// The chart as SVG text.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(&self) -> Result<String, ReportError> {
        let values: Vec<f64> = self.values().flat_map(|value| [value.median, value.min, value.max]).collect();
        let y = Axis::for_magnitudes(&values, self.format_tick);
        let entry = |series: &GroupSeries| (series.name.clone(), Swatch::Marker(series.look));
        let legend: Vec<_> = self.series.iter().map(entry).collect();
        let height = legend_height(&legend).max(HEIGHT);
        render(&self.title, &self.subtitle, height, |canvas| {
            self.draw_plot(canvas, &y, height)?;
            canvas.legend(&legend)
        })
    }

    fn values(&self) -> impl Iterator<Item = &SpreadValue> {
        self.series.iter().flat_map(|series| series.values.iter().flatten())
    }

    fn draw_plot(&self, canvas: &Canvas<'_>, y: &Axis, height: i32) -> Result<(), ReportError> {
        let area = canvas.part((0, HEAD_HEIGHT), (WIDTH - LEGEND_WIDTH, height));
        let mut chart = ChartBuilder::on(&area)
            // Room above the plot for the value of a point at its top.
            .margin_top(18)
            .margin_right(14)
            .margin_left(12)
            .margin_bottom(6)
            .x_label_area_size(48)
            .y_label_area_size(72)
            .build_cartesian_2d(Axis::names(&self.groups), y.clone())
            .map_err(drawing)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID)
            .light_line_style(TRANSPARENT)
            .axis_style(INK)
            .label_style(font(12.0))
            .axis_desc_style(font(13.0))
            .x_desc(&self.x_label)
            .y_desc(y.title(&self.y_label))
            .draw()
            .map_err(drawing)?;
        let pixel = |x: f64, y: f64| chart.backend_coord(&(x, y));
        let (bottom, top) = y.ends();
        let border = Look { colour: GRID, marker: Marker::Circle, dashed: true };
        for group in 1..self.groups.len() {
            let x = group as f64 - 0.5;
            canvas.line(vec![pixel(x, bottom), pixel(x, top)], border)?;
        }
        let slot = 0.84 / self.series.len().max(1) as f64;
        let slot_pixels = pixel(slot, bottom).0 - pixel(0.0, bottom).0;
        // Values that would run into each other are left to the page's table.
        let with_values = self.values().all(|value| self.value_width(value) <= slot_pixels + 4);
        for (place, series) in self.series.iter().enumerate() {
            for (group, value) in series.values.iter().enumerate() {
                let Some(value) = value.filter(|value| y.holds(value.median)) else { continue };
                let x = group as f64 - 0.42 + (place as f64 + 0.5) * slot;
                self.draw_value(canvas, y, series.look, value, with_values, |y| pixel(x, y))?;
            }
        }
        Ok(())
    }

    fn value_width(&self, value: &SpreadValue) -> i32 {
        text_width(&(self.format)(value.median), VALUE_SIZE)
    }

    fn draw_value(
        &self,
        canvas: &Canvas<'_>,
        y: &Axis,
        look: Look,
        value: SpreadValue,
        with_value: bool,
        pixel: impl Fn(f64) -> Pixel,
    ) -> Result<(), ReportError> {
        let (x, middle) = pixel(value.median);
        let mut top = middle;
        if y.holds(value.min) && y.holds(value.max) {
            top = pixel(value.max).1;
            canvas.whisker(x, top, pixel(value.min).1, look.colour)?;
        }
        canvas.marker((x, middle), look)?;
        if with_value {
            let text = (self.format)(value.median);
            canvas.text((x, top.min(middle - 4) - 11), &text, TextLook::LABEL.size(VALUE_SIZE).centred())?;
        }
        Ok(())
    }
}
