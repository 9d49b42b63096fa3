//! The pictures of a run.

use anygrad_core::Result;
use anygrad_nn::Scores;
use anygrad_plot::{Chart, Matrix, Picture};

use super::figures::{names, readable, words};
use super::{Compared, Report};

/// A picture.
#[derive(Clone, Debug)]
pub struct Plot {
    /// The name of its file, without the ending.
    pub name: String,
    /// What it shows, in words.
    pub caption: String,
    /// What it is about.
    pub(super) subject: Subject,
    /// The panel.
    picture: Picture,
}

/// Where a picture stands in the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Epochs,
    Predictions,
}

/// With more classes the cells of a matrix can no longer be read: the page lists what is confused most.
pub(super) const MOST_CLASSES: usize = 30;
/// The most ROC curves whose colours can be told apart: those with the smallest areas.
const MOST_CURVES: usize = 12;
/// The most rows of which predictions are drawn, at equal distances: more hide each other.
const MOST_ROWS: usize = 5000;

impl Plot {
    fn new(subject: Subject, name: &str, caption: String, panel: impl Into<anygrad_plot::Panel>) -> Self {
        Plot { name: name.to_owned(), caption, subject, picture: Picture::of(panel) }
    }

    /// The bytes of the PNG.
    ///
    /// # Errors
    /// As [`Picture::png`].
    pub fn png(&self) -> Result<Vec<u8>> {
        self.picture.png()
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        self.picture.size()
    }

    pub(super) fn data_uri(&self) -> Result<String> {
        self.picture.data_uri()
    }
}

impl Report {
    /// The pictures: a curve for the loss and each metric, then what the predictions are like.
    ///
    /// # Errors
    /// A confusion matrix that is not square.
    pub fn plots(&self) -> Result<Vec<Plot>> {
        let mut plots = self.plots_of_epochs();
        plots.extend(self.confusion()?);
        plots.extend(self.roc());
        plots.extend(self.compared());
        Ok(plots)
    }

    fn plots_of_epochs(&self) -> Vec<Plot> {
        let (mut metrics, validation) = names(&self.history);
        for name in validation.iter().filter_map(|name| name.strip_prefix("val_")) {
            if !metrics.iter().any(|known| known == name) {
                metrics.push(name.to_owned());
            }
        }
        let mut plots: Vec<Plot> = Vec::new();
        for metric in metrics {
            let values = |name: &str| -> Vec<(u64, f64)> {
                let epochs = self.history.epochs.iter();
                epochs.filter_map(|epoch| Some((epoch.number, epoch.figure(name)?))).collect()
            };
            let chart = match metric.as_str() {
                "loss" => Chart::losses(&[], &[]),
                _ => Chart::metric(&words(&metric), &[], &[]),
            };
            let mut chart = chart
                .small()
                .over_numbered_epochs("training", values(&metric))
                .over_numbered_epochs("validation", values(&format!("val_{metric}")));
            if let Some(best) = self.best_epoch() {
                chart = chart.best_epoch(usize::try_from(best).unwrap_or(usize::MAX));
            }
            let name = free_name(&plots, &metric);
            let caption = format!("{} of each epoch", readable(&metric));
            plots.push(Plot::new(Subject::Epochs, &name, caption, chart));
        }
        plots
    }

    fn confusion(&self) -> Result<Option<Plot>> {
        let Some(told) =
            self.told(|scores| counts(scores).is_some_and(|counts| counts.len() <= MOST_CLASSES))
        else {
            return Ok(None);
        };
        let Some(counts) = counts(told.scores) else { return Ok(None) };
        let matrix = Matrix::confusion("Confusion matrix", &self.class_names(counts.len()), counts)?;
        let caption = format!("Which class was taken for which ({})", told.of);
        Ok(Some(Plot::new(Subject::Predictions, "confusion", caption, matrix)))
    }

    fn roc(&self) -> Option<Plot> {
        let tested = self.tested.as_ref().filter(|tested| !tested.roc.is_empty())?;
        let mut curves: Vec<_> = tested.roc.iter().map(|curve| curve.roc()).collect();
        let mut caption =
            "How many rows of a class are found, over how many others are taken for it".to_owned();
        if curves.len() > MOST_CURVES {
            caption += &format!(": the {MOST_CURVES} classes of {} with the smallest areas", curves.len());
            curves.sort_by(|a, b| a.area().total_cmp(&b.area()));
            curves.truncate(MOST_CURVES);
        }
        Some(Plot::new(Subject::Predictions, "roc", caption, Chart::roc(&curves)))
    }

    fn compared(&self) -> Option<Plot> {
        match self.tested.as_ref()?.compared.as_ref()? {
            Compared::Rows { actual, predicted } => {
                let rows = actual.len().min(predicted.len());
                let each = rows.div_ceil(MOST_ROWS).max(1);
                let some =
                    |all: &[f32]| -> Vec<f32> { all.iter().take(rows).step_by(each).copied().collect() };
                let mut caption =
                    "What was predicted for each row of the test part, over what the data say".to_owned();
                if each > 1 {
                    caption += &format!(": every {each}th of {rows} rows");
                }
                let chart = Chart::agreement(&some(actual), &some(predicted));
                Some(Plot::new(Subject::Predictions, "agreement", caption, chart))
            }
            Compared::Forecast { values, forecast } => {
                let caption =
                    format!("The last {} values of the series as forecast, and as they came", forecast.len());
                let chart = Chart::forecast(values, forecast);
                Some(Plot::new(Subject::Predictions, "forecast", caption, chart))
            }
        }
    }
}

/// The counts of a confusion matrix that has some.
pub(super) fn counts(scores: &Scores) -> Option<&[Vec<u64>]> {
    scores.confusion.as_ref().map(|confusion| &confusion.counts[..]).filter(|counts| !counts.is_empty())
}

/// A name for a file, of letters that every file system takes, that no other picture has.
fn free_name(plots: &[Plot], metric: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' };
    let stem: String = metric.chars().map(plain).take(60).collect();
    // Names of the other pictures are no names of metrics.
    let stem = format!("curve-{}", stem.trim_matches('-'));
    let is_free = |name: &String| plots.iter().all(|plot| plot.name != *name);
    let numbered = (2..).map(|i: u64| format!("{stem}-{i}"));
    std::iter::once(stem.clone()).chain(numbered).find(is_free).unwrap_or(stem)
}
