//! Cross-entropy in simple operators: from log-probabilities, for rows that are too long for one kernel, and
//! for second derivatives.

use anygrad_core::{Array, DType, Shape};

use super::{ClassLosses, Loss};
use crate::Tensor;

impl Loss {
    /// The losses of log-probabilities `[n, ..., classes]`, in this dtype.
    #[track_caller]
    pub(super) fn of_logs<'g>(
        &self,
        logs: Tensor<'g>,
        targets: Tensor<'g>,
        weights: Option<Tensor<'g>>,
        dtype: DType,
    ) -> ClassLosses<'g> {
        let classes = logs.shape().last().copied().unwrap_or(1);
        if self.shares {
            let terms = self.smoothed(targets, classes) * logs;
            let terms = weights.map_or(terms, |weights| terms * weights);
            let losses = (-terms.sum(&[-1], false)).cast(dtype);
            return ClassLosses { losses, counted: losses.cast(DType::F32).full_like(1.0) };
        }
        let chosen = self.one_hot(logs, targets);
        let of_chosen = |x: Tensor<'g>| chosen.select(x, 0.0).sum(&[-1], false);
        let own_weight = weights.map(of_chosen);
        let mut losses = -of_chosen(logs);
        if let Some(own_weight) = own_weight {
            losses = losses * own_weight;
        }
        if self.smoothing != 0.0 {
            let weighted = weights.map_or(logs, |weights| logs * weights);
            let share = self.smoothing / classes as f64;
            losses = losses * (1.0 - self.smoothing) - weighted.sum(&[-1], false) * share;
        }
        let mut counted = own_weight.unwrap_or_else(|| losses.cast(DType::F32).full_like(1.0));
        if let Some(counts) = self.counts(targets) {
            losses = counts.select(losses, 0.0);
            counted = counts.select(counted, 0.0);
        }
        ClassLosses { losses: losses.cast(dtype), counted }
    }

    /// q of logits `[n, ..., classes]`.
    pub(super) fn wanted_of<'g>(
        &self,
        logits: Tensor<'g>,
        targets: Tensor<'g>,
        weights: Option<Tensor<'g>>,
    ) -> Tensor<'g> {
        let classes = logits.shape().last().copied().unwrap_or(1);
        let shares = if self.shares { targets } else { self.one_hot(logits, targets).cast(DType::F32) };
        let smoothed = self.smoothed(shares, classes);
        let wanted = weights.map_or(smoothed, |weights| smoothed * weights);
        let counts = if self.shares { None } else { self.counts(targets) };
        counts.map_or(wanted, |counts| counts.unsqueeze(counts.shape().rank()).select(wanted, 0.0))
    }

    fn smoothed<'g>(&self, shares: Tensor<'g>, classes: usize) -> Tensor<'g> {
        match self.smoothing {
            0.0 => shares,
            a => shares * (1.0 - a) + a / classes as f64,
        }
    }

    /// Which of the classes of each row is named.
    #[track_caller]
    fn one_hot<'g>(&self, logits: Tensor<'g>, targets: Tensor<'g>) -> Tensor<'g> {
        let classes = logits.shape().last().copied().unwrap_or(1);
        match Array::i32(&[classes], (0..classes as i32).collect::<Vec<_>>()) {
            Ok(all) => targets.unsqueeze(targets.shape().rank()).eq(logits.graph().constant(all)),
            Err(error) => logits.fail(error),
        }
    }

    /// Which rows count, where some may not.
    fn counts<'g>(&self, targets: Tensor<'g>) -> Option<Tensor<'g>> {
        let ignored = |index: i32| Array::from_f64(Shape::SCALAR, DType::I32, &[f64::from(index)]);
        self.ignored.map(|index| targets.ne(targets.graph().constant(ignored(index))))
    }
}
