//! Poolings.

use anygrad_core::{Array, DType, Error};
use anygrad_graph::Tensor;
use anygrad_graph::ops::{IndexBase, Pool};

use super::Row;
use super::windows::{AutoPad, Windows, auto_pad, by_axes, pads, sizes_of, space};
use crate::Element;
use crate::node::{Node, count, typed};
use crate::value::{Outputs, Stop, wrong};

pub(super) const ROWS: &[Row] = &[
    ("AveragePool", |n| by_axes(n, [average::<1>, average::<2>, average::<3>])),
    ("GlobalAveragePool", |n| n.same(n.tensor(0)?.global_avg_pool())),
    ("GlobalLpPool", |n| n.same(n.tensor(0)?.global_lp_pool(power(n)))),
    ("GlobalMaxPool", |n| n.same(n.tensor(0)?.global_max_pool())),
    ("LpPool", |n| by_axes(n, [lp::<1>, lp::<2>, lp::<3>])),
    ("MaxPool", |n| by_axes(n, [largest::<1>, largest::<2>, largest::<3>])),
    ("MaxUnpool", |n| by_axes(n, [unpool::<1>, unpool::<2>, unpool::<3>])),
];

/// The windows of a pooling.
fn windows<const N: usize>(node: &Node<'_, '_>, x: Tensor<'_>) -> Result<Pool<N>, Stop> {
    let Some(kernel) = sizes_of::<N>(node, "kernel_shape")? else { return wrong("kernel_shape is missing") };
    let Windows { kernel, stride, dilation, padding } = Windows::of(node, kernel, space(x))?;
    // Padding that is worked out leaves nothing to round up.
    let ceil_mode = node.flag("ceil_mode") && auto_pad(node)? == AutoPad::Given;
    Ok(Pool { kernel, stride, padding, dilation, ceil_mode })
}

fn average<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    node.same(x.avg_pool_nd(windows::<N>(node, x)?, node.flag("count_include_pad")))
}

/// p, an integer from version 2 on and a float before.
fn power(node: &Node<'_, '_>) -> f64 {
    if node.opset < 2 { node.float("p", 2.0) } else { node.int("p", 2) as f64 }
}

fn lp<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    node.same(x.lp_pool_nd(windows::<N>(node, x)?, power(node)))
}

/// The largest element of each window, and where it stands among all elements.
fn largest<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let x = node.tensor(0)?;
    let element = node.element(0)?;
    let pool = windows::<N>(node, x)?;
    // Integers of 8 bits are exact as floats.
    let floats = if x.dtype().is_float() { x } else { x.cast(DType::F32) };
    if !node.wants(1) {
        return node.give(floats.max_pool_nd(pool).cast(x.dtype()), element);
    }
    let [values, mut places] = floats.max_pool_with_indices(pool, IndexBase::Tensor);
    if node.flag("storage_order") {
        places = column_major(places, &space::<N>(x))?;
    }
    Ok(vec![typed(values.cast(x.dtype()), element), typed(places, Element::Int64)])
}

/// Places that count the last axis first, as places that count the first axis of space first.
fn column_major<'g>(places: Tensor<'g>, sizes: &[usize]) -> Result<Tensor<'g>, Error> {
    let graph = places.graph();
    let number = |x: usize| Ok::<_, Error>(graph.constant(Array::i32_from_i64(&[], &[x as i64])?));
    let plane: usize = sizes.iter().product();
    let mut rest = places.remainder(number(plane)?);
    let mut turned = places - rest;
    let mut row = plane;
    let mut column = 1;
    for &size in sizes {
        row /= size.max(1);
        let index = rest.floor_div(number(row)?);
        rest = rest - index * number(row)?;
        turned = turned + index * number(column)?;
        column *= size;
    }
    Ok(places.lt(number(0)?).select(places, turned))
}

/// Elements put back where a pooling found them, zeros elsewhere. Places count through the sizes that the windows
/// imply; a larger `output_shape` adds zeros behind.
fn unpool<'g, const N: usize>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, places) = (node.tensor(0)?, node.tensor(1)?);
    let Some(kernel) = sizes_of::<N>(node, "kernel_shape")? else { return wrong("kernel_shape is missing") };
    let stride = sizes_of(node, "strides")?.unwrap_or([1; N]);
    let pads = pads::<N>(node)?;
    let input = space::<N>(x);
    let size = |axis: usize| {
        let reach = (input[axis].checked_sub(1)?).checked_mul(stride[axis])?.checked_add(kernel[axis])?;
        reach.checked_sub(pads[axis][0].checked_add(pads[axis][1])?)
    };
    let Some(sizes) = (0..N).map(size).collect::<Option<Vec<_>>>() else {
        return wrong(format!("{} has no way back by {kernel:?}, {stride:?} and {pads:?}", x.shape()));
    };
    let y = x.max_unpool(places, &sizes, IndexBase::Tensor);
    let Some(told) = node.maybe_ints(2)? else { return node.same(y) };
    let mut zeros = vec![(0, 0); N + 2];
    for (axis, &size) in told.iter().enumerate().skip(2) {
        let behind = count("a size", size)?.checked_sub(sizes.get(axis - 2).copied().unwrap_or(usize::MAX));
        match behind {
            Some(behind) => zeros[axis].1 = behind,
            None => return wrong(format!("output_shape is {told:?}, the windows imply {sizes:?}")),
        }
    }
    node.same(y.pad(&zeros, 0.0))
}
