//! Series of points over common axes.

use crate::colours::SERIES;
use crate::{Roc, number};

/// One panel of a picture: some series of points over common axes.
#[derive(Clone, Debug)]
pub struct Chart {
    pub(crate) title: String,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    /// Whether the x axis counts: only whole numbers are marked on it.
    pub(crate) counts: bool,
    /// Whether the y axis may be logarithmic, where the numbers are positive and far apart.
    pub(crate) may_be_logarithmic: bool,
    /// Whether equal numbers lie equally far along both axes.
    pub(crate) is_square: bool,
    /// Whether it is small, with texts of the usual size: for a page with two beside each other.
    pub(crate) is_small: bool,
    pub(crate) series: Vec<Series>,
    /// Dashed lines from bottom to top: where, and what they say.
    pub(crate) uprights: Vec<(f64, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) mark: Mark,
    pub(crate) points: Vec<(f64, f64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Line,
    Dashes,
    Dots,
    /// Dashes that stay behind the others, without a colour.
    Faint,
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
            is_square: false,
            is_small: false,
            series: Vec::new(),
            uprights: Vec::new(),
        }
    }

    /// The loss of each epoch on the training part and, where there is one, on the validation part.
    pub fn losses(training: &[f64], validation: &[f64]) -> Self {
        let chart = Chart { may_be_logarithmic: true, ..Chart::new("Loss", "epoch", "loss") };
        chart.over_epochs("training", training).over_epochs("validation", validation)
    }

    /// A figure of each epoch, as the accuracy, on the training part and on the validation part.
    pub fn metric(name: &str, training: &[f64], validation: &[f64]) -> Self {
        let chart = Chart::new(&capitalized(name), "epoch", name);
        chart.over_epochs("training", training).over_epochs("validation", validation)
    }

    /// Marks the epoch whose parameters were kept, counted from 1.
    pub fn best_epoch(self, epoch: usize) -> Self {
        self.upright(&format!("best: epoch {epoch}"), epoch as f64)
    }

    /// Predicted numbers over actual ones, and the line on which a perfect model would put them.
    pub fn agreement(actual: &[f32], predicted: &[f32]) -> Self {
        let pairs: Vec<(f64, f64)> =
            actual.iter().zip(predicted).map(|(&a, &p)| (a.into(), p.into())).collect();
        let (low, high) = span(pairs.iter().copied().filter(|&p| is_finite(p)).flat_map(|(a, p)| [a, p]));
        Chart { is_square: true, ..Chart::new("Predicted against actual", "actual", "predicted") }
            .dots("rows", pairs)
            .dashes("perfect", [(low, low), (high, high)])
    }

    /// ROC curves, one per class or model, and the diagonal of guessing. A curve is named with the area
    /// below it.
    pub fn roc(curves: &[Roc]) -> Self {
        let axes = ["false positive rate", "true positive rate"];
        let chart = Chart { is_square: true, ..Chart::new("ROC", axes[0], axes[1]) };
        let chart = curves.iter().enumerate().fold(chart, |chart, (i, curve)| {
            let name = format!("{} (area {:.3})", curve.name(), curve.area());
            // Where colours begin anew, dashes tell the curves apart.
            let mark = if (i / SERIES.len()).is_multiple_of(2) { Mark::Line } else { Mark::Dashes };
            chart.with(&name, mark, curve.points().iter().copied())
        });
        chart.with("guessing", Mark::Faint, [(0.0, 0.0), (1.0, 1.0)])
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
    fn over_epochs(mut self, label: &str, values: &[f64]) -> Self {
        self.counts = true;
        self.line(label, values.iter().enumerate().map(|(epoch, &value)| ((epoch + 1) as f64, value)))
    }

    /// Adds a line with a point for each epoch of a number; nothing when there are no values.
    pub fn over_numbered_epochs(mut self, label: &str, values: impl IntoIterator<Item = (u64, f64)>) -> Self {
        self.counts = true;
        self.line(label, values.into_iter().map(|(epoch, value)| (epoch as f64, value)))
    }

    /// Makes it small, with texts of the usual size: for a page with two beside each other.
    pub fn small(mut self) -> Self {
        self.is_small = true;
        self
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

    /// Adds a dashed line from bottom to top at `x`.
    pub fn upright(mut self, label: &str, x: f64) -> Self {
        self.uprights.push((x, label.to_owned()));
        self
    }

    fn with(mut self, label: &str, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points: Vec<(f64, f64)> = points.into_iter().collect();
        if !points.is_empty() {
            self.series.push(Series { label: label.to_owned(), mark, points });
        }
        self
    }

    pub(crate) fn finite_points(&self) -> impl Iterator<Item = (f64, f64)> + Clone {
        self.series.iter().flat_map(|series| &series.points).copied().filter(|&point| is_finite(point))
    }

    /// Whether all is positive and the largest number far above the smallest.
    pub(crate) fn is_logarithmic(&self) -> bool {
        let (low, high) = span(self.finite_points().map(|(_, y)| y));
        self.may_be_logarithmic && low > 0.0 && high / low > FAR_APART
    }
}

/// How many steps of a series are shown: enough to see its past, few enough to tell them apart.
const FEWEST_STEPS: usize = 60;
const MOST_STEPS: usize = 300;
/// A loss whose largest value is this many times its smallest is shown on a logarithmic axis.
const FAR_APART: f64 = 30.0;

pub(crate) fn is_finite((x, y): (f64, f64)) -> bool {
    x.is_finite() && y.is_finite()
}

/// The smallest and largest number, or 0 and 1 when there is none.
pub(crate) fn span(numbers: impl Iterator<Item = f64>) -> (f64, f64) {
    numbers
        .fold(None, |span: Option<(f64, f64)>, x| {
            span.map_or(Some((x, x)), |(low, high)| Some((low.min(x), high.max(x))))
        })
        .unwrap_or((0.0, 1.0))
}

fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
