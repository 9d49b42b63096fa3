//! Attention, and the rotation of positions.

use anygrad_core::DType;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Attention, Rotary};

use super::{Row, rounded, wide};
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[("Attention", attention), ("RotaryEmbedding", rotary)];

/// `[batch, time, heads d]` as `[batch, heads, time, d]`.
pub(super) fn split_heads<'g>(x: Tensor<'g>, heads: usize) -> Result<Tensor<'g>, Stop> {
    match *x.shape() {
        [batch, time, width] if heads > 0 && width % heads == 0 => {
            Ok(x.reshape(&[batch, time, heads, width / heads]).permute(&[0, 2, 1, 3]))
        }
        _ => wrong(format!("{} has not {heads} heads", x.shape())),
    }
}

/// Which keys a query sees, and what is added to its scores; each broadcasts to `[batch, heads, queries, keys]`.
struct Mask<'g> {
    seen: Option<Tensor<'g>>,
    added: Option<Tensor<'g>>,
}

impl<'g> Mask<'g> {
    fn and(&mut self, seen: Tensor<'g>) {
        self.seen = Some(self.seen.map_or(seen, |before| before.logical_and(seen)));
    }
}

/// The means of the values by softmax(softcap(scale q . k) + mask). Outputs 1 and 2 are the keys and values with
/// those of the past before them, output 3 is what the scores are at the place `qk_matmul_output_mode`.
fn attention<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let packed = node.sizes(0)?.len() == 3;
    let input = |input: usize, heads: &str| -> Result<Tensor<'g>, Stop> {
        let x = wide(node.tensor(input)?);
        match x.shape().rank() {
            4 => Ok(x),
            3 => split_heads(x, count(heads, node.int(heads, 0))?),
            _ => wrong(format!("input {input} is {}; 3 or 4 axes were expected", x.shape())),
        }
    };
    let query = input(0, "q_num_heads")?;
    // A past of no steps has no elements, and no device holds it.
    let joined = |new: Tensor<'g>, past: usize| -> Result<Tensor<'g>, Stop> {
        let none = !node.has(past) || node.sizes(past)?.contains(&0);
        Ok(if none { new } else { node.graph.concat(&[wide(node.tensor(past)?), new], 2) })
    };
    let (fresh, value) = (input(1, "kv_num_heads")?, joined(input(2, "kv_num_heads")?, 5)?);
    let key = joined(fresh, 4)?;
    node.graph.check()?;
    let (Ok([batch, heads, queries, width]), Ok([_, shared, keys, _])) =
        (<[usize; 4]>::try_from(&*query.shape()), <[usize; 4]>::try_from(&*key.shape()))
    else {
        return wrong(format!("queries {}, keys {}", query.shape(), key.shape()));
    };
    if shared == 0 || !heads.is_multiple_of(shared) || queries == 0 || keys == 0 || width == 0 {
        return wrong(format!("queries {}, keys {}", query.shape(), key.shape()));
    }
    let scale = node.maybe_float("scale").unwrap_or(1.0 / (width as f64).sqrt());
    let softcap = node.float("softcap", 0.0);
    let mask = mask(node, batch, queries, keys, keys - fresh.shape()[2])?;
    let mut outputs = Vec::new();
    let y = if softcap == 0.0 && !node.wants(3) {
        let mask = match (mask.seen, mask.added) {
            (Some(seen), Some(added)) => Some(seen.select(added, f64::NEG_INFINITY)),
            (seen, added) => seen.or(added),
        };
        let options = Attention { mask, scale: Some(scale), ..Attention::default() };
        query.scaled_dot_product_attention(key, value, options)
    } else {
        // Heads that share keys stand along an axis of their own.
        let grouped = |x: Tensor<'g>, last: usize| x.reshape(&[batch, shared, heads / shared, queries, last]);
        let product = grouped(query * scale, width).matmul(key.t().unsqueeze(2));
        let raw = product.reshape(&[batch, heads, queries, keys]);
        let capped = if softcap == 0.0 { raw } else { (raw * (1.0 / softcap)).tanh() * softcap };
        let biased = mask.apply(capped);
        let shares = mask.shares(biased);
        let shown = match node.int("qk_matmul_output_mode", 0) {
            0 => raw,
            1 => capped,
            2 => biased,
            3 => shares,
            mode => return unsupported(format!("qk_matmul_output_mode is {mode}")),
        };
        outputs.push(typed(rounded(shown, element), element));
        let depth = value.shape()[3];
        grouped(shares, keys).matmul(value.unsqueeze(2)).reshape(&[batch, heads, queries, depth])
    };
    let depth = value.shape()[3];
    let y = if packed { y.permute(&[0, 2, 1, 3]).reshape(&[batch, queries, heads * depth]) } else { y };
    let present = |x: Tensor<'g>, input: usize| -> Result<Value<'g>, Stop> {
        let element = node.element(input)?;
        Ok(typed(rounded(x, element), element))
    };
    let mut all = vec![typed(rounded(y, element), element), present(key, 1)?, present(value, 2)?];
    all.append(&mut outputs);
    Ok(all)
}

impl<'g> Mask<'g> {
    /// The scores with what is added; minus infinity where nothing is seen.
    fn apply(&self, scores: Tensor<'g>) -> Tensor<'g> {
        let biased = self.added.map_or(scores, |added| scores + added);
        self.all_seen().map_or(biased, |seen| seen.select(biased, f64::NEG_INFINITY))
    }

    /// Softmax of the scores; 0 for a query that sees nothing.
    fn shares(&self, biased: Tensor<'g>) -> Tensor<'g> {
        let shares = biased.softmax(-1);
        self.all_seen().map_or(shares, |seen| {
            let any = if seen.shape().rank() == 0 { seen } else { seen.any(&[-1], true) };
            any.select(shares, 0.0)
        })
    }

    /// What is seen by truth values and by numbers above minus infinity.
    fn all_seen(&self) -> Option<Tensor<'g>> {
        let finite = self.added.map(|added| added.ne(f64::NEG_INFINITY));
        match (self.seen, finite) {
            (Some(seen), Some(finite)) => Some(seen.logical_and(finite)),
            (seen, finite) => seen.or(finite),
        }
    }
}

fn mask<'g>(
    node: &Node<'_, 'g>,
    batch: usize,
    queries: usize,
    keys: usize,
    past: usize,
) -> Result<Mask<'g>, Stop> {
    let graph = node.graph;
    let places = |size: usize| graph.arange(0.0, size as f64, 1.0, DType::I32);
    let key_places = places(keys);
    let mut mask = Mask { seen: None, added: None };
    if let Some(given) = node.maybe_tensor(3)? {
        let shape = given.shape();
        let Some(&width) = shape.last() else { return wrong("a mask without axes") };
        let given = if width < keys {
            // What lies behind the mask is not seen.
            mask.and(key_places.lt(graph.arange(width as f64, width as f64 + 1.0, 1.0, DType::I32)));
            let mut amounts = vec![(0, 0); shape.rank()];
            amounts[shape.rank() - 1].1 = keys - width;
            match given.dtype() {
                DType::Bool => given.cast(DType::I32).pad(&amounts, 0.0).cast(DType::Bool),
                _ => given.pad(&amounts, 0.0),
            }
        } else {
            given
        };
        match given.dtype() {
            DType::Bool => mask.and(given),
            _ => mask.added = Some(wide(given)),
        }
    }
    let filled = node.maybe_tensor(6)?;
    let filled = match filled {
        Some(filled) if *filled.shape() == [batch] => Some(filled.reshape(&[batch, 1, 1, 1])),
        Some(filled) => return wrong(format!("nonpad_kv_seqlen is {}, the batch {batch}", filled.shape())),
        None => None,
    };
    if let Some(filled) = filled {
        mask.and(key_places.lt(filled));
    }
    let (causal, left, right) =
        (node.flag("is_causal"), node.int("left_window_size", -1), node.int("right_window_size", -1));
    if !causal && left < 0 && right < 0 {
        return Ok(mask);
    }
    // How far behind a key lies: places of queries are counted behind the past, or from the end of what is filled.
    let first = match filled {
        Some(filled) => filled - graph.arange(queries as f64, queries as f64 + 1.0, 1.0, DType::I32),
        None => graph.arange(past as f64, past as f64 + 1.0, 1.0, DType::I32),
    };
    let behind = places(queries).reshape(&[queries, 1]) + first - key_places;
    let limit = |size: i64| i32::try_from(size).unwrap_or(i32::MAX);
    if causal {
        mask.and(behind.ge(0));
    }
    if left >= 0 {
        mask.and(behind.le(limit(left)));
    }
    if right >= 0 {
        mask.and(behind.ge(-limit(right)));
    }
    Ok(mask)
}

/// Pairs of features turned by angles whose cosines and sines are given: by position, or for each place.
fn rotary<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (wide(node.tensor(0)?), node.element(0)?);
    let packed = x.shape().rank() == 3;
    let x = if packed { split_heads(x, count("num_heads", node.int("num_heads", 0))?)? } else { x };
    let Ok([batch, heads, time, width]) = <[usize; 4]>::try_from(&*x.shape()) else {
        return wrong(format!("an input of {}; 3 or 4 axes were expected", x.shape()));
    };
    let turned = match count("rotary_embedding_dim", node.int("rotary_embedding_dim", 0))? {
        0 => width,
        turned if turned <= width => turned,
        turned => return wrong(format!("{turned} features are turned, of {width}")),
    };
    let angles = |input: usize| -> Result<Tensor<'g>, Stop> {
        let table = wide(node.tensor(input)?);
        let angles = match node.maybe_tensor(3)? {
            Some(places) => table.gather(0, places),
            None => table,
        };
        match *angles.shape() {
            [_, _, _] => Ok(angles.unsqueeze(1)),
            _ => wrong(format!("angles {}; [batch, time, features / 2] was expected", angles.shape())),
        }
    };
    let layout = if node.flag("interleaved") { Rotary::Interleaved } else { Rotary::HalfSplit };
    let mut y = x.narrow(3, 0..turned).rotary_by(layout, angles(1)?, angles(2)?);
    if turned < width {
        y = node.graph.concat(&[y, x.narrow(3, turned..width)], 3);
    }
    if packed {
        y = y.permute(&[0, 2, 1, 3]).reshape(&[batch, time, heads * width]);
    }
    node.give(rounded(y, element), element)
}
