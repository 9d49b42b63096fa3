//! Plots as PNG files: curves of the loss, forecasts beside what happened, points with a fitted line.
//!
//! The font comes with the program and nothing is asked of the system, so that a plot looks the
//! same on every machine.

mod axis;
mod draw;

use std::path::Path;

use self::draw::render;
use crate::files::write_whole;
use crate::tables::number;
use anygrad::core::{Context, Result};

/// One panel of a picture: some series of points over common axes.
#[derive(Clone, Debug)]
pub struct Chart {
    title: String,
    x_label: String,
    y_label: String,
    /// Whether the x axis counts: only whole numbers are marked on it.
    counts: bool,
    /// Whether the y axis may be logarithmic, where the numbers are positive and far apart.
    may_be_logarithmic: bool,
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    label: String,
    mark: Mark,
    points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Line,
    Dashes,
    Dots,
}

impl Chart {
    /// An empty panel with a title and the names of its axes.
    pub fn new(title: &str, x_label: &str, y_label: &str) -> Self {
        Chart {
            title: title.to_owned(),
            x_label: x_label.to_owned(),
            y_label: y_label.to_owned(),
            counts: false,
            may_be_logarithmic: false,
            series: Vec::new(),
        }
    }

    /// The loss of each epoch on the training part and, where there is one, on the validation part.
    pub fn losses(training: &[f64], validation: &[f64]) -> Self {
        let chart = Chart { may_be_logarithmic: true, ..Chart::new("Loss", "epoch", "loss") };
        chart.over_epochs("training", training).over_epochs("validation", validation)
    }

    /// A forecast of the last values of a series, beside what happened then and shortly before.
    pub fn forecast(values: &[f32], forecast: &[f32]) -> Self {
        let begin = values.len().saturating_sub(forecast.len());
        let shown = values.len().saturating_sub((2 * forecast.len()).clamp(FEWEST_STEPS, MOST_STEPS));
        let points = |values: &[f32], from: usize| -> Vec<(f64, f64)> {
            let points = values.iter().enumerate().map(|(i, &value)| (from + i, f64::from(value)));
            points.filter(|(step, _)| *step >= shown).map(|(step, value)| (step as f64, value)).collect()
        };
        Chart { counts: true, ..Chart::new("Forecast of the held-out tail", "step", "value") }
            .line("what happened", points(values, 0))
            .line("forecast", points(forecast, begin))
    }

    /// Points and the line `y = slope * x + intercept` through them.
    pub fn fit(x: &[f32], y: &[f32], slope: f64, intercept: f64) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        x.iter().for_each(|&x| (low, high) = (low.min(x.into()), high.max(x.into())));
        let name = format!(
            "{} x {} {}",
            number(slope),
            if intercept < 0.0 { '-' } else { '+' },
            number(intercept.abs())
        );
        Chart::new("Fitted line", "x", "y")
            .dots("data", x.iter().zip(y).map(|(&x, &y)| (x.into(), y.into())))
            .line(&name, [low, high].map(|x| (x, slope * x + intercept)))
    }

    /// Adds a line with one point per epoch, from 1; nothing when there are no values.
    pub fn over_epochs(mut self, label: &str, values: &[f64]) -> Self {
        self.counts = true;
        self.line(label, values.iter().enumerate().map(|(epoch, &value)| ((epoch + 1) as f64, value)))
    }

    /// Adds a line through points. Where a number is not finite the line is broken.
    pub fn line(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(label, Mark::Line, points)
    }

    /// Adds a dashed line through points.
    pub fn dashes(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(label, Mark::Dashes, points)
    }

    /// Adds points.
    pub fn dots(self, label: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.with(label, Mark::Dots, points)
    }

    fn with(mut self, label: &str, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().collect();
        if !points.is_empty() {
            self.series.push(Series { label: label.to_owned(), mark, points });
        }
        self
    }

    fn finite_points(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        self.series.iter().flat_map(|series| &series.points).copied().filter(|&point| is_finite(point))
    }

    /// Whether all is positive and the largest number far above the smallest.
    fn is_logarithmic(&self) -> bool {
        let (low, high) = span(self.finite_points().map(|(_, y)| y));
        self.may_be_logarithmic && low > 0.0 && high / low > FAR_APART
    }
}

/// Writes one picture with the panels side by side. The file is there whole or not at all.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: impl AsRef<Path>, charts: &[Chart]) -> Result<()> {
    let path = path.as_ref();
    let png = render(charts).context(|| format!("drawing {}", path.display()))?;
    write_whole(path, &png)
}

/// How many steps of a series are shown: enough to see its past, few enough to tell them apart.
const FEWEST_STEPS: usize = 60;
const MOST_STEPS: usize = 300;
/// A loss whose largest value is this many times its smallest is shown on a logarithmic axis.
const FAR_APART: f64 = 30.0;

fn is_finite((x, y): (f64, f64)) -> bool {
    x.is_finite() && y.is_finite()
}

/// The smallest and largest number, or 0 and 1 when there is none.
fn span(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers
        .fold(None, |span: Option<(f64, f64)>, x| {
            span.map_or(Some((x, x)), |(low, high)| Some((low.min(x), high.max(x))))
        })
        .unwrap_or((0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use plotters::style::RGBColor;

    use super::draw::{COLOURS, INK, PANEL};
    use super::*;

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
        pixels
            .chunks(3)
            .filter(|p| near(p[0], colour.0) && near(p[1], colour.1) && near(p[2], colour.2))
            .count()
    }

    #[test]
    fn a_picture_shows_each_series_and_text() {
        let charts = [
            Chart::losses(&[2.0, 1.0, 0.5, 0.25], &[2.1, 1.2, 0.8, 0.7]),
            Chart::fit(&[-1.0, 0.0, 1.0], &[-1.0, 2.1, 5.0], 3.0, 2.0),
        ];
        let (pixels, width, height) = decode(&render(&charts).unwrap());
        assert_eq!((width, height), (2 * PANEL.0, PANEL.1));
        assert!(count(&pixels, COLOURS[0]) > 400 && count(&pixels, COLOURS[1]) > 800);
        assert!(count(&pixels, INK) > 1000, "axes and text");
        let (blank, ..) = decode(&render(&[Chart::new("", "", "")]).unwrap());
        assert_eq!(count(&blank, COLOURS[0]) + count(&blank, COLOURS[1]), 0);
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
            render(&[chart]).unwrap();
            render(&[Chart::losses(&values, &[])]).unwrap();
        }
        render(&[Chart::fit(&[], &[], 1.0, 1.0), Chart::forecast(&[1.0], &[1.0, 2.0])]).unwrap();
        render(&[]).unwrap();
    }

    #[test]
    fn a_picture_is_written_whole_into_a_new_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/deep/loss.png");
        save(&path, &[Chart::losses(&[1.0, 0.5], &[])]).unwrap();
        decode(&std::fs::read(&path).unwrap());
        let error = save(path.join("below.png"), &[]).unwrap_err();
        assert!(error.is_input() && error.to_string().contains("loss.png"), "{error}");
    }
}
