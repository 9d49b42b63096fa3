//! Reductions, and places of the largest and the smallest.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::{Row, known, rounded, variadic, wide, widest};
use crate::node::{Node, wrapped};
use crate::value::{Outputs, Stop, Value, unsupported};
use crate::{Data, Element, Host};

pub(super) const ROWS: &[Row] = &[
    ("ArgMax", |n| place(n, true)),
    ("ArgMin", |n| place(n, false)),
    ("ReduceL1", |n| reduce(n, 18, 0.0, None, |x, a, k| Ok(magnitude(x).sum(a, k)))),
    ("ReduceL2", |n| reduce(n, 18, 0.0, None, |x, a, k| float(x, |x| x.norm(2.0, a, k)))),
    ("ReduceLogSum", |n| reduce(n, 18, f64::NEG_INFINITY, None, |x, a, k| float(x, |x| x.sum(a, k).log()))),
    ("ReduceLogSumExp", |n| {
        reduce(n, 18, f64::NEG_INFINITY, None, |x, a, k| float(x, |x| x.logsumexp(a, k)))
    }),
    ("ReduceMax", |n| {
        reduce(n, 18, f64::NEG_INFINITY, Some(|a, b| Some(a.max(b))), |x, a, k| Ok(x.max(a, k)))
    }),
    ("ReduceMean", |n| reduce(n, 18, f64::NAN, None, mean)),
    ("ReduceMin", |n| reduce(n, 18, f64::INFINITY, Some(|a, b| Some(a.min(b))), |x, a, k| Ok(x.min(a, k)))),
    ("ReduceProd", |n| reduce(n, 18, 1.0, Some(i64::checked_mul), |x, a, k| Ok(x.prod(a, k)))),
    ("ReduceSum", |n| reduce(n, 13, 0.0, Some(i64::checked_add), |x, a, k| Ok(x.sum(a, k)))),
    ("ReduceSumSquare", |n| reduce(n, 18, 0.0, None, |x, a, k| Ok((x * x).sum(a, k)))),
];

/// A function of a tensor, axes and whether they are kept.
type Reduction = for<'g> fn(Tensor<'g>, &[isize], bool) -> Result<Tensor<'g>, Stop>;

fn magnitude(x: Tensor<'_>) -> Tensor<'_> {
    if x.dtype() == DType::U32 { x } else { x.abs() }
}

/// A function of floats, for integers cut towards zero.
fn float<'g>(x: Tensor<'g>, function: impl FnOnce(Tensor<'g>) -> Tensor<'g>) -> Result<Tensor<'g>, Stop> {
    Ok(function(x.cast(DType::F32)).cast(x.dtype()))
}

fn mean<'g>(x: Tensor<'g>, axes: &[isize], keep: bool) -> Result<Tensor<'g>, Stop> {
    if x.dtype() == DType::F32 {
        return Ok(x.mean(axes, keep));
    }
    let sum = x.sum(axes, keep);
    let count = x.shape().elements() / sum.shape().elements().max(1);
    variadic::whole_mean(sum, count)
}

/// Reduces the axes that an attribute names, from version `since` on an input; all of them where none are named,
/// unless `noop_with_empty_axes` says none. `empty` is the result of no elements; `whole` joins two known integers.
fn reduce<'g>(
    node: &Node<'_, 'g>,
    since: i64,
    empty: f64,
    whole: Option<fn(i64, i64) -> Option<i64>>,
    reduction: Reduction,
) -> Outputs<'g> {
    let (element, sizes) = (node.element(0)?, node.sizes(0)?);
    let mut axes = node.axes(since, 1, sizes.len())?.unwrap_or_default();
    if axes.is_empty() && !node.flag("noop_with_empty_axes") {
        axes = (0..sizes.len()).collect();
    }
    let keep = node.int("keepdims", 1) != 0;
    let kept = |axis: usize| if axes.contains(&axis) { keep.then_some(1) } else { Some(sizes[axis]) };
    let result: Vec<usize> = (0..sizes.len()).filter_map(kept).collect();
    if sizes.contains(&0) {
        return nothing(element, &result, empty);
    }
    if let (Some(whole), Value::Known(host)) = (whole, node.value(0)?)
        && let Some(value) = known_reduction(&host, &axes, &result, whole)?
    {
        return Ok(vec![value]);
    }
    let axes: Vec<isize> = axes.iter().map(|&axis| axis as isize).collect();
    let y = reduction(wide(node.tensor(0)?), &axes, keep)?;
    node.same(wrapped(rounded(y, element), element))
}

/// The reduction of no elements.
fn nothing<'g>(element: Element, sizes: &[usize], number: f64) -> Outputs<'g> {
    let number = match element.range() {
        Some((least, _)) if number == f64::NEG_INFINITY => least as f64,
        Some((_, most)) if number == f64::INFINITY => most as f64,
        Some(_) if number.is_nan() => return unsupported("the mean of no integers"),
        None if element == Element::Bool => f64::from(u8::from(number > 0.0)),
        _ => number,
    };
    let count = crate::host::elements(sizes)?;
    if count > known::MOST {
        return unsupported(format!("a reduction of nothing to {count} elements"));
    }
    Ok(vec![Host::from_f64(element, sizes, &vec![number; count])?.into()])
}

/// The same of known integers, as shapes are, in 64 bits.
fn known_reduction<'g>(
    host: &Host,
    axes: &[usize],
    result: &[usize],
    whole: fn(i64, i64) -> Option<i64>,
) -> Result<Option<Value<'g>>, Stop> {
    let Data::Int(numbers) = host.data() else { return Ok(None) };
    if host.element() == Element::Uint64 || host.element() == Element::Bool || numbers.len() > known::MOST {
        return Ok(None);
    }
    let sizes = host.sizes();
    let mut sums: Vec<Option<i64>> = vec![None; result.iter().product()];
    for (position, &number) in numbers.iter().enumerate() {
        let (mut rest, mut at, mut stride) = (position, 0, 1);
        for axis in (0..sizes.len()).rev() {
            if !axes.contains(&axis) {
                at += rest % sizes[axis] * stride;
                stride *= sizes[axis];
            }
            rest /= sizes[axis];
        }
        let joined = sums[at].map_or(Some(number), |sum| whole(sum, number));
        if joined.is_none() {
            return Ok(None);
        }
        sums[at] = joined;
    }
    let numbers: Vec<i64> = sums.into_iter().flatten().collect();
    Ok(Some(Host::from_i64(host.element(), result, &numbers)?.into()))
}

/// The place of the largest or smallest along an axis: the first of equals, or with `select_last_index` the last.
fn place<'g>(node: &Node<'_, 'g>, largest: bool) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let axis = node.axis(0, x.shape().rank())?;
    let (along, size) = (axis as isize, x.shape()[axis]);
    if size == 0 {
        return unsupported("the place of the largest of no elements");
    }
    let last = node.flag("select_last_index");
    let places = |x: Tensor<'g>| {
        let mut shape = vec![1; x.shape().rank()];
        shape[axis] = size;
        x.graph().arange(0.0, size as f64, 1.0, DType::I32).reshape(&shape)
    };
    let y = if x.dtype() == DType::F32 || x.dtype().is_half() {
        let x = widest(x);
        let x = if last { x.flip(&[along]) } else { x };
        let y = if largest { x.argmax(along) } else { x.argmin(along) };
        if last { y.full_like((size - 1) as f64) - y } else { y }
    } else {
        let best = if largest { x.max(&[along], true) } else { x.min(&[along], true) };
        let inside = x.eq(best);
        match last {
            true => inside.select(places(x), -1).max(&[along], false),
            false => inside.select(places(x), size as i32).min(&[along], false),
        }
    };
    let y = if node.int("keepdims", 1) != 0 { y.unsqueeze(axis) } else { y };
    node.give(y, Element::Int64)
}
