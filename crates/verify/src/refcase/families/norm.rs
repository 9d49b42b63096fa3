//! Normalizations.

use anygrad_graph::Tensor;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (scale, bias) = (e.optional("gamma"), e.optional("beta"));
    let eps = || e.number("epsilon");
    Some(match e.op() {
        "batchnorm" => {
            let running = [e.input("moving_mean"), e.input("moving_var")];
            let (x, axis) = (e.input("x"), e.integer("axis"));
            if !e.flag("training") {
                return Some(vec![x.batch_norm_inference(axis, running, scale, bias, eps())]);
            }
            let norm = x.batch_norm(axis, scale, bias, eps());
            let momentum = e.number("momentum");
            let moved = |from: Tensor<'g>, to: Tensor<'g>| from * momentum + to.detach() * (1.0 - momentum);
            vec![norm.y, moved(running[0], norm.mean), moved(running[1], norm.variance)]
        }
        "batchnorm_plain" => {
            vec![e.input("x").batch_norm(e.integer("axis"), Some(e.input("g")), None, eps()).y]
        }
        "groupnorm" => vec![e.input("x").group_norm(e.count("groups"), scale, bias, eps())],
        "layernorm" => {
            let x = e.input("x");
            // All axes from the first one of them to the last.
            let first = e.axes(x).into_iter().min().unwrap_or(-1);
            vec![x.layer_norm(first, scale, bias, eps())]
        }
        "layernorm_plain" => vec![e.input("x").layer_norm(e.integer("axis"), None, None, eps())],
        "rmsnorm" => vec![e.input("x").rms_norm(e.integer("axis"), scale, eps())],
        _ => return None,
    })
}
