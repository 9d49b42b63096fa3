//! Movements of elements.

use anygrad::core::{Array, DType};
use anygrad::graph::Tensor;

use crate::case;
use crate::expression::Expression;

pub fn build<'g>(e: &Expression<'g>) -> Option<Vec<Tensor<'g>>> {
    let (x, i) = (|| e.input("x"), || e.input("i"));
    let y = match e.op() {
        "broadcast_to" => x().broadcast_to(&e.sizes("shape")),
        "concat" => e.graph.concat(&e.inputs(), e.integer("axis")),
        "stack" => e.graph.stack(&e.inputs(), e.integer("axis") as usize),
        "split" => return Some(x().split(e.integer("axis"), &e.sizes("sizes"))),
        "expand_dims" => {
            assert_eq!(e.text("formula"), "squeeze(expand_dims(x,1),[2])");
            x().unsqueeze(1).squeeze(2)
        }
        "reshape" => {
            // [7, -1]
            let first = e.attribute("shape")[0].as_u64().unwrap() as usize;
            x().reshape(&[first, x().shape().elements() / first])
        }
        "transpose" => x().permute(&e.sizes("perm")),
        "reverse" => x().flip(&e.axes(x())),
        "roll" => x().roll(e.integer("axis"), e.integer("shift")),
        "tile" => x().tile(&e.sizes("repeats")),
        "slice" => match e.text("python") {
            "x[1:9:2, ::3]" => x().slice(0, 1..9, 2).slice(1, 0..8, 3),
            "x[::-1, 5:1:-2]" => x().slice(0, 0..4, -1).slice(1, 2..6, -2),
            other => panic!("unknown slice {other}"),
        },
        "gather" => x().gather(e.integer("axis"), i()),
        "gather_elements" => x().gather_elements(e.integer("axis"), i()),
        "scatter_add" => x().index_add(0, i().squeeze(1), e.input("u")),
        "segment_sum" => x().segment_sum(i(), e.integer("num_segments") as usize),
        "one_hot" => i().one_hot(e.integer("depth") as usize).matmul(e.input("w")),
        "pad" => {
            let pads = e.attribute("pads").as_array().unwrap().iter().map(case::sizes);
            let pads: Vec<(usize, usize)> = pads.map(|pad| (pad[0], pad[1])).collect();
            match e.text("mode") {
                "constant" => x().pad(&pads, e.number("value")),
                "reflect" => pads.iter().enumerate().fold(x(), |x, (axis, &pad)| reflected(x, axis, pad)),
                other => panic!("unknown mode {other}"),
            }
        }
        "upsample_nearest" => {
            let enlarge = |x: Tensor<'g>, (axis, scale): (usize, usize)| {
                picked(x, axis, (0..x.shape()[axis] * scale).map(|i| i / scale))
            };
            e.sizes("scales").into_iter().enumerate().fold(x(), enlarge)
        }
        "depth_to_space" => {
            let (block, [n, h, w, c]) = (e.integer("block") as usize, x().dims("the input"));
            let depth = c / (block * block);
            let parts = x().reshape(&[n, h, w, block, block, depth]).permute(&[0, 1, 3, 2, 4, 5]);
            parts.reshape(&[n, h * block, w * block, depth])
        }
        "space_to_depth" => {
            let (block, [n, h, w, c]) = (e.integer("block") as usize, x().dims("the input"));
            let (h, w) = (h / block, w / block);
            let parts = x().reshape(&[n, h, block, w, block, c]).permute(&[0, 1, 3, 2, 4, 5]);
            parts.reshape(&[n, h, w, block * block * c])
        }
        "tril" => {
            let rank = x().shape().rank();
            let (rows, columns) = (x().shape()[rank - 2], x().shape()[rank - 1]);
            let count = |sizes: [usize; 2], size: usize| {
                let numbers: Vec<f32> = (0..size).map(|i| i as f32).collect();
                e.graph.constant(Array::f32(&sizes, numbers).unwrap())
            };
            let inside = (count([rows, 1], rows) + e.number("k")).ge(count([1, columns], columns));
            inside.select(x(), 0.0)
        }
        _ => return None,
    };
    debug_assert!(y.dtype() == DType::F32);
    Some(vec![y])
}

/// The elements of an axis in this order.
fn picked(x: Tensor<'_>, axis: usize, order: impl Iterator<Item = usize>) -> Tensor<'_> {
    let indices: Vec<i32> = order.map(|i| i as i32).collect();
    let indices = x.graph().constant(Array::i32(&[indices.len()], indices).unwrap());
    x.gather(axis as isize, indices)
}

/// Padded with the elements before and after the border, mirrored in it.
fn reflected(x: Tensor<'_>, axis: usize, (before, after): (usize, usize)) -> Tensor<'_> {
    let size = x.shape()[axis];
    picked(x, axis, (1..=before).rev().chain(0..size).chain((1..=after).map(move |i| size - 1 - i)))
}
