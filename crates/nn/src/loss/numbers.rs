//! Losses of numbers and of distributions as a whole.

use anygrad_graph::Tensor;

use super::EPSILON;

/// e^2 / 2 up to |e| = delta, then delta |e| - delta^2 / 2.
pub(super) fn huber(error: Tensor<'_>, delta: f64) -> Tensor<'_> {
    // With a = min(|e|, delta) both branches are a (|e| - a / 2).
    let size = error.abs();
    let a = size.minimum(delta);
    a * (size - a * 0.5)
}

/// log(cosh(e)) = |e| + log(1 + exp(-2 |e|)) - log(2), which cannot overflow.
pub(super) fn log_cosh(error: Tensor<'_>) -> Tensor<'_> {
    let size = error.abs();
    size + (size * -2.0).exp().log1p() - std::f64::consts::LN_2
}

/// The terms of t log(t / q) with p = log(q).
pub(super) fn divergence_of_logs<'g>(p: Tensor<'g>, t: Tensor<'g>, log_target: bool) -> Tensor<'g> {
    if log_target {
        return t.exp() * (t - p);
    }
    // 0 log(0) is 0, here and in the gradient.
    let some = t.gt(0.0);
    let log = some.select(t, 1.0).log();
    some.select(t * (log - p), 0.0)
}

/// Vectors along the last axis, of length 1; those below 1e-6 stay shorter.
pub(super) fn unit(x: Tensor<'_>) -> Tensor<'_> {
    x * x.square().sum(&[-1], true).maximum(1e-12).rsqrt()
}

/// The terms -log(p) and -log(1 - p) of probabilities.
pub(super) fn minus_logs(p: Tensor<'_>) -> (Tensor<'_>, Tensor<'_>) {
    let p = p.clip(EPSILON, 1.0 - EPSILON);
    (-p.log(), -(1.0_f64 - p).log())
}
