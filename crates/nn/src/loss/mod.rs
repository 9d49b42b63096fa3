//! What training minimizes.

mod check;
mod classes;
mod ctc;
mod numbers;
mod ranking;

use anygrad_core::{DType, Error};
use anygrad_graph::Tensor;

pub use ctc::Ctc;
pub use ranking::{MarginRanking, TripletMargin};

/// How the losses of a batch become one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their sum by their number. Sample weights do not change the number, as in Keras
    /// (`sum_over_batch_size`). Where targets are class numbers it is, as in PyTorch and ONNX, the sum of
    /// their classes' weights, those to be ignored not among them.
    #[default]
    Mean,
    /// Their sum by the sum of the sample weights (Keras's `mean_with_sample_weight`), each times the
    /// weight of its class where targets are class numbers. 0 where that sum is 0.
    WeightedMean,
    /// Their sum.
    Sum,
    /// As they are, one per sample (and position).
    None,
}

impl Reduction {
    /// Losses without weights as this says.
    #[track_caller]
    pub fn apply<'g>(self, losses: Tensor<'g>) -> Tensor<'g> {
        match self {
            _ if losses.is_poison() => losses,
            Reduction::None => losses,
            Reduction::Sum => losses.sum_all(),
            Reduction::Mean | Reduction::WeightedMean => losses.mean_all(),
        }
    }
}

/// A loss: a function of predictions and targets.
///
/// As in Keras, a loss first averages over the last axis of the predictions, or sums over it where
/// that holds the classes: predictions `[n, ..., k]` give losses `[n, ...]`. Libraries whose classes
/// stand on the second axis, as PyTorch and ONNX, permute first.
///
/// Probabilities are held between 1e-7 and 1 - 1e-7 before their logarithm, as Keras does outside
/// of its compiled graphs; prefer the form from logits, which needs no such limit.
///
/// Losses of other operands stand apart: [`MarginRanking`], [`TripletMargin`], [`Ctc`].
#[derive(Clone, Debug, PartialEq)]
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
    /// (p - t)^2 / (2 beta) up to |p - t| = beta, then |p - t| - beta / 2: Huber's loss by beta. At 0 it
    /// is |p - t|.
    SmoothL1 {
        /// Where the parabola becomes a line; usually 1.
        beta: f64,
    },
    /// log(cosh(p - t))
    LogCosh,
    /// p - t log(p), without the term that depends on t alone.
    Poisson {
        /// Whether predictions are the logarithms of p, as is usual in PyTorch, or p itself, whose
        /// logarithm is then taken of p + 1e-7, as in Keras.
        log_input: bool,
    },
    /// max(1 - t p, 0), targets -1 and 1.
    Hinge,
    /// max(1 - t p, 0)^2, targets -1 and 1.
    SquaredHinge,
    /// max(n - y + 1, 0) with y the prediction of the true class and n the largest of the others;
    /// targets are 0 and 1 for each class (n is 0 where all others are below).
    CategoricalHinge,
    /// The sum of t log(t / p) over the last axis, both held above 1e-7.
    KullbackLeibler,
    /// The sum of t (log(t) - p) over the last axis, predictions being logarithms of probabilities:
    /// PyTorch's `KLDivLoss`, whose `batchmean` is the mean of two axes here.
    KullbackLeiblerLog {
        /// Whether the targets are logarithms too; if not, a target of 0 counts nothing.
        log_target: bool,
    },
    /// Minus the cosine of the angle between predictions and targets along the last axis.
    CosineSimilarity,
    /// -(w t log(q) + (1 - t) log(1 - q)), targets from 0 to 1.
    BinaryCrossEntropy {
        /// Whether q is the sigmoid of the predictions, or the predictions themselves.
        from_logits: bool,
        /// Moves the targets towards 1/2: t (1 - a) + a / 2.
        label_smoothing: f64,
        /// w, the weight of yes: one for all, one for each place of the last axis, or none for 1.
        pos_weight: Vec<f64>,
    },
    /// Binary cross-entropy times `(1 - r)^gamma` with r the probability of the truth: what is known
    /// already counts less (Lin, Goyal, Girshick, He and Dollar, 2017).
    BinaryFocal {
        /// Whether predictions are logits, or probabilities.
        from_logits: bool,
        /// How much less; usually 2. 0 for cross-entropy.
        gamma: f64,
        /// Weight of yes, 1 - `alpha` being that of no; usually 0.25, `None` for no weights.
        alpha: Option<f64>,
        /// Moves the targets towards 1/2: t (1 - a) + a / 2.
        label_smoothing: f64,
    },
    /// Minus the sum of w t log(q) over the last axis, targets being distributions `[n, ..., classes]`.
    CrossEntropy {
        /// Whether q is the softmax of the predictions, or the predictions over their sum.
        from_logits: bool,
        /// Moves the targets towards equal shares: t (1 - a) + a / classes.
        label_smoothing: f64,
        /// w, one for each class, or none for 1.
        class_weights: Vec<f64>,
    },
    /// `-w[class] log(q[class])`, targets being class numbers `[n, ...]` as `i32`.
    SparseCrossEntropy {
        /// Whether q is the softmax of the predictions, or the predictions over their sum.
        from_logits: bool,
        /// Moves the targets towards equal shares, as [`Loss::CrossEntropy`] does.
        label_smoothing: f64,
        /// w, one for each class, or none for 1. The mean is by the sum of the targets' weights.
        class_weights: Vec<f64>,
        /// A target that counts neither in the sum nor in the number of the mean: padding. -1 is
        /// usual, -100 in PyTorch.
        ignore_index: Option<i32>,
    },
    /// `-w[class] p[class]`, predictions being logarithms of probabilities and targets class numbers
    /// `[n, ...]` as `i32`: PyTorch's `NLLLoss`, ONNX's `NegativeLogLikelihoodLoss`.
    NegativeLogLikelihood {
        /// As of [`Loss::SparseCrossEntropy`].
        class_weights: Vec<f64>,
        /// As of [`Loss::SparseCrossEntropy`].
        ignore_index: Option<i32>,
    },
    /// Cross-entropy with distributions, each term times `alpha (1 - q)^gamma`: Keras's
    /// `CategoricalFocalCrossentropy`.
    Focal {
        /// Whether q is the softmax of the predictions, or the predictions over their sum.
        from_logits: bool,
        /// How much less counts what is known already; usually 2. 0 for cross-entropy.
        gamma: f64,
        /// A factor; usually 0.25.
        alpha: f64,
        /// Moves the targets towards equal shares: t (1 - a) + a / classes.
        label_smoothing: f64,
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
        Loss::BinaryCrossEntropy { from_logits: true, label_smoothing: 0.0, pos_weight: Vec::new() }
    }

    /// Binary cross-entropy of probabilities.
    pub fn binary_cross_entropy_of_probabilities() -> Self {
        Loss::BinaryCrossEntropy { from_logits: false, label_smoothing: 0.0, pos_weight: Vec::new() }
    }

    /// Cross-entropy of logits with distributions.
    pub fn cross_entropy() -> Self {
        Loss::CrossEntropy { from_logits: true, label_smoothing: 0.0, class_weights: Vec::new() }
    }

    /// Cross-entropy of logits with class numbers.
    pub fn sparse_cross_entropy() -> Self {
        Loss::SparseCrossEntropy {
            from_logits: true,
            label_smoothing: 0.0,
            class_weights: Vec::new(),
            ignore_index: None,
        }
    }

    /// Minus the log-probabilities of class numbers.
    pub fn negative_log_likelihood() -> Self {
        Loss::NegativeLogLikelihood { class_weights: Vec::new(), ignore_index: None }
    }

    /// The binary focal loss of logits with gamma 2, without weights.
    pub fn binary_focal() -> Self {
        Loss::BinaryFocal { from_logits: true, gamma: 2.0, alpha: None, label_smoothing: 0.0 }
    }

    /// The focal loss of logits with distributions, gamma 2 and alpha 0.25.
    pub fn focal() -> Self {
        Loss::Focal { from_logits: true, gamma: 2.0, alpha: 0.25, label_smoothing: 0.0 }
    }

    /// The losses, one per sample (and position): predictions `[n, ..., k]` give `[n, ...]`.
    ///
    /// Targets have the shape of the predictions, or leave out a last axis of 1; class numbers leave
    /// out the axis of the classes.
    #[track_caller]
    pub fn losses<'g>(&self, predictions: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        self.counted_losses(predictions, targets).0
    }

    /// The losses, and, where targets are class numbers that do not all count 1, how much each counts in
    /// a mean.
    #[track_caller]
    fn counted_losses<'g>(&self, p: Tensor<'g>, t: Tensor<'g>) -> (Tensor<'g>, Option<Tensor<'g>>) {
        if p.is_poison() || t.is_poison() {
            return (if p.is_poison() { p } else { t }, None);
        }
        if let Err(error) = self.check(&p.shape(), &t.shape(), t.dtype()) {
            return (p.fail(error), None);
        }
        let p = if p.shape().rank() == 1 { p.unsqueeze(1) } else { p };
        let t = if self.takes_classes() { t } else { t.cast(DType::F32).reshape(&p.shape()) };
        let Some(options) = self.cross_entropy_options() else { return (self.losses_like(p, t), None) };
        let made = self.cross_entropy_of(p, t, &options);
        let all_count_one =
            !self.takes_classes() || options.class_weights.is_empty() && options.ignore_index.is_none();
        (made.losses, (!all_count_one).then_some(made.counted))
    }

    /// The losses of predictions and targets of one shape.
    #[track_caller]
    fn losses_like<'g>(&self, p: Tensor<'g>, t: Tensor<'g>) -> Tensor<'g> {
        let mean = |x: Tensor<'g>| x.mean(&[-1], false);
        match self {
            Loss::MeanSquaredError => mean((p - t).square()),
            Loss::MeanAbsoluteError => mean((p - t).abs()),
            Loss::Huber { delta } => mean(numbers::huber(p - t, *delta)),
            Loss::SmoothL1 { beta } if *beta > 0.0 => mean(numbers::huber(p - t, *beta) / *beta),
            Loss::SmoothL1 { .. } => mean((p - t).abs()),
            Loss::LogCosh => mean(numbers::log_cosh(p - t)),
            Loss::Poisson { log_input: true } => mean(p.exp() - t * p),
            Loss::Poisson { log_input: false } => mean(p - t * (p + EPSILON).log()),
            Loss::Hinge => mean((-(t * p) + 1.0).relu()),
            Loss::SquaredHinge => mean((-(t * p) + 1.0).relu().square()),
            Loss::CategoricalHinge => {
                let truth = (t * p).sum(&[-1], false);
                let other = ((1.0_f64 - t) * p).max(&[-1], false);
                (other - truth + 1.0).relu()
            }
            Loss::KullbackLeibler => {
                let (t, p) = (t.clip(EPSILON, 1.0), p.clip(EPSILON, 1.0));
                (t * (t / p).log()).sum(&[-1], false)
            }
            Loss::KullbackLeiblerLog { log_target } => {
                numbers::divergence_of_logs(p, t, *log_target).sum(&[-1], false)
            }
            Loss::CosineSimilarity => -(numbers::unit(p) * numbers::unit(t)).sum(&[-1], false),
            Loss::BinaryCrossEntropy { from_logits, label_smoothing, pos_weight } => {
                let t = classes::smoothed(t, *label_smoothing, 2.0);
                let (yes, no) = classes::of_yes_and_no(p, *from_logits);
                let yes = match &pos_weight[..] {
                    [] => yes,
                    weights => yes * classes::row(p.graph(), weights),
                };
                mean(t * yes + (1.0 - t) * no)
            }
            Loss::BinaryFocal { from_logits, gamma, alpha, label_smoothing } => {
                let t = classes::smoothed(t, *label_smoothing, 2.0);
                mean(classes::binary_focal(p, t, *from_logits, *gamma, *alpha))
            }
            Loss::Focal { from_logits, gamma, alpha, label_smoothing } => {
                let t = classes::smoothed(t, *label_smoothing, classes::count(p) as f64);
                let logs = classes::log_probabilities(p, *from_logits);
                // 1 - q, with the digits that it has where q is small.
                let terms = classes::focused(t * logs, -logs.expm1(), *gamma);
                -terms.sum(&[-1], false) * *alpha
            }
            Loss::CrossEntropy { .. }
            | Loss::SparseCrossEntropy { .. }
            | Loss::NegativeLogLikelihood { .. } => {
                p.fail(Error::internal("classes have losses of their own"))
            }
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
        let (mut losses, mut counted) = self.counted_losses(predictions, targets);
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
            let weights = weights.reshape(&sizes);
            losses = losses * weights;
            if reduction == Reduction::WeightedMean {
                let all = weights.broadcast_to(&wanted);
                counted = Some(counted.map_or(all, |counted| counted * weights));
            }
        }
        match (reduction, counted) {
            (Reduction::Mean | Reduction::WeightedMean, Some(counted)) => {
                let total = counted.sum_all();
                losses.sum_all() / total.ne(0.0).select(total, 1.0)
            }
            _ => reduction.apply(losses),
        }
    }

    /// The mean loss of a batch, a scalar.
    #[track_caller]
    pub fn mean<'g>(&self, predictions: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        self.reduced(predictions, targets, None, Reduction::Mean)
    }

    /// Whether the targets are class numbers.
    pub fn takes_classes(&self) -> bool {
        matches!(self, Loss::SparseCrossEntropy { .. } | Loss::NegativeLogLikelihood { .. })
    }

    /// Whether the targets say for each class how much it holds.
    pub(crate) fn takes_distributions(&self) -> bool {
        matches!(self, Loss::CrossEntropy { .. } | Loss::Focal { .. } | Loss::CategoricalHinge)
    }

    /// Whether predictions are such that 0 is the border between no and yes.
    pub(crate) fn takes_logits(&self) -> bool {
        match *self {
            Loss::BinaryCrossEntropy { from_logits, .. }
            | Loss::BinaryFocal { from_logits, .. }
            | Loss::CrossEntropy { from_logits, .. }
            | Loss::Focal { from_logits, .. }
            | Loss::SparseCrossEntropy { from_logits, .. } => from_logits,
            Loss::Hinge | Loss::SquaredHinge => true,
            _ => false,
        }
    }
}
