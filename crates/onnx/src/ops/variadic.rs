//! Functions of elements of any number of inputs, and those of two or three that have rules of their own.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::pointwise::{arithmetic, divided, operands};
use super::{Row, known, rounded, wide};
use crate::node::{Node, wrapped};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("Clip", clip),
    ("IsInf", is_infinite),
    ("IsNaN", |n| n.give(float(n, 0)?.isnan(), Element::Bool)),
    ("Max", |n| folded(n, |a, b| Some(a.max(b)), |a, b| a.maximum(b))),
    ("Mean", mean),
    ("Min", |n| folded(n, |a, b| Some(a.min(b)), |a, b| a.minimum(b))),
    ("Mod", modulo),
    ("Pow", pow),
    ("Sum", |n| folded(n, |a, b| a.checked_add(b), |a, b| a + b)),
];

/// An input of floats, in 32 bits.
fn float<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Tensor<'g>, Stop> {
    Ok(wide(node.tensor(input)?))
}

/// All inputs joined by a function of two, rounded once.
fn folded<'g>(
    node: &Node<'_, 'g>,
    whole: impl Fn(i64, i64) -> Option<i64>,
    tensor: impl Fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    let joined = |x: &[i64]| x[1..].iter().try_fold(x[0], |a, &b| whole(a, b));
    // Beyond 63 bits the order of integers is another one.
    if node.element(0)? != Element::Uint64
        && let Some(value) = known::all_integers(node, None, joined)?
    {
        return Ok(vec![value]);
    }
    let all = node.tensors(0)?.into_iter().map(wide).reduce(tensor);
    let Some(all) = all else { return wrong("it has no inputs") };
    node.same(wrapped(rounded(all, node.element(0)?), node.element(0)?))
}

/// The sum of all inputs by their number.
fn mean<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let count = node.inputs.len();
    let Some(sum) = node.tensors(0)?.into_iter().map(wide).reduce(|a, b| a + b) else {
        return wrong("it has no inputs");
    };
    node.same(rounded(sum * (1.0 / count as f64), node.element(0)?))
}

/// The larger of x and the lower bound, and then the smaller of that and the upper one. Up to version 10 bounds are
/// attributes.
fn clip<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let mut y = x;
    if node.opset < 11 {
        y = node.maybe_float("min").map_or(y, |low| y.maximum(low));
        y = node.maybe_float("max").map_or(y, |high| y.minimum(high));
        return node.same(y);
    }
    if let Some(low) = bound(node, 1)? {
        y = y.maximum(low);
    }
    if let Some(high) = bound(node, 2)? {
        y = y.minimum(high);
    }
    node.same(y)
}

/// A bound, where it is given. One that no 32 bits hold bounds nothing that a device has, so the nearest will do.
fn bound<'g>(node: &Node<'_, 'g>, input: usize) -> Result<Option<Tensor<'g>>, Stop> {
    if !node.has(input) {
        return Ok(None);
    }
    if let Value::Known(host) = node.value(input)?
        && let (Element::Int64, Data::Int(numbers)) = (host.element(), host.data())
    {
        let near = |&x: &i64| x.clamp(i64::from(i32::MIN), i64::from(i32::MAX));
        let host = Host::new(Element::Int64, host.sizes(), Data::Int(numbers.iter().map(near).collect()))?;
        return Ok(Some(node.graph.constant(host.to_array()?)));
    }
    node.tensor(input).map(Some)
}

/// a - b floor(a / b), or with `fmod` a - b trunc(a / b).
fn modulo<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    if node.flag("fmod") {
        return arithmetic(node, |a, b| a.checked_rem(b), |a, b| a.fmod(b));
    }
    let whole =
        |a: i64, b: i64| a.checked_rem(b).map(|r| if r != 0 && (r < 0) != (b < 0) { r + b } else { r });
    arithmetic(node, whole, |a, b| a.remainder(b))
}

fn is_infinite<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = float(node, 0)?;
    let (below, above) = (node.int("detect_negative", 1) != 0, node.int("detect_positive", 1) != 0);
    let y = match (below, above) {
        (true, true) => x.isinf(),
        (false, true) => x.isinf().logical_and(x.gt(0.0)),
        (true, false) => x.isinf().logical_and(x.lt(0.0)),
        (false, false) => x.isinf().zeros_like(),
    };
    node.give(y, Element::Bool)
}

/// a to the power of b, of the type of a.
fn pow<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let power = |[a, b]: [i64; 2]| u32::try_from(b).ok().and_then(|b| a.checked_pow(b));
    if node.element(1)?.is_integer()
        && let Some(value) = known::integers(node, Some(element), power)?
    {
        return Ok(vec![value]);
    }
    let (a, b) = operands(node)?;
    let y = match (element.is_integer(), node.element(1)?.is_integer()) {
        (false, _) => a.in_f32(|a| a.pow(b.cast(DType::F32))),
        (true, true) => whole_power(a, b.cast(DType::I32)),
        (true, false) => {
            let b = b.cast(DType::F32);
            let dtype = a.dtype();
            let by_float = a.cast(DType::F32).pow(b).cast(dtype);
            b.floor().eq(b).select(whole_power(a, b.cast(DType::I32)), by_float)
        }
    };
    node.same(wrapped(y, element))
}

/// Powers of integers, exact as far as 32 bits hold them: squares, by the bits of the exponent. Exponents from 32 on
/// fit for 0, 1 and -1 alone, which tell no more than even and odd apart; so do negative ones.
fn whole_power<'g>(base: Tensor<'g>, exponent: Tensor<'g>) -> Tensor<'g> {
    let odd = exponent.bitwise_and(1);
    let bits = exponent.lt(0).select(odd, exponent.minimum(odd + 30));
    let (mut result, mut square) = (base.full_like(1.0), base);
    for bit in 0..5 {
        let factor = bits.bitwise_and(1 << bit).ne(0).select(square, base.full_like(1.0));
        result = result * factor;
        square = square * square;
    }
    // 1 / a is 0 in integers but for 1 and -1.
    let unit = base.mul(base).eq(base.full_like(1.0));
    exponent.lt(0).logical_and(unit.logical_not()).select(base.zeros_like(), result)
}

/// The mean of integers, towards zero.
pub(super) fn whole_mean<'g>(sum: Tensor<'g>, count: usize) -> Result<Tensor<'g>, Stop> {
    if count == 0 || i32::try_from(count).is_err() {
        return unsupported(format!("the mean of {count} integers"));
    }
    Ok(divided(sum, sum.full_like(count as f64)))
}
