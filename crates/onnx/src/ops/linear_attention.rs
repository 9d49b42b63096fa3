//! What takes the place of attention in models that keep a state: linear attention, and causal convolution.

use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use super::attention::split_heads;
use super::{Row, rounded, wide};
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] =
    &[("CausalConvWithState", causal_conv), ("LinearAttention", linear_attention)];

/// Steps that are written out one by one at most.
const MOST_STEPS: usize = 1024;

/// A convolution along the last axis of `[batch, channels, length]` that sees what was before, channel by channel.
/// Output 1 is what the next call must see: the last `k - 1` places.
fn causal_conv<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, weight, element) = (wide(node.tensor(0)?), wide(node.tensor(1)?), node.element(0)?);
    let ([batch, channels, length], [_, one, taps]) = (sizes(x)?, sizes(weight)?);
    if one != 1 || taps == 0 {
        return wrong(format!("a weight {} where [channels, 1, k] is wanted", weight.shape()));
    }
    let before = taps - 1;
    let seen = match node.has(3) && before > 0 {
        true => node.graph.concat(&[wide(node.tensor(3)?), x], 2),
        false => x.pad(&[(0, 0), (0, 0), (before, 0)], 0.0),
    };
    if sizes(seen)? != [batch, channels, before + length] {
        return wrong(format!("a state that makes {} of {}", seen.shape(), x.shape()));
    }
    let conv = Conv { groups: channels, stride: [1], padding: [[0, 0]], dilation: [1] };
    let y = match node.maybe_tensor(2)? {
        Some(bias) => seen.conv_nd_with_bias(weight, wide(bias), conv),
        None => seen.conv_nd(weight, conv),
    };
    let y = match node.text("activation", "none").as_str() {
        "none" => y,
        "silu" | "swish" => y.silu(),
        other => return unsupported(format!("activation is {other:?}; known are none, silu and swish")),
    };
    let state = seen.narrow(2, length..length + before);
    Ok([y, state].map(|y| typed(rounded(y, element), element)).into())
}

fn sizes<const N: usize>(x: Tensor<'_>) -> Result<[usize; N], Stop> {
    match <[usize; N]>::try_from(&*x.shape()) {
        Ok(sizes) => Ok(sizes),
        Err(_) => wrong(format!("{} has not {N} axes", x.shape())),
    }
}

/// A state `[d, e]` for each head: S = e^decay S + k (x) v, the result scale q . S; with the delta rule v is
/// beta (v - S . k). Step by step.
fn linear_attention<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let rule = node.text("update_rule", "gated_delta");
    let (gated, delta) = match rule.as_str() {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        other => return unsupported(format!("update_rule is {other:?}")),
    };
    if gated != node.has(4) || delta != node.has(5) {
        return wrong(format!("decay and beta do not fit the rule {rule:?}"));
    }
    let heads = count("q_num_heads", node.int("q_num_heads", 0))?;
    let shared = count("kv_num_heads", node.int("kv_num_heads", 0))?;
    if shared == 0 || heads == 0 || !heads.is_multiple_of(shared) {
        return wrong(format!("{heads} heads share {shared}"));
    }
    let input = |input: usize, heads: usize| split_heads(wide(node.tensor(input)?), heads);
    let (query, key, value) = (input(0, heads)?, input(1, shared)?, input(2, shared)?);
    let ([batch, _, steps, width], [_, _, _, depth]) = (sizes(query)?, sizes(value)?);
    if sizes(key)? != [batch, shared, steps, width] || sizes(value)? != [batch, shared, steps, depth] {
        return wrong(format!("queries {}, keys {}, values {}", query.shape(), key.shape(), value.shape()));
    }
    if steps > MOST_STEPS || steps == 0 {
        return unsupported(format!("{steps} steps; 1 to {MOST_STEPS} are written out"));
    }
    let decay = if gated { Some(input(4, shared)?.exp()) } else { None };
    let beta = if delta {
        let last = node.sizes(5)?.last().copied().unwrap_or(0);
        Some(input(5, if last == 1 { 1 } else { shared })?)
    } else {
        None
    };
    let mut state = match node.maybe_tensor(3)? {
        Some(state) => wide(state),
        None => node.graph.zeros(&[batch, shared, width, depth]),
    };
    let scale = Some(node.float("scale", 0.0)).filter(|&scale| scale != 0.0);
    let query = query * scale.unwrap_or(1.0 / (width as f64).sqrt());
    let at = |x: Tensor<'g>, step: usize| x.narrow(2, step..step + 1);
    let mut results = Vec::with_capacity(steps);
    for step in 0..steps {
        let key = at(key, step);
        let mut value = at(value, step);
        if let Some(decay) = decay {
            // [batch, heads, 1, width or 1] becomes a column.
            state = state * at(decay, step).t();
        }
        if let Some(beta) = beta {
            value = at(beta, step) * (value - key.matmul(state));
        }
        state = state + key.t() * value;
        let read = at(query, step).reshape(&[batch, shared, heads / shared, width]);
        results.push(read.matmul(state).reshape(&[batch, heads, 1, depth]));
    }
    let y = node.graph.concat(&results, 2).permute(&[0, 2, 1, 3]).reshape(&[batch, steps, heads * depth]);
    let held = if node.has(3) { node.element(3)? } else { element };
    Ok(vec![typed(rounded(y, element), element), typed(rounded(state, held), held)])
}
