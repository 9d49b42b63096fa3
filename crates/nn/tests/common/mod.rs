//! What several tests try.

use anygrad_nn::Loss;

/// Every loss whose targets have the shape of the predictions, with three classes in the last axis.
pub fn losses_of_numbers() -> Vec<Loss> {
    let weights = vec![0.5, 2.0, 1.0];
    vec![
        Loss::mse(),
        Loss::mae(),
        Loss::Huber { delta: 0.5 },
        Loss::SmoothL1 { beta: 0.5 },
        Loss::LogCosh,
        Loss::Poisson { log_input: false },
        Loss::Poisson { log_input: true },
        Loss::Hinge,
        Loss::SquaredHinge,
        Loss::CategoricalHinge,
        Loss::KullbackLeibler,
        Loss::KullbackLeiblerLog { log_target: false },
        Loss::KullbackLeiblerLog { log_target: true },
        Loss::CosineSimilarity,
        Loss::BinaryCrossEntropy { from_logits: true, label_smoothing: 0.1, pos_weight: weights.clone() },
        Loss::BinaryCrossEntropy { from_logits: false, label_smoothing: 0.0, pos_weight: vec![3.0] },
        Loss::BinaryFocal { from_logits: true, gamma: 1.5, alpha: Some(0.3), label_smoothing: 0.1 },
        Loss::BinaryFocal { from_logits: false, gamma: 2.0, alpha: None, label_smoothing: 0.0 },
        Loss::CrossEntropy { from_logits: true, label_smoothing: 0.1, class_weights: weights },
        Loss::CrossEntropy { from_logits: false, label_smoothing: 0.0, class_weights: vec![] },
        Loss::Focal { from_logits: true, gamma: 1.5, alpha: 0.25, label_smoothing: 0.1 },
        Loss::Focal { from_logits: false, gamma: 2.0, alpha: 1.0, label_smoothing: 0.0 },
    ]
}
