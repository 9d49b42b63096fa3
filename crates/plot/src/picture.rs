//! Pictures: panels side by side, as the bytes of a PNG or as a data URI.

use anygrad_core::{Error, Result};
use plotters::prelude::{BitMapBackend, IntoDrawingArea};
use plotters::style::WHITE;

use crate::canvas::{Area, OVERSAMPLING, failed, register};
use crate::{Bars, Chart, HeatMap, MarkedSeries, Matrix};

macro_rules! panels {
    ($($panel:ident, $doc:literal;)*) => {
        /// What a picture can show.
        #[derive(Clone, Debug)]
        #[non_exhaustive]
        pub enum Panel {
            $(#[doc = $doc] $panel($panel),)*
        }

        $(impl From<$panel> for Panel {
            fn from(panel: $panel) -> Self {
                Panel::$panel(panel)
            }
        })*

        impl Panel {
            /// Its width and height, in pixels.
            fn size(&self) -> (u32, u32) {
                match self {
                    $(Panel::$panel(panel) => panel.size(),)*
                }
            }

            fn draw(&self, area: &Area<'_>) -> Result<()> {
                match self {
                    $(Panel::$panel(panel) => panel.draw(area),)*
                }
            }
        }
    };
}

panels! {
    Chart, "Series of points over common axes.";
    Bars, "Values by name.";
    Matrix, "A table of coloured cells.";
    HeatMap, "An image beside a map of what matters in it.";
    MarkedSeries, "Series whose steps are coloured by how much they matter.";
}

/// One panel, or several side by side.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    panels: Vec<Panel>,
}

/// The sizes of a picture without panels.
const EMPTY: (u32, u32) = (720, 480);
/// The most pixels of a picture, along either axis: what is larger is a mistake.
const MOST_PIXELS: u32 = 20_000;

impl Picture {
    /// A picture without panels.
    pub fn new() -> Self {
        Picture::default()
    }

    /// A picture of one panel.
    pub fn of(panel: impl Into<Panel>) -> Self {
        Picture::new().beside(panel)
    }

    /// Another panel to the right of the others.
    pub fn beside(mut self, panel: impl Into<Panel>) -> Self {
        self.panels.push(panel.into());
        self
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        let sizes = || self.panels.iter().map(Panel::size);
        if self.panels.is_empty() {
            return EMPTY;
        }
        (sizes().map(|size| size.0).sum(), sizes().map(|size| size.1).max().unwrap_or(EMPTY.1))
    }

    /// The bytes of the PNG.
    ///
    /// # Errors
    /// The picture is larger than 20,000 pixels along an axis.
    pub fn png(&self) -> Result<Vec<u8>> {
        register()?;
        let (width, height) = self.size();
        if width.max(height) > MOST_PIXELS {
            return Err(Error::input(format!(
                "a picture of {width} x {height} pixels: at most {MOST_PIXELS} are drawn"
            )));
        }
        let (fine_width, fine_height) = (width * OVERSAMPLING, height * OVERSAMPLING);
        let mut fine = vec![0; 3 * fine_width as usize * fine_height as usize];
        {
            let area = BitMapBackend::with_buffer(&mut fine, (fine_width, fine_height)).into_drawing_area();
            area.fill(&WHITE).map_err(failed)?;
            let mut left = 0;
            for panel in &self.panels {
                let (width, height) = panel.size();
                let right = left + (width * OVERSAMPLING) as i32;
                let part = area.clone().shrink((left, 0), (width * OVERSAMPLING, height * OVERSAMPLING));
                panel.draw(&part)?;
                left = right;
            }
            area.present().map_err(failed)?;
        }
        encode(&averaged(&fine, width as usize, height as usize), width, height)
    }

    /// The PNG as a URI that stands for it in a page: `<img src="...">`.
    ///
    /// # Errors
    /// As [`Picture::png`].
    pub fn data_uri(&self) -> Result<String> {
        Ok(format!("data:image/png;base64,{}", base64(&self.png()?)))
    }
}

/// Every pixel of the picture from the square of pixels that was drawn for it.
fn averaged(fine: &[u8], width: usize, height: usize) -> Vec<u8> {
    let n = OVERSAMPLING as usize;
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for column in 0..width {
            for channel in 0..3 {
                let squares = (0..n * n).map(|i| (row * n + i / n) * width * n + column * n + i % n);
                let sum: usize = squares.map(|pixel| usize::from(fine[3 * pixel + channel])).sum();
                pixels.push((sum / (n * n)) as u8);
            }
        }
    }
    pixels
}

/// A PNG of pixels in red, green and blue.
fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels)).map_err(failed)?;
    Ok(bytes)
}

/// Base64 with padding, RFC 4648.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0usize, |bits, i| bits << 8 | usize::from(three.get(i).copied().unwrap_or(0)));
        for place in 0..4 {
            let letter = LETTERS[bits >> (18 - 6 * place) & 63];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let cases = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in cases {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xFB, 0xFF, 0xBF]), "+/+/");
    }
}
