//! Pictures from panels: axes, lines, dots and legends, as the bytes of a PNG.

use std::fmt::Display;

use anygrad::core::{Error, Result};
use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement};
use plotters::prelude::{BitMapBackend, DashedLineSeries, DrawingArea, IntoDrawingArea, LineSeries};
use plotters::style::{
    Color, FontFamily, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE, register_font,
};

use super::axis::{Axis, Scale};
use super::{Chart, Mark, is_finite, span};

/// The size of a panel in the picture, in pixels.
pub(super) const PANEL: (u32, u32) = (720, 480);
/// Everything is drawn this many times larger and then averaged, which makes edges smooth.
const OVERSAMPLING: u32 = 2;
/// The name under which the font is registered.
const FONT: &str = "anygrad";
/// Text and axes, lines of the grid.
pub(super) const INK: RGBColor = RGBColor(51, 51, 60);
const GRID: RGBColor = RGBColor(228, 230, 236);
/// Colours that people who see red and green alike can tell apart.
/// Source: Okabe and Ito, "Color Universal Design", 2008: blue, vermilion, bluish green, purple.
pub(super) const COLOURS: [RGBColor; 4] =
    [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115), RGBColor(204, 121, 167)];

/// The bytes of the PNG.
pub(super) fn render(charts: &[Chart]) -> Result<Vec<u8>> {
    // Registering twice changes nothing: it is the same font under the same name.
    register_font(FONT, FontStyle::Normal, epaint_default_fonts::UBUNTU_LIGHT)
        .map_err(|_| Error::internal("the font of the plots is damaged"))?;
    let columns = charts.len().max(1);
    let (width, height) = (PANEL.0 * columns as u32, PANEL.1);
    let (fine_width, fine_height) = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut fine = vec![0; 3 * fine_width as usize * fine_height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut fine, (fine_width, fine_height)).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        for (panel, chart) in area.split_evenly((1, columns)).iter().zip(charts) {
            chart.draw(panel)?;
        }
        area.present().map_err(failed)?;
    }
    encode(&averaged(&fine, width as usize, height as usize), width, height)
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

impl Chart {
    fn draw(&self, area: &Area<'_>) -> Result<()> {
        let scale = OVERSAMPLING;
        let text = |size: u32| -> TextStyle<'_> {
            TextStyle::from((FontFamily::Name(FONT), size * scale).into_font()).color(&INK)
        };
        let (left, right) = span(self.finite_points().map(|(x, _)| x));
        let (low, high) = span(self.finite_points().map(|(_, y)| y));
        let x_scale = if self.counts { Scale::Count } else { Scale::Linear };
        let y_scale = if self.is_logarithmic() { Scale::Logarithmic } else { Scale::Linear };
        let axes =
            [Axis::around(left, right, x_scale, SIDE_MARGIN), Axis::around(low, high, y_scale, MARGIN)];
        let [x_axis, y_axis] = axes.clone();
        let mut chart = ChartBuilder::on(area)
            .margin(14 * scale)
            .margin_right(24 * scale)
            .caption(&self.title, text(22))
            .x_label_area_size(44 * scale)
            .y_label_area_size(72 * scale)
            .build_cartesian_2d(x_axis, y_axis)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .x_desc(&self.x_label)
            .y_desc(&self.y_label)
            .label_style(text(14))
            .axis_desc_style(text(16))
            .axis_style(INK.stroke_width(scale))
            .bold_line_style(GRID.stroke_width(scale))
            .light_line_style(WHITE.mix(0.0))
            .set_all_tick_mark_size(4 * scale)
            .draw()
            .map_err(failed)?;
        for (series, colour) in self.series.iter().zip(COLOURS.iter().cycle()) {
            let stroke = colour.stroke_width(2 * scale);
            let pieces = series.points.split(|&point| !is_finite(point)).filter(|piece| !piece.is_empty());
            for (i, piece) in pieces.enumerate() {
                let points = piece.iter().copied();
                let radius = if series.mark == Mark::Dots { 2 * scale } else { stroke.stroke_width / 2 };
                let dots =
                    piece.iter().map(|&point| Circle::new(point, radius, colour.mix(DOT_OPACITY).filled()));
                // A line through one point would not be seen: it is drawn as a dot, as points are.
                let drawn = match series.mark {
                    Mark::Line if piece.len() > 1 => chart.draw_series(LineSeries::new(points, stroke)),
                    Mark::Dashes if piece.len() > 1 => {
                        chart.draw_series(DashedLineSeries::new(points, 7 * scale, 5 * scale, stroke))
                    }
                    _ => chart.draw_series(dots),
                };
                let drawn = drawn.map_err(failed)?;
                if i == 0 {
                    let drawn = drawn.label(&series.label);
                    match series.mark {
                        Mark::Dots => drawn.legend(move |at| dot_key(at, stroke)),
                        Mark::Line | Mark::Dashes => drawn.legend(move |at| line_key(at, stroke)),
                    };
                }
            }
        }
        chart
            .configure_series_labels()
            .position(self.free_corner(&axes))
            .legend_area_size(30 * scale)
            .margin(8 * scale)
            .label_font(text(15))
            .background_style(WHITE.mix(0.85))
            .border_style(GRID.stroke_width(scale))
            .draw()
            .map_err(failed)
    }
}

/// The sample of a line in the legend.
fn line_key((x, y): (i32, i32), stroke: ShapeStyle) -> PathElement<(i32, i32)> {
    PathElement::new([(x, y), (x + KEY_WIDTH, y)], stroke)
}

/// The sample of a dot in the legend.
fn dot_key((x, y): (i32, i32), stroke: ShapeStyle) -> Circle<(i32, i32), u32> {
    Circle::new((x + KEY_WIDTH / 2, y), 3 * OVERSAMPLING, stroke.filled())
}

/// The width of a sample in the legend.
const KEY_WIDTH: i32 = 20 * OVERSAMPLING as i32;
/// About the share of a panel's width and height that the legend takes.
const LEGEND: (f64, f64) = (0.3, 0.18);
/// Points looked at along each piece of a line to see what the legend would hide.
const LOOKS: u32 = 8;

/// The share of the range that stays free above and below, and at the sides.
const MARGIN: f64 = 0.06;
const SIDE_MARGIN: f64 = 0.015;
/// How much of the paper a dot covers, so that a crowd of them is darker.
const DOT_OPACITY: f64 = 0.7;

impl Chart {
    /// The corner where the legend hides least.
    fn free_corner(&self, [x_axis, y_axis]: &[Axis; 2]) -> SeriesLabelPosition {
        let mut hidden = [0u32; 4];
        let mut look = |(x, y): (f64, f64)| {
            let (right, up) = (x_axis.share(x), y_axis.share(y));
            let (at_right, at_left) = (right > 1.0 - LEGEND.0, right < LEGEND.0);
            let (at_top, at_bottom) = (up > 1.0 - LEGEND.1, up < LEGEND.1);
            let corners =
                [at_top && at_right, at_top && at_left, at_bottom && at_right, at_bottom && at_left];
            corners.iter().zip(&mut hidden).for_each(|(&there, hidden)| *hidden += u32::from(there));
        };
        for series in &self.series {
            let looks = if series.mark == Mark::Dots { 1 } else { LOOKS };
            for ends in series.points.windows(2).filter(|ends| ends.iter().all(|&end| is_finite(end))) {
                for step in 0..looks {
                    let share = f64::from(step) / f64::from(looks);
                    let between = |a: f64, b: f64| (1.0 - share) * a + share * b;
                    look((between(ends[0].0, ends[1].0), between(ends[0].1, ends[1].1)));
                }
            }
            series.points.last().filter(|&&last| is_finite(last)).into_iter().for_each(|&last| look(last));
        }
        use SeriesLabelPosition::{LowerLeft, LowerRight, UpperLeft, UpperRight};
        let corners = hidden.into_iter().zip([UpperRight, UpperLeft, LowerRight, LowerLeft]);
        corners.min_by_key(|(hidden, _)| *hidden).map_or(UpperRight, |(_, corner)| corner)
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

fn failed(error: impl Display) -> Error {
    Error::internal(format!("a plot could not be drawn: {error}"))
}
