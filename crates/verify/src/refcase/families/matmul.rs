//! Products of matrices, dense layers and embeddings.

use anygrad_graph::Tensor;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let y = match e.op() {
        "matmul" => {
            let operand = |name: &str, transposed| {
                let x = e.input(name);
                if e.flag(transposed) { swapped(x) } else { x }
            };
            operand("a", "transpose_a").matmul(operand("b", "transpose_b"))
        }
        "dense" => {
            let mut y = e.input("x").matmul(e.input("kernel"));
            if let Some(bias) = e.optional("bias") {
                y = y + bias;
            }
            match e.text("activation") {
                "linear" => y,
                "relu" => y.relu(),
                "sigmoid" => y.sigmoid(),
                "softmax" => y.softmax(-1),
                "tanh" => y.tanh(),
                other => e.unknown("activation", other),
            }
        }
        "einsum" => e.graph.einsum(e.text("equation"), &e.inputs(1)),
        "embedding" => e.input("table").embedding(e.input("ids")),
        _ => return None,
    };
    Some(vec![y])
}

/// The last two axes exchanged.
fn swapped(x: Tensor<'_>) -> Tensor<'_> {
    let mut axes: Vec<usize> = (0..x.shape().rank()).collect();
    if let [.., a, b] = &mut axes[..] {
        std::mem::swap(a, b);
    }
    x.permute(&axes)
}
