//! What losses accept.

use anygrad_core::{Array, DType, Error, Result, Shape};

use super::Loss;

impl Loss {
    pub(super) fn check(&self, predictions: &Shape, targets: &Shape, dtype: DType) -> Result<()> {
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
        if !fits {
            return Err(Error::shape(format!(
                "loss: predictions {predictions} and targets {targets}: the targets' shape must be {wanted}"
            )));
        }
        // A vector of predictions has one number per row.
        let last = if rank > 1 { predictions[rank - 1] } else { 1 };
        let (name, weights, one_for_all) = match self {
            Loss::BinaryCrossEntropy { pos_weight, .. } => ("pos_weight", pos_weight, true),
            Loss::CrossEntropy { class_weights, .. }
            | Loss::SparseCrossEntropy { class_weights, .. }
            | Loss::NegativeLogLikelihood { class_weights, .. } => ("class_weights", class_weights, false),
            _ => return Ok(()),
        };
        let count = weights.len();
        if count == 0 || count == last || one_for_all && count == 1 {
            return Ok(());
        }
        Err(Error::shape(format!("loss: {count} {name}, the predictions' last axis has {last}")))
    }

    /// Whether every target is one that the loss is made for.
    ///
    /// # Errors
    /// A class number that is none of the classes, a probability outside of 0 to 1, a negative count, a
    /// NaN.
    pub fn check_targets(&self, targets: &Array, predictions: &Shape) -> Result<()> {
        let classes = predictions.last().copied().unwrap_or(1);
        let probabilities = matches!(
            self,
            Loss::BinaryCrossEntropy { .. }
                | Loss::BinaryFocal { .. }
                | Loss::CrossEntropy { .. }
                | Loss::Focal { .. }
                | Loss::CategoricalHinge
                | Loss::KullbackLeibler
                | Loss::KullbackLeiblerLog { log_target: false }
        );
        let fits = |t: f64| match *self {
            Loss::SparseCrossEntropy { ignore_index, .. }
            | Loss::NegativeLogLikelihood { ignore_index, .. } => {
                (0.0..classes as f64).contains(&t) || ignore_index.is_some_and(|i| t == f64::from(i))
            }
            Loss::Poisson { .. } => t >= 0.0 && t.is_finite(),
            _ if probabilities => (0.0..=1.0).contains(&t),
            _ => t.is_finite(),
        };
        let wanted = match *self {
            _ if self.takes_classes() => format!("a class from 0 to {}", classes.saturating_sub(1)),
            Loss::Poisson { .. } => "a number from 0".into(),
            _ if probabilities => "a number from 0 to 1".into(),
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
