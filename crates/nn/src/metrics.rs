use anygrad_core::{Array, DType, Shape};
use anygrad_graph::Tensor;

use crate::Loss;
/// A figure beside the loss, computed where the model runs and read once per epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Metric {
    /// The share of right answers. Predictions with several classes on the last axis: the largest
    /// is the answer, the first of equals. Predictions of one number: the answer is yes above 0 for
    /// logits, above 1/2 for probabilities; the loss says which they are.
    Accuracy,
    /// The share of predictions on the targets' side of a border of one's own.
    BinaryAccuracy {
        /// Predictions above it mean yes; targets mean yes above 1/2.
        threshold: f64,
    },
    /// The mean of |p - t|.
    MeanAbsoluteError,
    /// The square root of the mean of (p - t)^2.
    RootMeanSquaredError,
}

impl Metric {
    /// What it is called in a history.
    pub fn name(&self) -> &'static str {
        match self {
            Metric::Accuracy => "accuracy",
            Metric::BinaryAccuracy { .. } => "binary_accuracy",
            Metric::MeanAbsoluteError => "mae",
            Metric::RootMeanSquaredError => "rmse",
        }
    }

    /// The mean over a batch of what is averaged, a scalar. Shapes are those the loss accepts.
    #[track_caller]
    pub fn mean<'g>(&self, loss: &Loss, predictions: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        let p = predictions;
        if p.is_poison() || targets.is_poison() {
            return p;
        }
        let last = p.shape().last().copied().unwrap_or(1);
        let same = || targets.cast(DType::F32).reshape(&p.shape());
        match *self {
            Metric::Accuracy if last > 1 && loss.takes_classes() => {
                answers(p).eq(targets).cast(DType::F32).mean_all()
            }
            Metric::Accuracy if last > 1 && loss.takes_distributions() => {
                answers(p).eq(answers(same())).cast(DType::F32).mean_all()
            }
            Metric::Accuracy => {
                let threshold = if loss.takes_logits() { 0.0 } else { 0.5 };
                Metric::BinaryAccuracy { threshold }.mean(loss, p, targets)
            }
            Metric::BinaryAccuracy { threshold } => {
                let yes = |x: Tensor<'g>, border: f64| x.gt(border).cast(DType::F32);
                yes(p, threshold).eq(yes(same(), 0.5)).cast(DType::F32).mean_all()
            }
            Metric::MeanAbsoluteError => (p - same()).abs().mean_all(),
            Metric::RootMeanSquaredError => (p - same()).square().mean_all(),
        }
    }

    /// The figure of the mean over all rows.
    pub fn of_mean(&self, mean: f64) -> f64 {
        match self {
            Metric::RootMeanSquaredError => mean.sqrt(),
            _ => mean,
        }
    }
}

/// The place of the largest element along the last axis, the first of equals, as `i32`; the number of
/// places where there is a NaN.
fn answers<'g>(p: Tensor<'g>) -> Tensor<'g> {
    let shape = p.shape();
    let places = shape[shape.rank() - 1];
    let numbers: Vec<f64> = (0..places).map(|place| place as f64).collect();
    let line = Shape::new(&[places]).unwrap_or(Shape::SCALAR);
    let place = p.graph().constant(Array::from_f64(line, DType::F32, &numbers));
    let largest = p.eq(p.max(&[-1], true));
    largest.select(place, places as f64).min(&[-1], false).cast(DType::I32)
}

/// Adds `rows` times each mean of a batch to a state that holds one sum per figure: one kernel per
/// step, and one read for all of them.
pub(crate) fn accumulate<'g>(sums: Tensor<'g>, means: &[Tensor<'g>], rows: usize) {
    let graph = sums.graph();
    let mut next = sums;
    for (place, &mean) in means.iter().enumerate() {
        let mut weights = vec![0.0; means.len()];
        weights[place] = rows as f64;
        let shape = Shape::new(&[means.len()]).unwrap_or(Shape::SCALAR);
        // A select, because 0 times an infinite loss would spoil the other figures.
        let here = graph.constant(Array::from_f64(shape, DType::F32, &weights));
        next = here.gt(0.0).select(next + here * mean, next);
    }
    graph.update(sums, next);
}
