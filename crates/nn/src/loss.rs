//! What training minimizes.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_graph::Tensor;

/// How the losses of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum by their number. Sample weights do not change the number: this is Keras's
    /// `sum_over_batch_size`.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// As they are, one per sample (and position).
    None,
}

/// A loss: a function of predictions and targets.
///
/// As in Keras, a loss first averages over the last axis of the predictions, or sums over it where
/// that holds the classes: predictions `[n, ..., k]` give losses `[n, ...]`.
///
/// Probabilities are held between 1e-7 and 1 - 1e-7 before their logarithm, as Keras does outside
/// of its compiled graphs; prefer the form from logits, which needs no such limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// (p - t)^2
    MeanSquaredError,
    /// |p - t|
    MeanAbsoluteError,
    /// (p - t)^2 / 2 up to |p - t| = delta, then delta |p - t| - delta^2 / 2.
    Huber {
        /// Where the parabola becomes a line; usually 1.
        delta: f64,
    },
    /// log(cosh(p - t))
    LogCosh,
    /// max(1 - t p, 0), targets -1 and 1.
    Hinge,
    /// The sum of t log(t / p) over the last axis, both held above 1e-7.
    KullbackLeibler,
    /// Minus the cosine of the angle between predictions and targets along the last axis.
    CosineSimilarity,
    /// -(t log(q) + (1 - t) log(1 - q)), targets from 0 to 1.
    BinaryCrossEntropy {
        /// Whether q is the sigmoid of the predictions, or the predictions themselves.
        from_logits: bool,
        /// Moves the targets towards 1/2: t (1 - a) + a / 2.
        label_smoothing: f64,
    },
    /// Minus the sum of t log(q) over the last axis, targets being distributions `[n, ..., classes]`.
    CrossEntropy {
        /// Whether q is the softmax of the predictions, or the predictions over their sum.
        from_logits: bool,
        /// Moves the targets towards equal shares: t (1 - a) + a / classes.
        label_smoothing: f64,
    },
    /// `-log(q[class])`, targets being class numbers `[n, ...]` as `i32`.
    SparseCrossEntropy {
        /// Whether q is the softmax of the predictions, or the predictions over their sum.
        from_logits: bool,
        /// A target that counts neither in the sum nor in the number of the mean: padding. -1 is
        /// usual.
        ignore_index: Option<i32>,
    },
}

/// Keras's `epsilon()`: what probabilities stay away from 0 and 1.
const EPSILON: f64 = 1e-7;

impl Loss {
    /// Mean squared error.
    pub fn mse() -> Self {
        Loss::MeanSquaredError
    }

    /// Mean absolute error.
    pub fn mae() -> Self {
        Loss::MeanAbsoluteError
    }

    /// Huber's loss with delta 1.
    pub fn huber() -> Self {
        Loss::Huber { delta: 1.0 }
    }

    /// Binary cross-entropy of logits.
    pub fn binary_cross_entropy() -> Self {
        Loss::BinaryCrossEntropy { from_logits: true, label_smoothing: 0.0 }
    }

    /// Binary cross-entropy of probabilities.
    pub fn binary_cross_entropy_of_probabilities() -> Self {
        Loss::BinaryCrossEntropy { from_logits: false, label_smoothing: 0.0 }
    }

    /// Cross-entropy of logits with distributions.
    pub fn cross_entropy() -> Self {
        Loss::CrossEntropy { from_logits: true, label_smoothing: 0.0 }
    }

    /// Cross-entropy of logits with class numbers.
    pub fn sparse_cross_entropy() -> Self {
        Loss::SparseCrossEntropy { from_logits: true, ignore_index: None }
    }

    /// The losses, one per sample (and position): predictions `[n, ..., k]` give `[n, ...]`.
    ///
    /// Targets have the shape of the predictions, or leave out a last axis of 1; class numbers leave
    /// out the axis of the classes.
    #[track_caller]
    pub fn losses<'g>(&self, predictions: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        if predictions.is_poison() || targets.is_poison() {
            return if predictions.is_poison() { predictions } else { targets };
        }
        if let Err(error) = self.check_shapes(&predictions.shape(), &targets.shape(), targets.dtype()) {
            return predictions.fail(error);
        }
        let p = if predictions.shape().rank() == 1 { predictions.unsqueeze(1) } else { predictions };
        if let Loss::SparseCrossEntropy { from_logits, .. } = *self {
            let logs = log_probabilities(p, from_logits);
            let classes = p.shape()[p.shape().rank() - 1];
            let numbers: Vec<i32> = (0..classes as i32).collect();
            let all = match Array::i32(&[classes], numbers) {
                Ok(all) => p.graph().constant(all),
                Err(error) => return p.fail(error),
            };
            let chosen = targets.unsqueeze(targets.shape().rank()).eq(all);
            return -chosen.select(logs, 0.0).sum(&[-1], false);
        }
        let t = targets.cast(DType::F32).reshape(&p.shape());
        match *self {
            Loss::MeanSquaredError => (p - t).square().mean(&[-1], false),
            Loss::MeanAbsoluteError => (p - t).abs().mean(&[-1], false),
            Loss::Huber { delta } => {
                // With a = min(|e|, delta) both branches are a (|e| - a / 2).
                let error = (p - t).abs();
                let a = error.minimum(delta);
                (a * (error - a * 0.5)).mean(&[-1], false)
            }
            Loss::LogCosh => {
                // log(cosh(e)) = |e| + log(1 + exp(-2 |e|)) - log(2), which cannot overflow.
                let error = (p - t).abs();
                (error + (error * -2.0).exp().log1p() - std::f64::consts::LN_2).mean(&[-1], false)
            }
            Loss::Hinge => (-(t * p) + 1.0).relu().mean(&[-1], false),
            Loss::KullbackLeibler => {
                let (t, p) = (t.clip(EPSILON, 1.0), p.clip(EPSILON, 1.0));
                (t * (t / p).log()).sum(&[-1], false)
            }
            Loss::CosineSimilarity => {
                let unit = |x: Tensor<'g>| x * x.square().sum(&[-1], true).maximum(1e-12).rsqrt();
                -(unit(p) * unit(t)).sum(&[-1], false)
            }
            Loss::BinaryCrossEntropy { from_logits, label_smoothing } => {
                let t = smoothed(t, label_smoothing, 2.0);
                let (yes, no) = if from_logits {
                    // -log(sigmoid(z)) is softplus(-z): it keeps its digits for any z.
                    ((-p).softplus(), p.softplus())
                } else {
                    let p = p.clip(EPSILON, 1.0 - EPSILON);
                    (-p.log(), -(1.0_f64 - p).log())
                };
                (t * yes + (1.0 - t) * no).mean(&[-1], false)
            }
            Loss::CrossEntropy { from_logits, label_smoothing } => {
                let classes = p.shape()[p.shape().rank() - 1];
                let t = smoothed(t, label_smoothing, classes as f64);
                -(t * log_probabilities(p, from_logits)).sum(&[-1], false)
            }
            Loss::SparseCrossEntropy { .. } => p,
        }
    }

    /// The loss of a batch: the losses, times the sample weights `[n, ...]` if there are any, reduced.
    #[track_caller]
    pub fn reduced<'g>(
        &self,
        predictions: Tensor<'g>,
        targets: Tensor<'g>,
        weights: Option<Tensor<'g>>,
        reduction: Reduction,
    ) -> Tensor<'g> {
        let mut losses = self.losses(predictions, targets);
        if losses.is_poison() {
            return losses;
        }
        if let Some(weights) = weights {
            let (given, wanted) = (weights.shape(), losses.shape());
            if given.rank() > wanted.rank() || given[..] != wanted[..given.rank()] {
                return losses
                    .fail(Error::shape(format!("sample weights {given} do not fit losses {wanted}")));
            }
            let mut sizes = given.to_vec();
            sizes.resize(wanted.rank(), 1);
            losses = losses * weights.reshape(&sizes);
        }
        match (reduction, *self) {
            (Reduction::None, _) => losses,
            (Reduction::Sum, _) => losses.sum_all(),
            (Reduction::Mean, Loss::SparseCrossEntropy { ignore_index: Some(index), .. }) => {
                let index =
                    targets.graph().constant(Array::from_f64(Shape::SCALAR, DType::I32, &[f64::from(index)]));
                losses.sum_all() / targets.ne(index).cast(DType::F32).sum_all().maximum(1.0)
            }
            (Reduction::Mean, _) => losses.mean_all(),
        }
    }

    /// The mean loss of a batch, a scalar.
    #[track_caller]
    pub fn mean<'g>(&self, predictions: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        self.reduced(predictions, targets, None, Reduction::Mean)
    }

    /// Whether the targets are class numbers.
    pub fn takes_classes(&self) -> bool {
        matches!(self, Loss::SparseCrossEntropy { .. })
    }

    /// Whether predictions are logits, so that 0 is the border between no and yes.
    pub(crate) fn takes_logits(&self) -> bool {
        match *self {
            Loss::BinaryCrossEntropy { from_logits, .. }
            | Loss::CrossEntropy { from_logits, .. }
            | Loss::SparseCrossEntropy { from_logits, .. } => from_logits,
            _ => false,
        }
    }

    fn check_shapes(&self, predictions: &Shape, targets: &Shape, dtype: DType) -> Result<()> {
        let rank = predictions.rank();
        let without_last = &predictions[..rank.saturating_sub(1)];
        let (fits, wanted) = if self.takes_classes() {
            if dtype != DType::I32 {
                return Err(Error::shape(format!(
                    "loss: class numbers are i32, targets of {dtype} were given"
                )));
            }
            (rank > 1 && targets[..] == *without_last, "the predictions' without the last axis")
        } else {
            let same = targets == predictions;
            let squeezed = rank > 0 && predictions[rank - 1] == 1 && targets[..] == *without_last;
            let stretched =
                targets.rank() == rank + 1 && targets[rank] == 1 && targets[..rank] == predictions[..];
            (rank > 0 && (same || squeezed || stretched), "the predictions'")
        };
        if fits {
            Ok(())
        } else {
            let message = format!(
                "loss: predictions {predictions} and targets {targets}: the targets' shape must be {wanted}"
            );
            Err(Error::shape(message))
        }
    }

    /// Whether every target is one that the loss is made for.
    ///
    /// # Errors
    /// A class number that is none of the classes, a probability outside of 0 to 1, a NaN.
    pub fn check_targets(&self, targets: &Array, predictions: &Shape) -> Result<()> {
        let classes = predictions.last().copied().unwrap_or(1);
        let fits = |t: f64| match *self {
            Loss::SparseCrossEntropy { ignore_index, .. } => {
                (0.0..classes as f64).contains(&t) || ignore_index.is_some_and(|i| t == f64::from(i))
            }
            Loss::BinaryCrossEntropy { .. } | Loss::CrossEntropy { .. } | Loss::KullbackLeibler => {
                (0.0..=1.0).contains(&t)
            }
            _ => t.is_finite(),
        };
        let wanted = match *self {
            Loss::SparseCrossEntropy { .. } => format!("a class from 0 to {}", classes.saturating_sub(1)),
            Loss::BinaryCrossEntropy { .. } | Loss::CrossEntropy { .. } | Loss::KullbackLeibler => {
                "a number from 0 to 1".into()
            }
            _ => "a finite number".into(),
        };
        match targets.to_f64().into_iter().enumerate().find(|&(_, t)| !fits(t)) {
            Some((at, t)) => {
                let per_row = targets.shape().iter().skip(1).product::<usize>().max(1);
                Err(Error::input(format!("row {}: target {t}, wanted {wanted}", at / per_row)))
            }
            None => Ok(()),
        }
    }
}

fn smoothed<'g>(t: Tensor<'g>, amount: f64, choices: f64) -> Tensor<'g> {
    if amount == 0.0 { t } else { t * (1.0 - amount) + amount / choices }
}

/// The logarithms of the classes' probabilities, from logits or from the probabilities.
fn log_probabilities<'g>(p: Tensor<'g>, from_logits: bool) -> Tensor<'g> {
    if from_logits { p.log_softmax(-1) } else { (p / p.sum(&[-1], true)).clip(EPSILON, 1.0 - EPSILON).log() }
}
