//! Losses of probabilities: of yes and no, and of classes on the last axis.

use anygrad_core::{Array, DType, Shape};
use anygrad_graph::ops::{ClassLosses, CrossEntropy};
use anygrad_graph::{Graph, Tensor};

use super::{EPSILON, Loss, numbers};

/// The number of classes.
pub(super) fn count(p: Tensor<'_>) -> usize {
    p.shape().last().copied().unwrap_or(1)
}

/// Numbers along the last axis.
pub(super) fn row<'g>(graph: &'g Graph, numbers: &[f64]) -> Tensor<'g> {
    let line = Shape::new(&[numbers.len()]).unwrap_or(Shape::SCALAR);
    graph.constant(Array::from_f64(line, DType::F32, numbers))
}

pub(super) fn smoothed<'g>(t: Tensor<'g>, amount: f64, choices: f64) -> Tensor<'g> {
    if amount == 0.0 { t } else { t * (1.0 - amount) + amount / choices }
}

/// The logarithms of the classes' probabilities, from logits or from the probabilities.
pub(super) fn log_probabilities<'g>(p: Tensor<'g>, from_logits: bool) -> Tensor<'g> {
    if from_logits { p.log_softmax(-1) } else { (p / p.sum(&[-1], true)).clip(EPSILON, 1.0 - EPSILON).log() }
}

/// -log(q) and -log(1 - q) with q the probability of yes.
pub(super) fn of_yes_and_no<'g>(p: Tensor<'g>, from_logits: bool) -> (Tensor<'g>, Tensor<'g>) {
    // -log(sigmoid(z)) is softplus(-z): it keeps its digits for any z.
    if from_logits { ((-p).softplus(), p.softplus()) } else { numbers::minus_logs(p) }
}

/// Terms times missed^gamma; what 0^0 would spoil in the gradient is left out.
pub(super) fn focused<'g>(terms: Tensor<'g>, missed: Tensor<'g>, gamma: f64) -> Tensor<'g> {
    match gamma {
        0.0 => terms,
        1.0 => terms * missed,
        2.0 => terms * missed.square(),
        _ => terms * missed.pow(gamma),
    }
}

/// The binary focal loss, element by element.
pub(super) fn binary_focal<'g>(
    p: Tensor<'g>,
    t: Tensor<'g>,
    from_logits: bool,
    gamma: f64,
    alpha: Option<f64>,
) -> Tensor<'g> {
    let (yes, no) = of_yes_and_no(p, from_logits);
    // The probability of what is not so, from the side that keeps its digits.
    let (q, not_q) = if from_logits {
        (p.sigmoid(), (-p).sigmoid())
    } else {
        let q = p.clip(EPSILON, 1.0 - EPSILON);
        (q, 1.0_f64 - q)
    };
    let missed = t * not_q + (1.0_f64 - t) * q;
    let losses = focused(t * yes + (1.0_f64 - t) * no, missed, gamma);
    match alpha {
        None => losses,
        Some(alpha) => losses * (t * (2.0 * alpha - 1.0) + (1.0 - alpha)),
    }
}

impl Loss {
    /// How the cross-entropies count their classes; other losses do not.
    pub(super) fn cross_entropy_options(&self) -> Option<CrossEntropy> {
        let (label_smoothing, class_weights, ignore_index) = match self {
            Loss::CrossEntropy { label_smoothing, class_weights, .. } => {
                (*label_smoothing, class_weights, None)
            }
            Loss::SparseCrossEntropy { label_smoothing, class_weights, ignore_index, .. } => {
                (*label_smoothing, class_weights, *ignore_index)
            }
            Loss::NegativeLogLikelihood { class_weights, ignore_index } => {
                (0.0, class_weights, *ignore_index)
            }
            _ => return None,
        };
        Some(CrossEntropy { label_smoothing, class_weights: class_weights.clone(), ignore_index })
    }

    /// The loss whose mean is that of -log(probability of the truth), where predictions are probabilities or
    /// give some.
    pub(crate) fn log_loss(&self) -> Option<Loss> {
        let none = Vec::new;
        Some(match *self {
            Loss::BinaryCrossEntropy { from_logits, .. } | Loss::BinaryFocal { from_logits, .. } => {
                Loss::BinaryCrossEntropy { from_logits, label_smoothing: 0.0, pos_weight: none() }
            }
            Loss::CrossEntropy { from_logits, .. } | Loss::Focal { from_logits, .. } => {
                Loss::CrossEntropy { from_logits, label_smoothing: 0.0, class_weights: none() }
            }
            Loss::SparseCrossEntropy { from_logits, ignore_index, .. } => Loss::SparseCrossEntropy {
                from_logits,
                label_smoothing: 0.0,
                class_weights: none(),
                ignore_index,
            },
            Loss::NegativeLogLikelihood { ignore_index, .. } => {
                Loss::NegativeLogLikelihood { class_weights: none(), ignore_index }
            }
            _ => return None,
        })
    }

    /// The target that does not count.
    pub(crate) fn ignore_index(&self) -> Option<i32> {
        match *self {
            Loss::SparseCrossEntropy { ignore_index, .. }
            | Loss::NegativeLogLikelihood { ignore_index, .. } => ignore_index,
            _ => None,
        }
    }

    /// The cross-entropies of predictions with class numbers or shares.
    #[track_caller]
    pub(super) fn cross_entropy_of<'g>(
        &self,
        p: Tensor<'g>,
        t: Tensor<'g>,
        options: &CrossEntropy,
    ) -> ClassLosses<'g> {
        match self {
            Loss::NegativeLogLikelihood { .. } => p.negative_log_likelihood(t, options),
            _ if self.takes_logits() => p.cross_entropy(t, options),
            _ => log_probabilities(p, false).negative_log_likelihood(t, options),
        }
    }
}
