//! Reductions, and softmax with its logarithm.

use anygrad_graph::Tensor;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (x, keepdims) = (|| e.input("x"), e.flag("keepdims"));
    let axes = || e.axes(x());
    let y = match e.op() {
        "reduce_sum" => x().sum(&axes(), keepdims),
        "reduce_mean" => x().mean(&axes(), keepdims),
        "reduce_max" => x().max(&axes(), keepdims),
        "reduce_min" => x().min(&axes(), keepdims),
        "reduce_prod" => x().prod(&axes(), keepdims),
        "reduce_variance" => x().variance(&axes(), keepdims, e.count("ddof")),
        "reduce_std" => x().std(&axes(), keepdims, e.count("ddof")),
        "reduce_l2norm" => x().norm(2.0, &axes(), keepdims),
        "reduce_logsumexp" => x().logsumexp(&axes(), keepdims),
        "argmax" if e.case.manifest.outputs.len() == 2 => {
            return Some(vec![x().argmax(-1), x().argmin(1)]);
        }
        "argmax" => x().argmax(-1),
        "cumsum" => {
            let sum = |exclusive, reverse| x().cumsum(e.integer("axis"), exclusive, reverse);
            return Some(vec![sum(false, false), sum(true, false), sum(false, true)]);
        }
        "topk" => {
            let (values, places) = x().topk(e.count("k"), e.integer("axis"), e.flag("largest"));
            return Some(vec![values, places]);
        }
        "softmax" => x().softmax(e.integer("axis")),
        "log_softmax" => x().log_softmax(e.integer("axis")),
        "masked_softmax" => {
            x().masked_fill(e.input("mask").logical_not(), f64::NEG_INFINITY).softmax(e.integer("axis"))
        }
        _ => return None,
    };
    Some(vec![y])
}
