//! Losses of probabilities: of yes and no, and of classes on the last axis.

use anygrad_core::{Array, DType, Shape};
use anygrad_graph::{Graph, Tensor};

use super::{EPSILON, numbers};

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

/// The losses of class numbers `t` from log-probabilities, and how much each counts in a mean, where that
/// is not 1 for all.
pub(super) fn of_numbers<'g>(
    logs: Tensor<'g>,
    t: Tensor<'g>,
    label_smoothing: f64,
    class_weights: &[f64],
    ignore_index: Option<i32>,
) -> (Tensor<'g>, Option<Tensor<'g>>) {
    let graph = logs.graph();
    let classes = count(logs);
    let weights = (!class_weights.is_empty()).then(|| row(graph, class_weights));
    let integers = |numbers: Vec<i32>| Array::i32(&[numbers.len()], numbers);
    let all = match integers((0..classes as i32).collect()) {
        Ok(all) => graph.constant(all),
        Err(error) => return (logs.fail(error), None),
    };
    let chosen = t.unsqueeze(t.shape().rank()).eq(all);
    let of_chosen = |x: Tensor<'g>| chosen.select(x, 0.0).sum(&[-1], false);

    let own_weight = weights.map(of_chosen);
    let mut losses = -of_chosen(logs);
    if let Some(own_weight) = own_weight {
        losses = losses * own_weight;
    }
    if label_smoothing != 0.0 {
        let weighted = weights.map_or(logs, |weights| logs * weights);
        let share = label_smoothing / classes as f64;
        losses = losses * (1.0 - label_smoothing) - weighted.sum(&[-1], false) * share;
    }
    let Some(index) = ignore_index else { return (losses, own_weight) };
    let counts = t.ne(graph.constant(Array::from_f64(Shape::SCALAR, DType::I32, &[f64::from(index)])));
    let counted = match own_weight {
        Some(own_weight) => counts.select(own_weight, 0.0),
        None => counts.cast(DType::F32),
    };
    (counts.select(losses, 0.0), Some(counted))
}
