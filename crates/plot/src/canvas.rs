//! Paper to draw on: sizes in pixels of the finished picture, everything drawn larger and averaged.

use std::fmt::Display;

use anygrad_core::{Error, Result};
use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea};
use plotters::style::{FontFamily, FontStyle, IntoFont, RGBColor, TextStyle, register_font};

/// Everything is drawn this many times larger and then averaged, which makes edges smooth.
pub(crate) const OVERSAMPLING: u32 = 2;
/// The name under which the font is registered.
const FONT: &str = "anygrad";

pub(crate) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

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
