//! Figures beside the loss. What they need of a batch is summed on the device ([`tally`]), and read once
//! for all batches; the host makes figures of it ([`figures`]) in double precision.
//!
//! Counts are integers, so they are exact up to 2^32 answers. Sums of `f32` over batches stand in parts, which the
//! host adds. Areas under curves need all scores in their order: these come from the device while
//! later steps run, and are exact, ties included.

mod average;
mod classes;
mod curves;
mod figures;
mod name;
mod needs;
mod tally;

pub use average::Average;
pub use classes::{ClassScores, Confusion};
pub(crate) use figures::{Collected, Known, Summed, figures};
pub(crate) use tally::{Batch, PARTS, Tally};

/// A figure beside the loss. It is defined as scikit-learn's of that name, also where it has nothing to
/// divide by; where that is an error there, as the area under the ROC of one class, it is NaN.
///
/// Predictions with several classes on the last axis, for losses of classes: the answer is the largest,
/// the first of equals; a row with a NaN has none, and is wrong. Predictions of one number: the answer is
/// yes above 0 for logits, above 1/2 for probabilities; the loss says which they are. Predictions of
/// several numbers for a binary loss are labels, each a yes or no of its own. Targets that the loss
/// ignores are left out of all figures of classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// The share of right answers; of labels, the share of right labels.
    Accuracy,
    /// The share of predictions on the targets' side of a border of one's own.
    BinaryAccuracy {
        /// Predictions above it mean yes; targets mean yes above 1/2.
        threshold: f64,
    },
    /// The share of rows whose class has fewer than `k` classes above it.
    TopKAccuracy {
        /// How many answers count.
        k: usize,
    },
    /// Of the answers of a class, the share that is right; 0 without such answers.
    Precision(Average),
    /// Of the rows of a class, the share that was found; 0 without such rows.
    Recall(Average),
    /// The harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn); 0 without any of these.
    F1(Average),
    /// Precision, recall and F1 of each class: [`Scores::classes`](crate::Scores::classes).
    PerClass,
    /// How often each class was taken for which: [`Scores::confusion`](crate::Scores::confusion).
    ConfusionMatrix,
    /// The area under the curve of true over false positives: how often a row of a class scores above one
    /// that is not, a tie being half. Of several classes, each against the rest. NaN where a class has all
    /// rows or none.
    RocAuc(Average),
    /// The average precision: precision at each threshold times the recall it adds. 0 where a class has
    /// no rows.
    PrAuc(Average),
    /// The mean of -log(probability of the truth), without weights, smoothing and penalties.
    LogLoss,
    /// exp of the log loss.
    Perplexity,
    /// The mean of |p - t|.
    MeanAbsoluteError,
    /// The mean of (p - t)^2.
    MeanSquaredError,
    /// The square root of the mean of (p - t)^2.
    RootMeanSquaredError,
    /// 1 - sum (p - t)^2 / sum (t - mean t)^2, the mean over the columns of the predictions. Where
    /// targets do not vary it is 1 for exact predictions, otherwise 0; NaN for less than two rows.
    R2,
    /// The mean of |p - t| / max(|t|, 2.2e-16), a share and not a percentage.
    MeanAbsolutePercentageError,
}

impl Metric {
    /// Whether a larger figure is better.
    pub fn higher_is_better(&self) -> bool {
        !matches!(
            self,
            Metric::LogLoss
                | Metric::Perplexity
                | Metric::MeanAbsoluteError
                | Metric::MeanSquaredError
                | Metric::RootMeanSquaredError
                | Metric::MeanAbsolutePercentageError
        )
    }

    /// Whether it is one number.
    pub(crate) fn is_figure(&self) -> bool {
        !matches!(self, Metric::PerClass | Metric::ConfusionMatrix)
    }

    /// Whether it needs the scores of all rows.
    pub(crate) fn is_area(&self) -> bool {
        matches!(self, Metric::RocAuc(_) | Metric::PrAuc(_))
    }
}
