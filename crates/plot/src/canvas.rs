//! Paper to draw on: sizes in pixels of the finished picture, everything drawn larger and averaged.

use std::fmt::Display;

use anygrad_core::{Error, Result};
use plotters::coord::Shift;
use plotters::element::{PathElement, Rectangle, Text};
use plotters::prelude::{BitMapBackend, DrawingArea};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{
    Color, FontFamily, FontStyle, FontTransform, IntoFont, RGBColor, TextStyle, register_font,
};

use crate::colours::INK;

/// Everything is drawn this many times larger and then averaged, which makes edges smooth.
pub(crate) const OVERSAMPLING: u32 = 2;
/// The name under which the font is registered.
const FONT: &str = "anygrad";

pub(crate) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Where a text stands from its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// It begins there, ends there, or has its middle there; its middle line is on the point's height.
    Right,
    Left,
    Middle,
    /// Its middle is there, and it reads upwards.
    Upwards,
}

/// One panel's paper, its origin at the top left.
pub(crate) struct Canvas<'a, 'b>(pub(crate) &'a Area<'b>);

impl Canvas<'_, '_> {
    pub(crate) fn rectangle(&self, [x, y, width, height]: [f64; 4], colour: RGBColor) -> Result<()> {
        let corners = [point(x, y), point(x + width, y + height)];
        self.0.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)
    }

    /// The border of a rectangle.
    pub(crate) fn frame(&self, [x, y, width, height]: [f64; 4], colour: RGBColor) -> Result<()> {
        let (right, below) = (x + width, y + height);
        self.line(&[(x, y), (right, y), (right, below), (x, below), (x, y)], colour, 1.0)
    }

    pub(crate) fn line(&self, points: &[(f64, f64)], colour: RGBColor, width: f64) -> Result<()> {
        let stroke = colour.stroke_width((width * f64::from(OVERSAMPLING)).round().max(1.0) as u32);
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| point(x, y)).collect();
        self.0.draw(&PathElement::new(points, stroke)).map_err(failed)
    }

    /// A text of `size` pixels.
    pub(crate) fn text(
        &self,
        text: &str,
        at: (f64, f64),
        side: Side,
        size: f64,
        colour: RGBColor,
    ) -> Result<()> {
        let (h, v, turn) = match side {
            Side::Right => (HPos::Left, VPos::Center, FontTransform::None),
            Side::Left => (HPos::Right, VPos::Center, FontTransform::None),
            Side::Middle => (HPos::Center, VPos::Center, FontTransform::None),
            Side::Upwards => (HPos::Center, VPos::Center, FontTransform::Rotate270),
        };
        let style = text_style(size, &colour).transform(turn).pos(Pos::new(h, v));
        self.0.draw(&Text::new(text, point(at.0, at.1), style)).map_err(failed)
    }

    /// As wide as a text of `size` pixels is.
    pub(crate) fn width(&self, text: &str, size: f64) -> Result<f64> {
        let (width, _) = self.0.estimate_text_size(text, &text_style(size, &INK)).map_err(failed)?;
        Ok(f64::from(width) / f64::from(OVERSAMPLING))
    }

    /// The text, or as much of its beginning as `width` has place for, with dots behind.
    pub(crate) fn fitted(&self, text: &str, size: f64, width: f64) -> Result<String> {
        if self.width(text, size)? <= width {
            return Ok(text.to_owned());
        }
        let letters: Vec<char> = text.chars().collect();
        // Halving finds the longest beginning that has place.
        let (mut fits, mut too_long) = (0, letters.len());
        while too_long - fits > 1 {
            let middle = fits.midpoint(too_long);
            let cut: String = letters[..middle].iter().chain(&['…']).collect();
            if self.width(&cut, size)? <= width { fits = middle } else { too_long = middle }
        }
        Ok(letters[..fits].iter().chain(&['…']).collect())
    }

    /// The title of the panel, across the middle of its width.
    pub(crate) fn title(&self, title: &str, width: f64) -> Result<()> {
        let title = self.fitted(title, TITLE, width - 32.0)?;
        self.text(&title, (width / 2.0, 26.0), Side::Middle, TITLE, INK)
    }
}

/// The sizes of letters.
pub(crate) const TITLE: f64 = 22.0;
pub(crate) const AXIS: f64 = 16.0;
pub(crate) const LABEL: f64 = 14.0;

fn point(x: f64, y: f64) -> (i32, i32) {
    let scale = f64::from(OVERSAMPLING);
    ((x * scale).round() as i32, (y * scale).round() as i32)
}

pub(crate) fn text_style(size: f64, colour: &RGBColor) -> TextStyle<'_> {
    let pixels = size * f64::from(OVERSAMPLING);
    TextStyle::from((FontFamily::Name(FONT), pixels).into_font()).color(colour)
}

/// Makes the font known. Doing so twice changes nothing: it is the same font under the same name.
pub(crate) fn register() -> Result<()> {
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| Error::internal("the font of the plots is damaged"))
}

pub(crate) fn failed(error: impl Display) -> Error {
    Error::internal(format!("a plot could not be drawn: {error}"))
}
