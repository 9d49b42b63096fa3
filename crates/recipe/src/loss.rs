//! What training minimizes.

use anygrad_nn::Loss;

use crate::schema::{ABOVE_0, BELOW_1, FROM_0, choice};

choice! {
    /// What training minimizes. Losses of classes take logits unless told otherwise: leave the last layer
    /// without sigmoid or softmax.
    Loss: "loss", "type" {
        /// The mean of (p - t)^2.
        "mse" | "mean_squared_error" => MeanSquaredError {},
        /// The mean of abs(p - t).
        "mae" | "mean_absolute_error" | "l1" => MeanAbsoluteError {},
        /// Squares near 0, a line beyond `delta`.
        "huber" => Huber {
            /// Where the parabola becomes a line.
            delta: f64 = 1.0 => ABOVE_0
        },
        /// Huber's loss over its delta.
        "smooth_l1" => SmoothL1 {
            /// Where the parabola becomes a line.
            beta: f64 = 1.0 => FROM_0
        },
        /// log(cosh(p - t))
        "log_cosh" => LogCosh {},
        /// For counts.
        "poisson" => Poisson {
            /// Whether predictions are logarithms.
            log_input: bool = true
        },
        /// max(1 - t p, 0), targets -1 and 1.
        "hinge" => Hinge {},
        /// max(1 - t p, 0)^2, targets -1 and 1.
        "squared_hinge" => SquaredHinge {},
        /// The margin between the true class and the best of the others.
        "categorical_hinge" => CategoricalHinge {},
        /// t log(t / p), probabilities.
        "kl_divergence" | "kullback_leibler" => KullbackLeibler {},
        /// t (log(t) - p), predictions being logarithms.
        "kl_div_log" => KullbackLeiblerLog {
            /// Whether targets are logarithms too.
            log_target: bool = false
        },
        /// Minus the cosine between predictions and targets.
        "cosine_similarity" => CosineSimilarity {},
        /// Cross-entropy of yes and no.
        "binary_cross_entropy" | "bce" | "bce_with_logits" => BinaryCrossEntropy {
            /// Whether predictions are logits, or probabilities.
            from_logits: bool = true,
            /// Moves targets towards 1/2.
            label_smoothing: f64 = 0.0 => BELOW_1,
            /// The weight of yes: none for 1, one for all, or one for each output.
            pos_weight: Vec<f64> = Vec::new() => FROM_0
        },
        /// Binary cross-entropy in which what is known counts less.
        "binary_focal" => BinaryFocal {
            /// Whether predictions are logits, or probabilities.
            from_logits: bool = true,
            /// How much less.
            gamma: f64 = 2.0 => FROM_0,
            /// The weight of yes, 1 - alpha being that of no; none for no weights.
            alpha: Option<f64> = None => FROM_0,
            /// Moves targets towards 1/2.
            label_smoothing: f64 = 0.0 => BELOW_1
        },
        /// Cross-entropy with shares of the classes, one number for each class.
        "categorical_cross_entropy" => CrossEntropy {
            /// Whether predictions are logits, or probabilities.
            from_logits: bool = true,
            /// Moves targets towards equal shares.
            label_smoothing: f64 = 0.0 => BELOW_1,
            /// A weight for each class, or none.
            class_weights: Vec<f64> = Vec::new() => FROM_0
        },
        /// Cross-entropy with class numbers.
        "cross_entropy" | "cross_entropy_loss" | "sparse_categorical_crossentropy"
            | "sparse_cross_entropy" => SparseCrossEntropy {
            /// Whether predictions are logits, or probabilities.
            from_logits: bool = true,
            /// Moves targets towards equal shares.
            label_smoothing: f64 = 0.0 => BELOW_1,
            /// A weight for each class, or none.
            class_weights: Vec<f64> = Vec::new() => FROM_0,
            /// A class that does not count.
            ignore_index: Option<i32> = None
        },
        /// Minus the prediction of the true class, predictions being logarithms of probabilities.
        "negative_log_likelihood" | "nll_loss" => NegativeLogLikelihood {
            /// A weight for each class, or none.
            class_weights: Vec<f64> = Vec::new() => FROM_0,
            /// A class that does not count.
            ignore_index: Option<i32> = None
        },
        /// Cross-entropy with shares in which what is known counts less.
        "focal" | "categorical_focal_crossentropy" => Focal {
            /// Whether predictions are logits, or probabilities.
            from_logits: bool = true,
            /// How much less.
            gamma: f64 = 2.0 => FROM_0,
            /// A factor.
            alpha: f64 = 0.25 => FROM_0,
            /// Moves targets towards equal shares.
            label_smoothing: f64 = 0.0 => BELOW_1
        },
    }
}

/// The label smoothing of a loss that has one.
pub(crate) fn label_smoothing(loss: &mut Loss) -> Option<&mut f64> {
    match loss {
        Loss::BinaryCrossEntropy { label_smoothing, .. }
        | Loss::BinaryFocal { label_smoothing, .. }
        | Loss::CrossEntropy { label_smoothing, .. }
        | Loss::SparseCrossEntropy { label_smoothing, .. }
        | Loss::Focal { label_smoothing, .. } => Some(label_smoothing),
        _ => None,
    }
}
