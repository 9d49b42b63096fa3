//! Running sums and products.

use anygrad_graph::Tensor;

use super::{Row, rounded, wide};
use crate::node::{Node, axis_of, wrapped};
use crate::value::{Outputs, wrong};

pub(super) const ROWS: &[Row] = &[
    ("CumProd", |n| running(n, |x, axis, exclusive, reverse| x.cumprod(axis, exclusive, reverse))),
    ("CumSum", |n| running(n, |x, axis, exclusive, reverse| x.cumsum(axis, exclusive, reverse))),
];

/// Along the axis that input 1 names; without the element itself, and from the end, where asked for.
fn running<'g>(
    node: &Node<'_, 'g>,
    function: impl FnOnce(Tensor<'g>, isize, bool, bool) -> Tensor<'g>,
) -> Outputs<'g> {
    let (x, element) = (wide(node.tensor(0)?), node.element(0)?);
    let axis = match node.host(1)?.to_i64()[..] {
        [axis] => axis_of(axis, x.shape().rank())?,
        ref other => return wrong(format!("the axis is {other:?}")),
    };
    let y = function(x, axis as isize, node.flag("exclusive"), node.flag("reverse"));
    node.give(wrapped(rounded(y, element), element), element)
}
