//! Connectionist temporal classification.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::Reduction;

/// The loss of label sequences whose places in time are unknown, for speech and handwriting (Graves,
/// Fernandez, Gomez and Schmidhuber, 2006). The formula stands at [`Tensor::ctc_loss`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ctc {
    /// The class that stands for no label; 0 in Keras and PyTorch unless told otherwise.
    pub blank: usize,
    /// Whether a row whose times do not suffice for its labels counts 0 and gets no gradient; its loss
    /// is infinite otherwise, and its gradient NaN.
    pub zero_infinity: bool,
    /// Whether each loss is divided by the number of its labels, at least 1, as PyTorch's `mean` does
    /// before it averages; Keras does not.
    pub per_label: bool,
}

impl Ctc {
    /// The losses `[n]` of logits, or log-probabilities, `[n, time, classes]` for labels `[n, labels]`,
    /// of each row the first `target_lengths` `[n]`, within the first `input_lengths` `[n]` times. Labels
    /// and lengths are `i32`.
    #[track_caller]
    pub fn losses<'g>(
        &self,
        logits: Tensor<'g>,
        labels: Tensor<'g>,
        input_lengths: Tensor<'g>,
        target_lengths: Tensor<'g>,
    ) -> Tensor<'g> {
        // Of log-probabilities this is the identity.
        let log_probabilities = logits.log_softmax(-1);
        let mut losses = log_probabilities.ctc_loss(labels, input_lengths, target_lengths, self.blank);
        if losses.is_poison() {
            return losses;
        }
        if self.zero_infinity {
            // No finite loss is as large.
            losses = losses.gt(1e30).select(0.0, losses);
        }
        if self.per_label {
            losses = losses / target_lengths.cast(DType::F32).maximum(1.0);
        }
        losses
    }

    /// The losses of a batch, reduced.
    #[track_caller]
    pub fn reduced<'g>(
        &self,
        logits: Tensor<'g>,
        labels: Tensor<'g>,
        [input_lengths, target_lengths]: [Tensor<'g>; 2],
        reduction: Reduction,
    ) -> Tensor<'g> {
        reduction.apply(self.losses(logits, labels, input_lengths, target_lengths))
    }
}
