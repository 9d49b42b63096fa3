//! Charts: axes, lines, dots and legends.

use anygrad_core::Result;
use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::ranged1d::Ranged;
use plotters::element::{Circle, ComposedElement, EmptyElement, PathElement};
use plotters::prelude::{DashedLineSeries, DrawingBackend, LineSeries};
use plotters::style::{Color, ShapeStyle, WHITE};

use crate::axis::{Axis, Scale};
use crate::canvas::{Area, OVERSAMPLING, failed, text_style};
use crate::chart::{Chart, Mark, is_finite, span};
use crate::colours::{FAINT, GRID, INK, SERIES};

/// The size of a chart, in pixels.
const SIZE: (u32, u32) = (720, 480);
const SMALL: (u32, u32) = (552, 368);
/// The size of one whose axes are alike: without titles, labels and margins it is square.
const SQUARE: (u32, u32) = (570, 564);

impl Chart {
    pub(crate) fn size(&self) -> (u32, u32) {
        match (self.is_square, self.is_small) {
            (true, _) => SQUARE,
            (_, true) => SMALL,
            _ => SIZE,
        }
    }

    pub(crate) fn draw(&self, area: &Area<'_>) -> Result<()> {
        let scale = OVERSAMPLING;
        let text = |size: u32| text_style(size.into(), &INK);
        let uprights = self.uprights.iter().map(|(x, _)| *x).filter(|x| x.is_finite());
        let (mut left, mut right) = span(self.finite_points().map(|(x, _)| x).chain(uprights));
        let (mut low, mut high) = span(self.finite_points().map(|(_, y)| y));
        if self.is_square {
            (left, low) = (left.min(low), left.min(low));
            (right, high) = (right.max(high), right.max(high));
        }
        let x_scale = if self.counts { Scale::Count } else { Scale::Linear };
        let y_margin = if self.is_square { SIDE_MARGIN } else { MARGIN };
        let y_scale = if self.is_logarithmic() { Scale::Logarithmic } else { Scale::Linear };
        let axes =
            [Axis::around(left, right, x_scale, SIDE_MARGIN), Axis::around(low, high, y_scale, y_margin)];
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
        let ends = axes[1].range();
        for (x, label) in self.uprights.iter().filter(|(x, _)| x.is_finite()) {
            let (line, stroke) = ([(*x, ends.start), (*x, ends.end)], FAINT.stroke_width(scale));
            let drawn = chart.draw_series(DashedLineSeries::new(line, 3 * scale, 3 * scale, stroke));
            drawn.map_err(failed)?.label(label).legend(move |at| dash_key(at, stroke));
        }
        for (series, colour) in self.series.iter().zip(SERIES.iter().cycle()) {
            let colour = if series.mark == Mark::Faint { &FAINT } else { colour };
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
                    Mark::Dashes | Mark::Faint if piece.len() > 1 => {
                        chart.draw_series(DashedLineSeries::new(points, 7 * scale, 5 * scale, stroke))
                    }
                    _ => chart.draw_series(dots),
                };
                let drawn = drawn.map_err(failed)?;
                if i == 0 {
                    let drawn = drawn.label(&series.label);
                    match series.mark {
                        Mark::Dots => drawn.legend(move |at| dot_key(at, stroke)),
                        Mark::Line => drawn.legend(move |at| line_key(at, stroke)),
                        Mark::Dashes | Mark::Faint => drawn.legend(move |at| dash_key(at, stroke)),
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
fn line_key((x, y): (i32, i32), stroke: ShapeStyle) -> Stroke {
    PathElement::new([(x, y), (x + KEY_WIDTH, y)], stroke)
}

type Stroke = PathElement<(i32, i32)>;

/// The sample of a dashed line in the legend.
fn dash_key<B: DrawingBackend>(
    at: (i32, i32),
    stroke: ShapeStyle,
) -> ComposedElement<(i32, i32), B, Stroke, Stroke> {
    let dash = |from: i32| PathElement::new([(from, 0), (from + KEY_WIDTH * 2 / 5, 0)], stroke);
    EmptyElement::at(at) + dash(0) + dash(KEY_WIDTH * 3 / 5)
}

/// The sample of a dot in the legend.
fn dot_key((x, y): (i32, i32), stroke: ShapeStyle) -> Circle<(i32, i32), u32> {
    Circle::new((x + KEY_WIDTH / 2, y), 3 * OVERSAMPLING, stroke.filled())
}

/// The width of a sample in the legend.
const KEY_WIDTH: i32 = 20 * OVERSAMPLING as i32;
/// About the share of a panel's width that the legend takes, and of its height for each line.
const LEGEND: (f64, f64) = (0.3, 0.06);
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
        let tall = (LEGEND.1 * (self.series.len() + self.uprights.len() + 1) as f64).min(0.9);
        let mut look = |(x, y): (f64, f64)| {
            let (right, up) = (x_axis.share(x), y_axis.share(y));
            let (at_right, at_left) = (right > 1.0 - LEGEND.0, right < LEGEND.0);
            let (at_top, at_bottom) = (up > 1.0 - tall, up < tall);
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
