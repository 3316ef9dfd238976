//! Values side by side in groups, as points with whiskers: points, unlike bars, need no zero and fit a logarithmic axis.

use super::axis::Axis;
use super::canvas::{
    Canvas, HEAD_HEIGHT, HEIGHT, LEGEND_WIDTH, Pixel, Swatch, TextLook, WIDTH, legend_height, render, text_width,
};
use super::error::ReportError;
use super::plot::Plot;
use super::style::{GRID, Look, Marker};

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
        let plot = Plot {
            x: Axis::names(&self.groups),
            y: y.clone(),
            x_label: &self.x_label,
            y_label: y.title(&self.y_label),
            vertical_lines: false,
            // The value of a point at the top stands above the plot.
            margin_top: 18,
            names: (48, 72),
        };
        plot.draw(canvas, ((0, HEAD_HEIGHT), (WIDTH - LEGEND_WIDTH, height)), |pixel| {
            self.draw_groups(canvas, y, pixel)
        })
    }

    fn draw_groups(&self, canvas: &Canvas<'_>, y: &Axis, pixel: &dyn Fn(f64, f64) -> Pixel) -> Result<(), ReportError> {
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
