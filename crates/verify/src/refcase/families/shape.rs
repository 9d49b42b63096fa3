//! Movements of elements.

use anygrad_core::{Array, DType, Shape};
use anygrad_graph::Tensor;
use serde_json::Value;

use crate::refcase::expression::Expression;

pub(crate) fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (x, i) = (|| e.input("x"), || e.input("i"));
    let y = match e.op() {
        "broadcast_to" => x().broadcast_to(&e.sizes("shape")),
        "concat" => e.graph.concat(&e.inputs(1), e.integer("axis")),
        "stack" => e.graph.stack(&e.inputs(1), e.count("axis")),
        "split" => return Some(x().split(e.integer("axis"), &e.sizes("sizes"))),
        "expand_dims" => {
            if e.text("formula") != "squeeze(expand_dims(x,1),[2])" {
                e.unknown("formula", e.text("formula"));
            }
            x().unsqueeze(1).squeeze(2)
        }
        "reshape" => {
            // One size may be -1: what is left.
            let sizes: Vec<i64> =
                e.attribute("shape").as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
            let known: usize = sizes.iter().filter(|&&size| size > 0).map(|&size| size as usize).product();
            let left = x().shape().elements() / known.max(1);
            x().reshape(&sizes.iter().map(|&size| usize::try_from(size).unwrap_or(left)).collect::<Vec<_>>())
        }
        "transpose" => x().permute(&e.sizes("perm")),
        "reverse" => x().flip(&e.axes(x())),
        "roll" => x().roll(e.integer("axis"), e.integer("shift")),
        "tile" => x().tile(&e.sizes("repeats")),
        "slice" => sliced(x(), e.text("python")).unwrap_or_else(|| e.unknown("slice", e.text("python"))),
        "gather" => x().gather(e.integer("axis"), i()),
        "gather_elements" => x().gather_elements(e.integer("axis"), i()),
        "scatter_add" => x().index_add(0, i().squeeze(1), e.input("u")),
        "segment_sum" => x().segment_sum(i(), e.count("num_segments")),
        "one_hot" => i().one_hot(e.count("depth")).matmul(e.input("w")),
        "pad" => {
            let pads = pads(e);
            match e.text("mode") {
                "constant" => x().pad(&pads, e.number("value")),
                "reflect" => pads.iter().enumerate().fold(x(), |x, (axis, &pad)| reflected(x, axis, pad)),
                other => e.unknown("mode", other),
            }
        }
        "upsample_nearest" => {
            let enlarge = |x: Tensor<'g>, (axis, scale): (usize, usize)| {
                picked(x, axis, (0..x.shape()[axis] * scale).map(|i| i / scale))
            };
            e.sizes("scales").into_iter().enumerate().fold(x(), enlarge)
        }
        "depth_to_space" => {
            let (block, [n, h, w, c]) = (e.count("block"), x().dims("the input"));
            let depth = c / (block * block);
            let parts = x().reshape(&[n, h, w, block, block, depth]).permute(&[0, 1, 3, 2, 4, 5]);
            parts.reshape(&[n, h * block, w * block, depth])
        }
        "space_to_depth" => {
            let (block, [n, h, w, c]) = (e.count("block"), x().dims("the input"));
            let (h, w) = (h / block, w / block);
            let parts = x().reshape(&[n, h, block, w, block, c]).permute(&[0, 1, 3, 2, 4, 5]);
            parts.reshape(&[n, h, w, block * block * c])
        }
        "tril" => {
            let [.., rows, columns] = x().shape()[..] else {
                e.fail("tril takes a matrix");
                return Some(vec![x()]);
            };
            let count = |sizes: [usize; 2]| numbers(x(), &sizes, DType::F32, 0..sizes[0] * sizes[1]);
            let inside = (count([rows, 1]) + e.number("k")).ge(count([1, columns]));
            inside.select(x(), 0.0)
        }
        _ => return None,
    };
    Some(vec![y])
}

/// Whole numbers of a shape.
fn numbers<'g>(
    x: Tensor<'g>,
    sizes: &[usize],
    dtype: DType,
    numbers: impl Iterator<Item = usize>,
) -> Tensor<'g> {
    let numbers: Vec<f64> = numbers.map(|number| number as f64).collect();
    match Shape::new(sizes) {
        Ok(shape) => x.graph().constant(Array::from_f64(shape, dtype, &numbers)),
        Err(_) => x,
    }
}

/// The elements of an axis in this order.
fn picked(x: Tensor<'_>, axis: usize, order: impl Iterator<Item = usize>) -> Tensor<'_> {
    let order: Vec<usize> = order.collect();
    x.gather(axis as isize, numbers(x, &[order.len()], DType::I32, order.iter().copied()))
}

/// How many elements go before and after each axis.
fn pads(e: &Expression<'_>) -> Vec<(usize, usize)> {
    let pads = e.attribute("pads").as_array().map(Vec::as_slice).unwrap_or_default();
    let size = |pad: &Value, side: usize| {
        pad[side].as_u64().unwrap_or_else(|| {
            e.fail("pads are not pairs of sizes");
            0
        }) as usize
    };
    pads.iter().map(|pad| (size(pad, 0), size(pad, 1))).collect()
}

/// Padded with the elements before and after the border, mirrored in it.
fn reflected(x: Tensor<'_>, axis: usize, (before, after): (usize, usize)) -> Tensor<'_> {
    let size = x.shape()[axis];
    picked(x, axis, (1..=before).rev().chain(0..size).chain((1..=after).map(move |i| size - 1 - i)))
}

/// Python's `x[from:to:step, ...]`.
fn sliced<'g>(x: Tensor<'g>, python: &str) -> Option<Tensor<'g>> {
    let axes = python.strip_prefix("x[")?.strip_suffix(']')?.split(',');
    let mut y = x;
    for (axis, slice) in axes.enumerate() {
        let size = *x.shape().get(axis)? as isize;
        let mut bounds = slice.trim().split(':').map(|bound| match bound {
            "" => Some(None),
            number => number.parse::<isize>().ok().map(Some),
        });
        let (from, to) = (bounds.next()??, bounds.next()??);
        let step = bounds.next().unwrap_or(Some(None))?.unwrap_or(1);
        // A negative bound counts from the back; one that is out of reach is the border.
        let at = |bound: Option<isize>, border: isize| {
            bound.map_or(border, |bound| if bound < 0 { bound + size } else { bound }.clamp(0, size)) as usize
        };
        let range = if step > 0 {
            at(from, 0)..at(to, size)
        } else {
            at(to.map(|to| to + 1), 0)..at(from.map(|from| from + 1), size)
        };
        y = y.slice(axis as isize, range.start..range.end.max(range.start), step);
    }
    Some(y)
}
