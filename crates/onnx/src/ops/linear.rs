//! Products of matrices.

use super::Row;
use crate::node::Node;
use crate::value::{Outputs, Stop};

pub(super) const ROWS: &[Row] = &[("Gemm", gemm), ("MatMul", |n| n.same(n.tensor(0)?.matmul(n.tensor(1)?)))];

/// alpha a b + beta c, a and b transposed where asked for.
fn gemm<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let turned = |input: usize, flag: &str| -> Result<_, Stop> {
        Ok(if node.flag(flag) { node.tensor(input)?.t() } else { node.tensor(input)? })
    };
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let mut y = turned(0, "transA")?.matmul(turned(1, "transB")?);
    if alpha != 1.0 {
        y = y * alpha;
    }
    if let Some(c) = node.maybe_tensor(2)? {
        y = y + if beta == 1.0 { c } else { c * beta };
    }
    node.same(y)
}
