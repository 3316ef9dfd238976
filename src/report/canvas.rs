//! A page to draw on in pixels: text, lines, markers, whiskers, and the frame that all charts share.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::error::ReportError;
use super::style::{FONT, INK, Look, MUTED_INK, Marker};

/// A point on the page: pixels from the left and from the top.
pub type Pixel = (i32, i32);
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub const WIDTH: i32 = 960;
/// Room for title and subtitle.
pub const HEAD_HEIGHT: i32 = 66;
/// Room for the legend, right of the plot, where it covers nothing.
pub const LEGEND_WIDTH: i32 = 236;
const MARGIN: i32 = 18;
const LEGEND_LINE: i32 = 22;
const WRAPPED_LINE: i32 = 16;
/// Text sizes in pixels as the SVG will have them; plotters divides what it is given by this factor.
const PLOTTERS_FONT_FACTOR: f64 = 1.24;
/// Width of a character against the size of the text, about the average of a sans-serif face.
const CHARACTER_WIDTH: f64 = 0.54;

/// A page that is being drawn.
pub struct Canvas<'a> {
    area: Area<'a>,
}

/// How a text stands.
#[derive(Clone, Copy)]
pub struct TextLook {
    pub size: f64,
    pub colour: RGBColor,
    pub bold: bool,
    pub horizontal: HPos,
}

impl TextLook {
    pub const LABEL: TextLook = TextLook { size: 12.5, colour: INK, bold: false, horizontal: HPos::Left };

    pub fn centred(self) -> Self {
        TextLook { horizontal: HPos::Center, ..self }
    }

    pub fn size(self, size: f64) -> Self {
        TextLook { size, ..self }
    }

    pub fn colour(self, colour: RGBColor) -> Self {
        TextLook { colour, ..self }
    }
}

/// Draws a picture of [`WIDTH`] by `height` pixels with a title; the result is SVG text that is the same for the same
/// calls.
pub fn render(
    title: &str,
    subtitle: &str,
    height: i32,
    draw: impl FnOnce(&Canvas<'_>) -> Result<(), ReportError>,
) -> Result<String, ReportError> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&WHITE).map_err(drawing)?;
        let canvas = Canvas { area };
        canvas.text((MARGIN, 26), title, TextLook { size: 18.0, bold: true, ..TextLook::LABEL })?;
        canvas.text((MARGIN, 48), subtitle, TextLook::LABEL.colour(MUTED_INK))?;
        draw(&canvas)?;
        canvas.area.present().map_err(drawing)?;
    }
    Ok(svg)
}

/// A failure of the drawing library.
pub fn drawing(error: impl std::fmt::Display) -> ReportError {
    ReportError::Drawing(error.to_string())
}

/// A text style of plotters in the size that the SVG shall have.
pub fn font(size: f64) -> TextStyle<'static> {
    (FONT, size * PLOTTERS_FONT_FACTOR).into_font().color(&INK)
}

/// About how many pixels a text takes.
pub fn text_width(text: &str, size: f64) -> i32 {
    (text.chars().count() as f64 * size * CHARACTER_WIDTH).ceil() as i32
}

/// Height of a chart unless its legend needs more.
pub const HEIGHT: i32 = 540;

/// The height that a legend of these entries needs, its title included.
pub fn legend_height(entries: &[(String, Swatch)]) -> i32 {
    let entries: i32 = entries.iter().map(|(name, _)| entry_height(&legend_lines(name))).sum();
    HEAD_HEIGHT + MARGIN * 2 + entries
}

fn entry_height(lines: &[String]) -> i32 {
    LEGEND_LINE + WRAPPED_LINE * (lines.len() as i32 - 1).max(0)
}

/// What stands beside a name in a legend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Swatch {
    /// A piece of a line with its marker.
    Line(Look),
    /// A marker alone.
    Marker(Look),
    /// A filled square.
    Fill(RGBColor),
    /// Nothing: the name explains a sign in the plot.
    None,
}

impl<'a> Canvas<'a> {
    /// The part of the page from one corner to the other.
    pub fn part(&self, upper_left: Pixel, lower_right: Pixel) -> Area<'a> {
        let size = self.area.dim_in_pixel();
        let (right, bottom) = (size.0 as i32 - lower_right.0, size.1 as i32 - lower_right.1);
        self.area.margin(upper_left.1, bottom, upper_left.0, right)
    }

    pub fn text(&self, at: Pixel, text: &str, look: TextLook) -> Result<(), ReportError> {
        let style = if look.bold { FontStyle::Bold } else { FontStyle::Normal };
        let style = (FONT, look.size * PLOTTERS_FONT_FACTOR, style).into_font().color(&look.colour);
        let style = style.pos(Pos::new(look.horizontal, VPos::Center));
        self.area.draw(&Text::new(text.to_owned(), at, style)).map_err(drawing)
    }

    pub fn line(&self, points: Vec<Pixel>, look: Look) -> Result<(), ReportError> {
        let style = look.colour.stroke_width(2);
        match look.dashed {
            false => self.area.draw(&PathElement::new(points, style)),
            true => self.area.draw(&DashedPathElement::new(points, 7, 5, style)),
        }
        .map_err(drawing)
    }

    pub fn rectangle(&self, corners: [Pixel; 2], colour: RGBColor) -> Result<(), ReportError> {
        self.area.draw(&Rectangle::new(corners, colour.filled())).map_err(drawing)
    }

    pub fn marker(&self, (x, y): Pixel, look: Look) -> Result<(), ReportError> {
        let filled = look.colour.filled();
        let polygon = |points: Vec<Pixel>| self.area.draw(&Polygon::new(points, filled)).map_err(drawing);
        match look.marker {
            Marker::None => Ok(()),
            Marker::Circle => self.area.draw(&Circle::new((x, y), 5, filled)).map_err(drawing),
            Marker::Square => self.rectangle([(x - 4, y - 4), (x + 5, y + 5)], look.colour),
            Marker::Triangle => polygon(vec![(x - 6, y + 5), (x + 6, y + 5), (x, y - 6)]),
            Marker::Diamond => polygon(vec![(x - 6, y), (x, y - 7), (x + 6, y), (x, y + 7)]),
            Marker::Cross => {
                let arm = |from, to| PathElement::new(vec![from, to], look.colour.stroke_width(3));
                self.area.draw(&arm((x - 5, y - 5), (x + 5, y + 5))).map_err(drawing)?;
                self.area.draw(&arm((x - 5, y + 5), (x + 5, y - 5))).map_err(drawing)
            }
        }
    }

    /// From the smallest to the largest sample, with caps.
    pub fn whisker(&self, x: i32, top: i32, bottom: i32, colour: RGBColor) -> Result<(), ReportError> {
        for path in
            [vec![(x, top), (x, bottom)], vec![(x - 4, top), (x + 4, top)], vec![(x - 4, bottom), (x + 4, bottom)]]
        {
            self.area.draw(&PathElement::new(path, colour.stroke_width(1))).map_err(drawing)?;
        }
        Ok(())
    }

    /// Names with their swatches, at the right edge.
    pub fn legend(&self, entries: &[(String, Swatch)]) -> Result<(), ReportError> {
        let left = WIDTH - LEGEND_WIDTH + 14;
        let mut y = HEAD_HEIGHT + LEGEND_LINE / 2 + 4;
        for (name, swatch) in entries {
            match swatch {
                Swatch::Line(look) => {
                    self.line(vec![(left, y), (left + 30, y)], *look)?;
                    self.marker((left + 15, y), *look)?;
                }
                Swatch::Marker(look) => self.marker((left + 15, y), *look)?,
                Swatch::Fill(colour) => self.rectangle([(left + 8, y - 7), (left + 22, y + 7)], *colour)?,
                Swatch::None => {}
            }
            let lines = legend_lines(name);
            for (line, down) in lines.iter().zip((y..).step_by(WRAPPED_LINE as usize)) {
                self.text((left + 38, down), line, TextLook::LABEL)?;
            }
            y += entry_height(&lines);
        }
        Ok(())
    }
}

/// A name in lines that fit the legend, broken at spaces.
fn legend_lines(name: &str) -> Vec<String> {
    let fits = |line: &str| text_width(line, TextLook::LABEL.size) <= LEGEND_WIDTH - 56;
    let mut lines: Vec<String> = Vec::new();
    for word in name.split(' ') {
        match lines.last_mut() {
            Some(line) if fits(&format!("{line} {word}")) => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_broken_into_lines() {
        let lines = legend_lines("packed, blinded, ifma, breast_cancer, 30-16-2, batch 32");
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), "packed, blinded, ifma, breast_cancer, 30-16-2, batch 32");
        assert_eq!(legend_lines("decrypt"), ["decrypt"]);
    }

    #[test]
    fn text_from_files_is_escaped() {
        let svg = render("a < b & c", "<script>", 100, |_| Ok(())).unwrap();
        assert!(svg.contains("a &lt; b &amp; c") && !svg.contains("<script>"), "{svg}");
    }
}
