//! Colours, markers and sizes that all charts share.

use plotters::style::RGBColor;

/// The palette of Okabe and Ito (2008), told apart with any kind of colour vision; its yellow, too pale on white, is left
/// out, black comes last.
pub const PALETTE: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(34, 34, 34),
];

pub const INK: RGBColor = RGBColor(34, 34, 34);
pub const MUTED_INK: RGBColor = RGBColor(95, 95, 95);
pub const GRID: RGBColor = RGBColor(228, 228, 228);

pub const FONT: &str = "Helvetica, Arial, sans-serif";

/// Shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
    /// A line alone.
    None,
}

impl Marker {
    const ALL: [Marker; 5] = [Marker::Circle, Marker::Square, Marker::Triangle, Marker::Diamond, Marker::Cross];

    /// The marker of the n-th kind; they repeat after five.
    pub fn nth(index: usize) -> Marker {
        Marker::ALL[index % Marker::ALL.len()]
    }
}

/// The colour of the n-th series; they repeat after seven, when the marker must tell the series apart.
pub fn colour(index: usize) -> RGBColor {
    PALETTE[index % PALETTE.len()]
}

/// White or ink, whichever reads better on a colour (relative luminance as in WCAG 2, without its gamma).
pub fn ink_on(background: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = background;
    let luminance = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
    if luminance > 135.0 { INK } else { RGBColor(255, 255, 255) }
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub colour: RGBColor,
    pub marker: Marker,
    pub dashed: bool,
}

impl Look {
    /// The look of the n-th of many series: colours first, then another marker and a dashed line.
    pub fn nth(index: usize) -> Look {
        let round = index / PALETTE.len();
        Look { colour: colour(index), marker: Marker::nth(index + round), dashed: round % 2 == 1 }
    }
}
