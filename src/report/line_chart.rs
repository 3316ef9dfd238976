//! Lines through points, with whiskers where a spread is known, in one panel or several beside each other.

use super::axis::Axis;
use super::canvas::{Canvas, HEAD_HEIGHT, HEIGHT, LEGEND_WIDTH, Pixel, Swatch, WIDTH, legend_height, render};
use super::error::ReportError;
use super::plot::Plot;
use super::style::Look;

/// Beyond so many points a line alone is clearer than its markers.
const MARKERS_UP_TO: usize = 30;

/// A chart of lines.
pub struct LineChart {
    pub title: String,
    pub subtitle: String,
    /// Plots that share the page and the legend, from left to right.
    pub panels: Vec<Panel>,
}

/// One plot.
pub struct Panel {
    pub x_label: String,
    pub y_label: String,
    pub x: Axis,
    pub y: Axis,
    pub series: Vec<Series>,
}

/// One line.
#[derive(Debug, Clone)]
pub struct Series {
    /// What the legend calls it.
    pub name: String,
    pub look: Look,
    pub points: Vec<Point>,
}

/// A value and, where it was measured more than once, the smallest and the largest sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub spread: Option<(f64, f64)>,
}

impl Point {
    pub fn new(x: f64, y: f64) -> Self {
        Point { x, y, spread: None }
    }
}

/// All values of some series that the y axis must hold.
pub fn y_values(series: &[Series]) -> Vec<f64> {
    let of_point = |point: &Point| {
        let (low, high) = point.spread.unwrap_or((point.y, point.y));
        [point.y, low, high]
    };
    series.iter().flat_map(|series| series.points.iter().flat_map(of_point)).collect()
}

/// All places of some series on the x axis.
pub fn x_values(series: &[Series]) -> Vec<f64> {
    series.iter().flat_map(|series| series.points.iter().map(|point| point.x)).collect()
}

impl LineChart {
    /// The chart as SVG text.
    ///
    /// # Errors
    /// If the drawing library fails.
    pub fn draw(&self) -> Result<String, ReportError> {
        let legend = self.legend();
        let height = legend_height(&legend).max(HEIGHT);
        render(&self.title, &self.subtitle, height, |canvas| {
            let width = (WIDTH - LEGEND_WIDTH) / self.panels.len().max(1) as i32;
            for (panel, left) in self.panels.iter().zip((0..).step_by(width as usize)) {
                panel.draw(canvas, (left, HEAD_HEIGHT), (left + width, height))?;
            }
            canvas.legend(&legend)
        })
    }

    fn legend(&self) -> Vec<(String, Swatch)> {
        let mut entries: Vec<(String, Swatch)> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if entries.iter().all(|(name, _)| *name != series.name) {
                entries.push((series.name.clone(), Swatch::Line(series.look)));
            }
        }
        entries
    }
}

impl Panel {
    fn draw(&self, canvas: &Canvas<'_>, upper_left: Pixel, lower_right: Pixel) -> Result<(), ReportError> {
        let plot = Plot {
            x: self.x.clone(),
            y: self.y.clone(),
            x_label: &self.x_label,
            y_label: self.y_label.clone(),
            vertical_lines: true,
            margin_top: 8,
            names: (48, 72),
        };
        plot.draw(canvas, (upper_left, lower_right), |pixel| {
            self.series.iter().try_for_each(|series| series.draw(canvas, &self.x, &self.y, pixel))
        })
    }
}

impl Series {
    fn draw(
        &self,
        canvas: &Canvas<'_>,
        x: &Axis,
        y: &Axis,
        pixel: &dyn Fn(f64, f64) -> Pixel,
    ) -> Result<(), ReportError> {
        // A value that has no place on its axis interrupts the line rather than bend it.
        for stretch in self.points.split(|point| !x.holds(point.x) || !y.holds(point.y)) {
            let mut path: Vec<Pixel> = stretch.iter().map(|point| pixel(point.x, point.y)).collect();
            path.dedup();
            if path.len() > 1 {
                canvas.line(path, self.look)?;
            }
            let with_markers = self.points.len() <= MARKERS_UP_TO || stretch.len() == 1;
            for point in stretch {
                let (across, down) = pixel(point.x, point.y);
                if let Some((low, high)) = point.spread.filter(|(low, high)| y.holds(*low) && y.holds(*high)) {
                    canvas.whisker(across, pixel(point.x, high).1, pixel(point.x, low).1, self.look.colour)?;
                }
                if with_markers {
                    canvas.marker((across, down), self.look)?;
                }
            }
        }
        Ok(())
    }
}
