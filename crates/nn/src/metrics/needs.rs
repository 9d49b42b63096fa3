//! What each metric needs of a batch, and which losses it goes with.

use anygrad_core::{Error, Result};

use super::Metric;
use super::tally::{Answers, Count, Sum};
use crate::Loss;

impl Metric {
    pub(super) fn needs(&self) -> (&'static [Sum], Vec<Count>) {
        match *self {
            Metric::Accuracy => (&[], vec![Count::Answers, Count::Right]),
            Metric::BinaryAccuracy { threshold } => (&[], vec![Count::RightOf(threshold)]),
            Metric::TopKAccuracy { k } => (&[], vec![Count::Answers, Count::RightAmong(k)]),
            Metric::Precision(_) | Metric::Recall(_) | Metric::F1(_) | Metric::PerClass => {
                (&[], vec![Count::Classes])
            }
            Metric::ConfusionMatrix => (&[], vec![Count::Confusion]),
            Metric::RocAuc(_) | Metric::PrAuc(_) => (&[], vec![]),
            Metric::LogLoss | Metric::Perplexity => (&[Sum::LogLosses], vec![Count::Answers]),
            Metric::MeanAbsoluteError => (&[Sum::AbsoluteErrors], vec![]),
            Metric::MeanSquaredError | Metric::RootMeanSquaredError => (&[Sum::SquaredErrors], vec![]),
            Metric::R2 => (&[Sum::SquaredErrorsByColumn], vec![]),
            Metric::MeanAbsolutePercentageError => (&[Sum::RelativeErrors], vec![]),
        }
    }

    /// Whether it has a meaning for what the loss predicts.
    pub(super) fn check(&self, answers: Answers, loss: &Loss) -> Result<()> {
        let name = self.name();
        let of_classes = loss.takes_classes() || loss.takes_distributions();
        let wants = |what: &str| Err(Error::input(format!("metric {name}: {what}")));
        match self {
            Metric::Precision(average) => average.check(answers.classes(), "precision"),
            Metric::Recall(average) => average.check(answers.classes(), "recall"),
            Metric::F1(average) => average.check(answers.classes(), "f1"),
            Metric::RocAuc(average) => average.check(answers.classes(), "roc_auc"),
            Metric::PrAuc(average) => average.check(answers.classes(), "pr_auc"),
            Metric::TopKAccuracy { .. } if !matches!(answers, Answers::Classes(_)) => {
                wants("predictions have no classes on the last axis")
            }
            Metric::ConfusionMatrix if matches!(answers, Answers::Labels(_)) => {
                wants("the predictions of a row are labels of their own, take per_class")
            }
            Metric::LogLoss | Metric::Perplexity if loss.log_loss().is_none() => {
                wants("the loss has no probabilities")
            }
            Metric::MeanAbsoluteError
            | Metric::MeanSquaredError
            | Metric::RootMeanSquaredError
            | Metric::R2
            | Metric::MeanAbsolutePercentageError
            | Metric::BinaryAccuracy { .. }
                if loss.takes_classes() && answers != Answers::YesNo =>
            {
                wants("targets are class numbers, predictions have a number for each class")
            }
            _ if of_classes || answers.classes() > 0 => Ok(()),
            _ => wants("predictions have no elements"),
        }
    }
}
