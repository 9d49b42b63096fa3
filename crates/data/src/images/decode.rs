//! The bytes of a PNG or JPEG to pixels.

use std::io::Cursor;

use anygrad_core::{Error, Result};
use png::Transformations;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::Color;
use crate::file::MAX_GROWTH;

/// The largest height or width. Three channels of it in bytes are below 1 GiB.
const MAX_SIDE: usize = 16_384;
/// The most pixels that a byte of a JPEG can make: the first number of each block of 8 x 8 takes a
/// bit at least.
const MAX_PIXELS_PER_BYTE: usize = 8 * 64;

/// Pixels row by row, `channels` bytes each: one is gray, two gray and alpha, three red, green and
/// blue, four those and alpha.
pub(super) struct Pixels {
    /// Height and width.
    pub size: [usize; 2],
    channels: usize,
    bytes: Vec<u8>,
}

impl Pixels {
    /// The values from 0 to 1, channel by channel.
    pub fn values(&self, color: Color) -> Vec<f32> {
        let pixels = || self.bytes.chunks_exact(self.channels);
        let is_gray = self.channels < 3;
        let channel = |c: usize| pixels().map(move |p| f32::from(p[if is_gray { 0 } else { c }]) / 255.0);
        match color {
            Color::Gray if !is_gray => pixels().map(brightness).collect(),
            Color::Gray => channel(0).collect(),
            Color::Rgb => (0..3).flat_map(channel).collect(),
        }
    }
}

fn brightness(pixel: &[u8]) -> f32 {
    let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(f64::from);
    ((0.299 * r + 0.587 * g + 0.114 * b) / 255.0) as f32
}

/// The pixels of a file. Sizes are compared with what its bytes can make before memory is taken.
pub(super) fn decode(bytes: &[u8]) -> Result<Pixels> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        png(bytes)
    } else if bytes.starts_with(b"\xff\xd8") {
        jpeg(bytes)
    } else {
        let begin = &bytes[..bytes.len().min(8)];
        Err(Error::input(format!("neither PNG nor JPEG: it begins with the bytes {begin:02x?}")))
    }
}

fn check_size(size: [usize; 2], possible: bool, length: usize) -> Result<()> {
    let [height, width] = size;
    if size.contains(&0) || size.iter().any(|&side| side > MAX_SIDE) {
        return Err(Error::input(format!(
            "{height} x {width} pixels: sides of 1 to {MAX_SIDE} are supported"
        )));
    }
    if !possible {
        return Err(Error::input(format!("claims {height} x {width} pixels, which no {length} bytes make")));
    }
    Ok(())
}

fn png(bytes: &[u8]) -> Result<Pixels> {
    let bad = |error: png::DecodingError| Error::input(format!("a damaged PNG: {error}"));
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let info = decoder.read_header_info().map_err(bad)?;
    let size = [info.height as usize, info.width as usize];
    let possible = info.raw_bytes() as u64 <= (bytes.len() as u64).saturating_mul(MAX_GROWTH);
    check_size(size, possible, bytes.len())?;
    let mut reader = decoder.read_info().map_err(bad)?;
    let length = reader.output_buffer_size().ok_or_else(|| Error::input("a PNG too large for memory"))?;
    let mut pixels = vec![0; length];
    let frame = reader.next_frame(&mut pixels).map_err(bad)?;
    // What follows the pixels is read too, so that a file that was cut off there is found.
    reader.finish().map_err(bad)?;
    Ok(Pixels { size, channels: frame.color_type.samples(), bytes: pixels })
}

fn jpeg(bytes: &[u8]) -> Result<Pixels> {
    let bad = |error: zune_jpeg::errors::DecodeErrors| Error::input(format!("a damaged JPEG: {error:?}"));
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    // Decoders fill what is missing of a file with gray. A whole one has an end (D9) behind the
    // begin of its last scan (DA): neither pair of bytes occurs within a scan.
    if last(0xd9) < last(0xda) || last(0xda).is_none() {
        return Err(Error::input(format!("a damaged JPEG: its {} bytes have no end of image", bytes.len())));
    }
    let options = DecoderOptions::default().set_strict_mode(true);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(bad)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let possible = height.saturating_mul(width) <= bytes.len().saturating_mul(MAX_PIXELS_PER_BYTE);
    check_size([height, width], possible, bytes.len())?;
    let gray = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, channels) = if gray { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    let mut pixels = vec![0; height * width * channels];
    decoder.decode_into(&mut pixels).map_err(bad)?;
    Ok(Pixels { size: [height, width], channels, bytes: pixels })
}
