//! Losses.

use anygrad_graph::Tensor;
use anygrad_nn::{Loss, Reduction};

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let from_logits = e.flag("from_logits");
    let label_smoothing = e.attribute("label_smoothing").as_f64().unwrap_or(0.0);
    let loss = match e.op() {
        "bce_logits" | "bce_logits_smooth" | "bce_probs" => {
            Loss::BinaryCrossEntropy { from_logits, label_smoothing, pos_weight: Vec::new() }
        }
        "cross_entropy" => Loss::CrossEntropy { from_logits, label_smoothing, class_weights: Vec::new() },
        "sparse_cross_entropy" => {
            let ignore_index = e.attribute("ignore_index").as_i64().map(|index| index as i32);
            let class_weights = Vec::new();
            Loss::SparseCrossEntropy { from_logits, label_smoothing, class_weights, ignore_index }
        }
        "cosine_similarity" => Loss::CosineSimilarity,
        "hinge" => Loss::Hinge,
        "huber" => Loss::Huber { delta: e.number("delta") },
        "kl_div" => Loss::KullbackLeibler,
        "log_cosh" => Loss::LogCosh,
        "mae" => Loss::MeanAbsoluteError,
        "mse" => Loss::MeanSquaredError,
        _ => return None,
    };
    let reduction = match e.text("reduction") {
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        "none" => Reduction::None,
        other => return Some(vec![e.unknown("reduction", other)]),
    };
    let operands = e.inputs(2);
    Some(vec![loss.reduced(operands[0], operands[1], e.optional("sample_weight"), reduction)])
}
