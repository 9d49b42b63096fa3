//! Attention in the operators of the version: products, a mask and a softmax.

use anygrad_core::{Array, DType, Result, Shape};

use super::Seen;
use crate::export::emit::Emitter;
use crate::export::scribe::Setting;
use crate::export::twins::Size;
use crate::export::units::Call;

/// Scores from here down have no weight.
const MASKED: f32 = -3.4e38;

/// The lengths are known where a mask follows from them.
pub(super) fn can(seen: &Seen<'_>) -> bool {
    let lengths = [seen.input("query").get(2), seen.input("key").get(2)];
    !seen.composite.attributes.is("causal") || lengths.iter().all(|size| matches!(size, Some(Size::Fixed(_))))
}

/// y = softmax(where(seen, scale q . k + mask, masked)) . v, and 0 where a query sees nothing.
pub(super) fn write(e: &mut Emitter<'_>, call: &Call) -> Result<()> {
    let attributes = call.attributes()?;
    let scale = e.scribe.constant("constant", &Array::scalar(attributes.float("scale")? as f32));
    let query = e.exact(call.x(0))?;
    let (key, value) = (heads(e, call, 1)?, heads(e, call, 2)?);
    let query = e.node("Mul", &[&query, &scale], &[]);
    let key = e.node("Transpose", &[&key], &[("perm", Setting::Ints(vec![0, 1, 3, 2]))]);
    let mut scores = e.node("MatMul", &[&query, &key], &[]);
    let masked = e.scribe.constant("constant", &Array::scalar(MASKED));
    let (mut seen, mut sees_all) = (None, true);
    if let Some(mask) = call.input("mask") {
        let is_truth = e.dtype(mask) == DType::Bool;
        let mask = e.exact(mask)?;
        seen = Some(mask.clone());
        if !is_truth {
            scores = e.node("Add", &[&scores, &mask], &[]);
            seen = Some(e.node("Greater", &[&scores, &masked], &[]));
        }
        sees_all = false;
    }
    if attributes.is("causal") {
        let queries = e.sizes(call.x(0))[2].fixed()?;
        let keys = e.sizes(call.x(1))[2].fixed()?;
        // The last query sees the last key.
        let sees = |at: usize| at % keys + queries <= keys + at / keys;
        let numbers: Vec<f64> = (0..queries * keys).map(|at| f64::from(u8::from(sees(at)))).collect();
        let causal = Array::from_f64(Shape::new(&[queries, keys])?, DType::Bool, &numbers);
        let causal = e.scribe.constant("constant", &causal);
        sees_all &= queries <= keys;
        seen = Some(match seen {
            Some(seen) => e.node("And", &[&seen, &causal], &[]),
            None => causal,
        });
    }
    if let Some(seen) = &seen {
        scores = e.node("Where", &[seen, &scores, &masked], &[]);
    }
    let mut shares = e.node("Softmax", &[&scores], &[("axis", Setting::Int(-1))]);
    if let (Some(seen), false) = (&seen, sees_all) {
        let nothing = e.scribe.constant("constant", &Array::scalar(0.0));
        shares = e.node("Where", &[seen, &shares, &nothing], &[]);
    }
    let y = e.node("MatMul", &[&shares, &value], &[]);
    e.set(call.y(), y);
    Ok(())
}

/// Keys or values once for each head of the queries that shares them.
fn heads(e: &mut Emitter<'_>, call: &Call, at: usize) -> Result<String> {
    let name = e.exact(call.x(at))?;
    let (sizes, heads) = (e.sizes(call.x(at)).to_vec(), e.sizes(call.x(0))[1].fixed()?);
    let [batch, own, length, width] = sizes[..] else { return Ok(name) };
    if own.fixed()? == heads {
        return Ok(name);
    }
    let each = e.reshape(&name, &sizes, &[batch, own, Size::ONE, length, width])?;
    let times = e.scribe.ints(&[1, 1, (heads / own.fixed()?) as i64, 1, 1]);
    let all = e.node("Expand", &[&each, &times], &[]);
    let from = [batch, own, Size::Fixed(heads / own.fixed()?), length, width];
    e.reshape(&all, &from, &[batch, Size::Fixed(heads), length, width])
}
