#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::Array;
use plotters::style::RGBColor;

use super::*;
use crate::colours::{INK, Ramp, SERIES};

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

/// How many pixels of a picture are exactly of one colour.
fn exactly(picture: &Picture, colour: RGBColor) -> usize {
    let (pixels, ..) = decode(&picture.png().unwrap());
    pixels.chunks(3).filter(|p| **p == [colour.0, colour.1, colour.2]).count()
}

#[test]
fn bars_are_as_long_as_their_values() {
    let bars = |values: [f64; 2]| {
        Picture::of(Bars::new("t", "v").bar("a", values[0]).bar_with_deviation("b", values[1], 0.0))
    };
    let (one, two) = (exactly(&bars([4.0, 0.0]), SERIES[0]), exactly(&bars([4.0, 2.0]), SERIES[0]));
    let share = two as f64 / one as f64;
    assert!((1.4..1.51).contains(&share), "a bar of half the value is half as large: {share}");
    assert!(exactly(&bars([1.0, -1.0]), SERIES[1]) > 1000, "bars below 0 have a colour of their own");
    let hidden = (0..9).fold(Bars::new("t", "v").most(3), |bars, i| bars.bar("x", f64::from(i)));
    assert_eq!(Picture::of(hidden.clone()).size(), Picture::of(hidden.most(2)).size());
}

#[test]
fn bars_are_sorted() {
    let bars = Bars::new("", "").bar("a", 1.0).bar("b", -3.0).bar("c", f64::NAN).bar("d", 2.0);
    for picture in [bars.clone().sorted(), bars.clone().sorted_by_size(), bars] {
        Picture::of(picture).png().unwrap();
    }
    let one = Bars::new("", "").bar("a", 1.0).bar("b", 3.0);
    let other = Bars::new("", "").bar("b", 3.0).bar("a", 1.0);
    assert_eq!(Picture::of(one.sorted()).png().unwrap(), Picture::of(other).png().unwrap());
}

#[test]
fn a_heat_map_shows_each_number_where_it_is() {
    let image = Array::f32(&[1, 2, 2], [0.0, 1.0, 1.0, 0.0]).unwrap();
    let map = Array::f32(&[2, 2], [-1.0, 0.0, 0.0, 1.0]).unwrap();
    let picture = Picture::of(HeatMap::new("t", "a", &image, &map).unwrap());
    let (pixels, width, _) = decode(&picture.png().unwrap());
    let at = |x: usize, y: usize| {
        let i = 3 * (y * width as usize + x);
        RGBColor(pixels[i], pixels[i + 1], pixels[i + 2])
    };
    // The middles of the four parts of the image and of the map.
    let ends = [0.0, 0.5, 1.0].map(|share| Ramp::Diverging.at(share));
    let (black, white) = (RGBColor(0, 0, 0), RGBColor(255, 255, 255));
    assert_eq!([at(104, 156), at(264, 156), at(104, 316), at(264, 316)], [black, white, white, black]);
    assert_eq!(
        [at(448, 156), at(608, 156), at(448, 316), at(608, 316)],
        [ends[0], ends[1], ends[1], ends[2]]
    );
}

#[test]
fn channels_are_summed_and_wrong_shapes_are_refused() {
    let image = Array::f32(&[3, 1, 2], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]).unwrap();
    let by_channel = Array::f32(&[3, 1, 2], [1.0, -1.0, 0.5, 0.0, -0.5, -2.0]).unwrap();
    let summed = Array::f32(&[1, 2], [1.0, -3.0]).unwrap();
    let png = |map: &Array| Picture::of(HeatMap::new("t", "a", &image, map).unwrap()).png().unwrap();
    assert_eq!(png(&by_channel), png(&summed));
    let wide = Array::f32(&[1, 3], [0.0; 3]).unwrap();
    let error = HeatMap::new("t", "a", &image, &wide).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("[1, 3]"), "{error}");
    assert!(HeatMap::new("", "", &Array::f32(&[4], [0.0; 4]).unwrap(), &wide).unwrap_err().is_shape());
}

#[test]
fn series_and_their_marks_are_as_many() {
    let series = MarkedSeries::new("t", "a").series("x", &[1.0, 2.0], &[0.0, 1.0]).unwrap();
    let error = series.clone().series("y", &[1.0, 2.0, 3.0], &[0.0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "series \"y\": 3 values and 3 attributions, wanted 2 of each");
    assert!(series.clone().series("y", &[1.0, 2.0], &[0.0]).unwrap_err().is_shape());
    // Half of the ground has the colour of the largest number, half that of 0.
    let picture = Picture::of(series);
    let [most, least] = [1.0, 0.0].map(|share| exactly(&picture, Ramp::Viridis.at(share)));
    assert!(most > 20_000 && most.abs_diff(least) < most / 10, "{most} {least}");
}

#[test]
fn matrices_of_2_to_30_classes_are_drawn() {
    for n in [1, 2, 3, 10, 11, 29, 30, 60] {
        let names: Vec<String> = (0..n).map(|i| format!("a rather long name of class {i}")).collect();
        let counts: Vec<Vec<u64>> = (0..n)
            .map(|i| (0..n).map(|j| if i == j { u64::MAX / 64 } else { i as u64 % 2 }).collect())
            .collect();
        let picture = Picture::of(Matrix::confusion("t", &names, &counts).unwrap());
        let (width, height) = picture.size();
        assert!(width < 2600 && height < 2600 && width >= 300, "{n}: {width} x {height}");
        assert!(exactly(&picture, Ramp::Blues.at(1.0)) > 500 * n, "the diagonal is dark");
    }
}

#[test]
fn odd_numbers_make_no_panel_fail() {
    let odd = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, 1e-45];
    let array = Array::f32(&[2, 3], odd).unwrap();
    let names = ["", "a", "b"].map(str::to_owned);
    let bars = odd.iter().fold(Bars::new("", ""), |bars, &x| bars.bar_with_deviation("", x.into(), x.into()));
    let panels: [Panel; 5] = [
        bars.into(),
        HeatMap::new("", "", &array, &array).unwrap().overlaid().into(),
        MarkedSeries::new("", "").series("", &odd, &odd).unwrap().into(),
        Matrix::of("", ["", "", ""], [&names[..2], &names], &odd).unwrap().into(),
        Chart::agreement(&odd, &odd).upright("", f64::NAN).upright("", 1e300).into(),
    ];
    for panel in panels {
        Picture::of(panel).png().unwrap();
    }
    Picture::of(Bars::new("", "")).beside(MarkedSeries::new("", "")).png().unwrap();
    let zeros = Array::f32(&[1, 1], [0.0]).unwrap();
    Picture::of(HeatMap::new("", "", &zeros, &zeros).unwrap()).png().unwrap();
    let many = (0..100).fold(Picture::new(), |picture, _| picture.beside(Chart::new("", "", "")));
    assert!(many.png().unwrap_err().is_input(), "72,000 pixels are too many");
}
