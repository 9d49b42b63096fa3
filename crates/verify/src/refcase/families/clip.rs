//! Limits for gradients.

use anygrad_graph::Tensor;
use anygrad_nn::Clip;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    match e.op() {
        "clip_by_value" => {
            let within = |g: Tensor<'g>| g.clip(e.number("min"), e.number("max"));
            Some(e.inputs(1).into_iter().map(within).collect())
        }
        "clip_by_norm" => Some(Clip::Norm(e.number("clip_norm")).apply(&e.inputs(1))),
        "clip_by_global_norm" => {
            let mut outputs = Clip::GlobalNorm(e.number("clip_norm")).apply(&e.inputs(1));
            if e.case.manifest.outputs.iter().any(|output| output.name == "global_norm") {
                let squares = e.inputs(1).into_iter().map(|g| g.square().sum_all());
                outputs.push(squares.reduce(|sum, square| sum + square)?.sqrt());
            }
            Some(outputs)
        }
        _ => None,
    }
}
