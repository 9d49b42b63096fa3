//! Movements of elements.

use anygrad_graph::Tensor;
use anygrad_graph::ops::{BlockOrder, PadMode, ScatterReduction};
use serde_json::Value;

use super::{channels_first, channels_last};
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
        "gather_nd" => x().gather_nd(i(), 0),
        "scatter_add" => x().scatter_nd(i(), e.input("u"), ScatterReduction::Add),
        "segment_sum" => x().segment_sum(i(), e.count("num_segments")),
        "one_hot" => i().one_hot(e.count("depth")).matmul(e.input("w")),
        "pad" => {
            let pads = pads(e);
            match e.text("mode") {
                "constant" => x().pad(&pads, e.number("value")),
                "reflect" => x().pad_with(&pads, PadMode::Reflect),
                other => e.unknown("mode", other),
            }
        }
        "upsample_nearest" => x().upsample_nearest(&e.sizes("scales")),
        "depth_to_space" => {
            channels_last(channels_first(x()).depth_to_space(e.count("block"), BlockOrder::DepthFirst))
        }
        "space_to_depth" => {
            channels_last(channels_first(x()).space_to_depth(e.count("block"), BlockOrder::DepthFirst))
        }
        "tril" => x().tril(e.integer("k")),
        _ => return None,
    };
    Some(vec![y])
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
