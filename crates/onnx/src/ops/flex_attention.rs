//! Attention whose scores and shares go through graphs of the model.

use super::{Row, rounded, wide};
use crate::Element;
use crate::node::{Node, typed};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use anygrad_graph::Tensor;

pub(super) const ROWS: &[Row] = &[("FlexAttention", flex_attention)];

/// prob_mod(softmax(score_mod(scale q . k))) v, heads sharing keys and values in neighbouring groups.
fn flex_attention<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(2)?;
    let (query, key, value) = (wide(node.tensor(0)?), wide(node.tensor(1)?), wide(node.tensor(2)?));
    let sizes = [query, key, value].map(|x| <[usize; 4]>::try_from(&*x.shape()));
    let [Ok([batch, heads, queries, width]), Ok([_, shared, keys, _]), Ok([_, _, _, depth])] = sizes else {
        return wrong("queries, keys and values have 4 axes");
    };
    let fits = *key.shape() == [batch, shared, keys, width] && *value.shape() == [batch, shared, keys, depth];
    if !fits || shared == 0 || !heads.is_multiple_of(shared) {
        return wrong(format!("queries {}, keys {}, values {}", query.shape(), key.shape(), value.shape()));
    }
    let scale = node.maybe_float("scale").unwrap_or(1.0 / (width as f64).sqrt());
    // Scores are floats of 32 bits at least, unless another type is asked for.
    let asked = node.element_attribute("softmax_precision")?;
    let precision = asked.unwrap_or(if element == Element::Double { element } else { Element::Float });
    if !precision.is_float() {
        return unsupported(format!("softmax_precision is {precision}"));
    }
    let group = heads / shared;
    let scores =
        (query * scale).reshape(&[batch, shared, group, queries, width]).matmul(key.t().unsqueeze(2));
    let modified = |name: &str, step: usize, x: Tensor<'g>| -> Result<Tensor<'g>, Stop> {
        if node.attribute(name).is_none() {
            return Ok(x);
        }
        let given = typed(rounded(x, precision), precision);
        match &node.body(node.graph_attribute(name)?, step, vec![given])?[..] {
            [Value::Tensor(y, _)] if y.shape() == x.shape() => Ok(wide(*y)),
            [Value::Known(host)] if *host.sizes() == *x.shape() => Ok(wide(node.importer.constant(host)?)),
            [Value::Blocked] => Err(Stop::Blocked),
            _ => wrong(format!("{name} does not give one tensor of {}", x.shape())),
        }
    };
    let scores = modified("score_mod", 0, scores.reshape(&[batch, heads, queries, keys]))?;
    let shares = modified("prob_mod", 1, scores.softmax(-1))?;
    let y = shares.reshape(&[batch, shared, group, queries, keys]).matmul(value.unsqueeze(2));
    node.give(rounded(y.reshape(&[batch, heads, queries, depth]), element), element)
}
