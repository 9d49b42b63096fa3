#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use plotters::style::RGBColor;

use super::*;
use crate::colours::{INK, SERIES};

/// The bytes of a picture of charts.
fn render(charts: impl IntoIterator<Item = Chart>) -> anygrad_core::Result<Vec<u8>> {
    charts.into_iter().fold(Picture::new(), Picture::beside).png()
}

/// The pixels of a PNG, and its sizes.
fn decode(bytes: &[u8]) -> (Vec<u8>, u32, u32) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (pixels, info.width, info.height)
}

/// The number of pixels near a colour.
fn count(pixels: &[u8], colour: RGBColor) -> usize {
    let near = |a: u8, b: u8| a.abs_diff(b) < 12;
    pixels.chunks(3).filter(|p| near(p[0], colour.0) && near(p[1], colour.1) && near(p[2], colour.2)).count()
}

#[test]
fn a_picture_shows_each_series_and_text() {
    let charts = [
        Chart::losses(&[2.0, 1.0, 0.5, 0.25], &[2.1, 1.2, 0.8, 0.7]),
        Chart::fit(&[-1.0, 0.0, 1.0], &[-1.0, 2.1, 5.0], 3.0, 2.0),
    ];
    let (pixels, width, height) = decode(&render(charts).unwrap());
    assert_eq!((width, height), (1440, 480));
    assert!(count(&pixels, SERIES[0]) > 400 && count(&pixels, SERIES[1]) > 800);
    assert!(count(&pixels, INK) > 1000, "axes and text");
    let (blank, ..) = decode(&render([Chart::new("", "", "")]).unwrap());
    assert_eq!(count(&blank, SERIES[0]) + count(&blank, SERIES[1]), 0);
}

#[test]
fn the_axis_of_a_loss_is_logarithmic_when_it_falls_far() {
    assert!(Chart::losses(&[1.0, 0.01], &[]).is_logarithmic());
    assert!(!Chart::losses(&[1.0, 0.1], &[]).is_logarithmic());
    assert!(!Chart::losses(&[1.0, 0.0], &[]).is_logarithmic());
    assert!(!Chart::new("", "", "").line("", [(0.0, 1.0), (1.0, 1e-6)]).is_logarithmic());
}

#[test]
fn no_numbers_make_it_fail() {
    let odd = [
        vec![],
        vec![1.0],
        vec![0.0; 5],
        vec![f64::NAN; 3],
        vec![1.0, f64::INFINITY, 2.0, f64::NAN, 3.0],
        vec![1e-300, 1e300],
        vec![f64::MAX, f64::MIN],
        vec![-3.4e38, 3.4e38],
        vec![1e9, 1e9 + 1e-3],
        vec![5e-324, 1.0],
        vec![-2.0, -2.0],
    ];
    for values in odd {
        let chart = Chart::losses(&values, &values).dashes("x", [(f64::NAN, 0.0)]).dots("", [(1.0, 1.0)]);
        render([chart]).unwrap();
        render([Chart::losses(&values, &[])]).unwrap();
    }
    render([Chart::fit(&[], &[], 1.0, 1.0), Chart::forecast(&[1.0], &[1.0, 2.0])]).unwrap();
    render([]).unwrap();
}
