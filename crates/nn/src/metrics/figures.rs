//! Figures from sums, counts and scores.

use anygrad_core::{Array, DType};

use super::classes::{Confusion, Counts, averaged, counts_of, per_class};
use super::curves::{Column, pr_auc, roc_auc};
use super::tally::{Answers, Count, Sum, Tally};
use super::{Average, Metric};
use crate::{Loss, Scores};

/// What figures need of all rows at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    /// The sum of squared distances from the mean, for each column of the targets.
    spread: Vec<f64>,
}

impl Known {
    /// What the metrics need of these targets.
    pub(crate) fn of(metrics: &[Metric], targets: &Array) -> Self {
        let rows = targets.shape().first().copied().unwrap_or(0);
        if !metrics.contains(&Metric::R2) || rows < 2 {
            return Known::default();
        }
        let numbers = targets.to_f64();
        let columns = numbers.len() / rows;
        let column = |at: usize| numbers.iter().skip(at).step_by(columns).copied();
        let spread = (0..columns).map(|at| {
            let mean = column(at).sum::<f64>() / rows as f64;
            column(at).map(|t| (t - mean).powi(2)).sum()
        });
        Known { spread: spread.collect() }
    }
}

/// The scores of all rows so far, and what was true.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Collected {
    pub(crate) scores: Vec<f32>,
    /// Class numbers, one for each answer, or for each label whether it is true; -1 where nothing counts.
    pub(crate) truths: Vec<i32>,
}

impl Collected {
    /// Adds the targets of a batch.
    pub(crate) fn add_truths(&mut self, tally: &Tally, loss: &Loss, targets: &Array) {
        let numbers = targets.to_f64();
        match tally.answers {
            Answers::Classes(_) if loss.takes_classes() => {
                let ignored = loss.ignore_index().map(f64::from);
                let truth = |&t: &f64| if Some(t) == ignored { -1 } else { t as i32 };
                self.truths.extend(numbers.iter().map(truth));
            }
            Answers::Classes(classes) => {
                let truth = |shares: &[f64]| {
                    let largest = |best: usize, at: usize| if shares[at] > shares[best] { at } else { best };
                    (1..shares.len()).fold(0, largest) as i32
                };
                self.truths.extend(numbers.chunks(classes).map(truth));
            }
            _ => self.truths.extend(numbers.iter().map(|&t| i32::from(t > 0.5))),
        }
    }

    fn columns(&self, answers: Answers) -> Vec<Column> {
        match answers {
            Answers::YesNo => {
                vec![Column::new(self.scores.iter().zip(&self.truths).map(|(&score, &t)| (score, t == 1)))]
            }
            Answers::Labels(labels) => (0..labels)
                .map(|label| {
                    let rows = self.scores.iter().zip(&self.truths).skip(label).step_by(labels);
                    Column::new(rows.map(|(&score, &t)| (score, t == 1)))
                })
                .collect(),
            Answers::Classes(classes) => (0..classes)
                .map(|class| {
                    let rows = self.scores.iter().skip(class).step_by(classes).zip(&self.truths);
                    let counted = rows.filter(|(_, t)| **t >= 0);
                    Column::new(counted.map(|(&score, &t)| (score, t as usize == class)))
                })
                .collect(),
        }
    }
}

/// What was summed over so many rows.
pub(crate) struct Summed<'a> {
    pub(crate) rows: usize,
    /// `[parts, m]`.
    pub(crate) sums: &'a Array,
    pub(crate) counts: Option<&'a Array>,
}

/// Loss and metrics. What needs all rows is left out where these are not known.
pub(crate) fn figures(
    metrics: &[Metric],
    tally: &Tally,
    summed: &Summed<'_>,
    all: Option<(&Known, &Collected)>,
) -> Scores {
    let parts = summed.sums.to_f64();
    let mut sums = vec![0.0; tally.sums()];
    for part in parts.chunks(sums.len()) {
        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
    }
    let counts = summed.counts.map(|counts| {
        debug_assert_eq!(counts.dtype(), DType::U32);
        counts.to_f64().into_iter().map(|count| count as u64).collect::<Vec<u64>>()
    });
    let counts = counts.unwrap_or_default();
    let made = Made { tally, rows: summed.rows, sums: &sums, counts: &counts };
    let columns = match all {
        Some((_, collected)) if tally.collects => collected.columns(tally.answers),
        _ => Vec::new(),
    };
    let mut scores = Scores { loss: made.sum(Sum::Loss) / summed.rows.max(1) as f64, ..Scores::default() };
    for metric in metrics {
        let figure = match *metric {
            Metric::PerClass => {
                scores.classes = per_class(&made.classes());
                continue;
            }
            Metric::ConfusionMatrix => {
                let numbers = tally.count(&counts, Count::Confusion);
                let rows = numbers.chunks(tally.answers.classes().max(1));
                scores.confusion = Some(Confusion { counts: rows.map(<[u64]>::to_vec).collect() });
                continue;
            }
            Metric::RocAuc(_) | Metric::PrAuc(_) | Metric::R2 if all.is_none() => continue,
            Metric::RocAuc(average) => roc_auc(&columns, average),
            Metric::PrAuc(average) => pr_auc(&columns, average),
            Metric::R2 => all.map_or(f64::NAN, |(known, _)| made.r2(&known.spread)),
            _ => made.figure(metric),
        };
        scores.metrics.push((metric.name(), figure));
    }
    scores
}

struct Made<'a> {
    tally: &'a Tally,
    rows: usize,
    sums: &'a [f64],
    counts: &'a [u64],
}

impl Made<'_> {
    fn sum(&self, which: Sum) -> f64 {
        self.tally.sum(self.sums, which).first().copied().unwrap_or(f64::NAN)
    }

    fn count(&self, which: Count) -> f64 {
        self.tally.count(self.counts, which).first().map_or(f64::NAN, |&count| count as f64)
    }

    fn classes(&self) -> Vec<Counts> {
        counts_of(self.tally.count(self.counts, Count::Classes))
    }

    fn averaged(&self, average: Average, of: fn(&Counts) -> f64) -> f64 {
        averaged(&self.classes(), average, matches!(self.tally.answers, Answers::Labels(_)), of)
    }

    fn figure(&self, metric: &Metric) -> f64 {
        let elements = (self.rows * self.tally.columns) as f64;
        let answers = || match (self.tally.count(self.counts, Count::Answers), self.tally.answers) {
            (&[counted], _) => counted as f64,
            (_, Answers::Classes(classes)) => elements / classes as f64,
            _ => elements,
        };
        match *metric {
            Metric::Accuracy => self.count(Count::Right) / answers(),
            Metric::BinaryAccuracy { threshold } => self.count(Count::RightOf(threshold)) / elements,
            Metric::TopKAccuracy { k } => self.count(Count::RightAmong(k)) / answers(),
            Metric::Precision(average) => self.averaged(average, Counts::precision),
            Metric::Recall(average) => self.averaged(average, Counts::recall),
            Metric::F1(average) => self.averaged(average, Counts::f1),
            Metric::LogLoss => self.sum(Sum::LogLosses) / answers(),
            Metric::Perplexity => (self.sum(Sum::LogLosses) / answers()).exp(),
            Metric::MeanAbsoluteError => self.sum(Sum::AbsoluteErrors) / elements,
            Metric::MeanSquaredError => self.sum(Sum::SquaredErrors) / elements,
            Metric::RootMeanSquaredError => (self.sum(Sum::SquaredErrors) / elements).sqrt(),
            Metric::MeanAbsolutePercentageError => self.sum(Sum::RelativeErrors) / elements,
            Metric::PerClass
            | Metric::ConfusionMatrix
            | Metric::RocAuc(_)
            | Metric::PrAuc(_)
            | Metric::R2 => f64::NAN,
        }
    }

    /// The mean over the columns of 1 - errors / spread.
    fn r2(&self, spread: &[f64]) -> f64 {
        let errors = self.tally.sum(self.sums, Sum::SquaredErrorsByColumn);
        if spread.len() != errors.len() || spread.is_empty() {
            return f64::NAN;
        }
        let column = |(&error, &spread): (&f64, &f64)| match (error, spread) {
            (0.0, 0.0) => 1.0,
            (_, 0.0) => 0.0,
            _ => 1.0 - error / spread,
        };
        errors.iter().zip(spread).map(column).sum::<f64>() / errors.len() as f64
    }
}
