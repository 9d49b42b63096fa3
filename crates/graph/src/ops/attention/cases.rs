//! Lengths around a tile, widths of every variant, each option alone and some together.

use anygrad_core::{Array, DType, Shape};

use super::{Attention, AttentionDropout};
use crate::{Case, Fill, Tensor, Tolerance};

/// Batch, heads, heads of keys, queries, keys, width.
type Sizes = [usize; 6];

/// Queries, keys and values as inputs 0, 1 and 2.
fn case(
    name: &str,
    [batch, heads, kv_heads, queries, keys, width]: Sizes,
    options: impl for<'g> Fn(&[Tensor<'g>]) -> Attention<'g> + Send + Sync + 'static,
) -> Case {
    Case::new(format!("attention {name} {batch}x{heads}/{kv_heads}x{queries}x{keys}x{width}"), move |x| {
        x[0].scaled_dot_product_attention(x[1], x[2], options(x))
    })
    .input(&[batch, heads, queries, width])
    .input(&[batch, kv_heads, keys, width])
    .input(&[batch, kv_heads, keys, width])
    // exp multiplies the error of a score, a sum over the width, by the result; then sums over keys.
    .tolerance(Tolerance { relative: 1e-5, absolute: 2e-6 })
    .gradient_tolerance(Tolerance { relative: 2e-5, absolute: 1e-5 })
}

fn plain<'g>(_: &[Tensor<'g>]) -> Attention<'g> {
    Attention::default()
}

fn causal<'g>(_: &[Tensor<'g>]) -> Attention<'g> {
    Attention { causal: true, ..Attention::default() }
}

fn masked<'g>(x: &[Tensor<'g>]) -> Attention<'g> {
    Attention { mask: Some(x[3]), ..Attention::default() }
}

fn dropped<'g>(counter: Tensor<'g>, rate: f64) -> Attention<'g> {
    Attention { dropout: Some(AttentionDropout { rate, seed: 7, counter }), ..Attention::default() }
}

pub(in crate::ops) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for sizes in [[1, 1, 1, 1, 1, 1], [2, 3, 3, 5, 7, 3], [1, 2, 2, 31, 33, 4], [1, 1, 1, 65, 32, 20]] {
        cases.push(case("plain", sizes, plain));
    }
    // Rows of 9, 17 and 33 vectors: other variants, and two tiles of columns.
    for width in [36, 68, 132] {
        cases.push(case("wide", [1, 2, 1, 33, 34, width], plain));
    }
    // As many queries as keys, fewer (a cache of keys), more (the first see nothing).
    for sizes in [[1, 2, 2, 66, 66, 4], [2, 2, 1, 3, 70, 8], [1, 1, 1, 70, 3, 4], [1, 4, 2, 35, 40, 5]] {
        cases.push(case("causal", sizes, causal));
    }
    let truth = || Fill::Given([1.0, 0.0, 1.0, 1.0, 0.0].to_vec());
    cases.push(case("mask of keys", [2, 2, 2, 4, 37, 4], masked).filled(
        &[2, 1, 1, 37],
        DType::Bool,
        truth(),
    ));
    // Queries that see no key.
    let some = (0..6 * 5).map(|i| f64::from(u8::from(i % 10 > 4 && i % 3 > 0))).collect();
    cases.push(case("mask of all", [1, 2, 2, 6, 5, 4], masked).filled(
        &[6, 5],
        DType::Bool,
        Fill::Given(some),
    ));
    cases.push(case("added mask", [2, 3, 3, 5, 7, 4], masked).input(&[3, 5, 7]));
    cases.push(case("infinite mask", [1, 2, 2, 3, 7, 4], |x| {
        let infinite = [0.5, f64::NEG_INFINITY, -1.0, f64::from(f32::MIN), 0.0, -2.0, f64::NEG_INFINITY];
        let numbers = [infinite, [f64::NEG_INFINITY; 7], infinite].concat();
        let shape = Shape::new(&[3, 7]).unwrap_or(Shape::SCALAR);
        let mask = x[0].graph().constant(Array::from_f64(shape, DType::F32, &numbers));
        Attention { mask: Some(mask), causal: true, ..Attention::default() }
    }));
    cases.push(
        case("mask of a view", [1, 2, 1, 5, 6, 4], |x| Attention {
            mask: Some(x[3].t().narrow(0, 1..6)),
            ..Attention::default()
        })
        .input(&[6, 7]),
    );
    for (name, rate, sizes) in
        [("dropout", 0.3, [2, 2, 1, 9, 34, 4]), ("dropout of all", 1.0, [1, 1, 1, 2, 3, 4])]
    {
        let counter = Fill::Given(vec![3.0]);
        cases.push(case(name, sizes, move |x| dropped(x[3], rate)).filled(&[], DType::U32, counter));
    }
    cases.push(
        case("scale", [1, 1, 1, 4, 5, 8], |_| Attention { scale: Some(-2.0), ..Attention::default() })
            .gradient_tolerance(Tolerance { relative: 2e-5, absolute: 2e-5 }),
    );
    // More tiles than one dispatch goes through, of keys and of queries.
    let long = 512 * 32 + 5;
    for (name, sizes) in [("many keys", [1, 2, 2, 2, long, 4]), ("many queries", [1, 2, 1, long, 2, 4])] {
        // The gradients of keys sum over many queries.
        cases.push(case(name, sizes, plain).gradient_tolerance(Tolerance { relative: 5e-5, absolute: 1e-3 }));
    }
    cases.push(
        Case::new("attention with wide values", |x| {
            x[0].scaled_dot_product_attention(x[1], x[2], Attention::default())
        })
        .input(&[1, 2, 4, 3])
        .input(&[1, 2, 5, 3])
        .input(&[1, 2, 5, 6]),
    );
    let extreme = |name: &str, numbers: Vec<f64>| {
        Case::new(format!("attention {name}"), |x| {
            x[0].scaled_dot_product_attention(
                x[1],
                x[2],
                Attention { scale: Some(1.0), ..Attention::default() },
            )
        })
        .forward_only()
        .filled(&[1, 1, 3, 4], DType::F32, Fill::Given(numbers))
        .input(&[1, 1, 5, 4])
        .input(&[1, 1, 5, 4])
        // Scores of thousands are off by a few 1e-4.
        .tolerance(Tolerance { relative: 2e-3, absolute: 1e-5 })
    };
    cases.push(extreme("of large scores", vec![2000.0, -3000.0, 500.0, 1000.0]));
    cases.push(extreme("of NaN", vec![1.0, 2.0, f64::NAN, 3.0, 0.5, 1.0, 2.0, 3.0]));
    cases.push(case("nothing", [1, 2, 2, 3, 0, 4], plain));
    // The gradient of the gradient, with every option.
    cases.push(
        Case::many("attention twice", |x| {
            let graph = x[0].graph();
            let options = Attention { causal: true, mask: Some(x[3]), ..dropped(x[4], 0.2) };
            let y = x[0].scaled_dot_product_attention(x[1], x[2], options);
            graph.gradients((y * x[0]).square().sum_all(), &x[..4])
        })
        .input(&[1, 4, 3, 4])
        .input(&[1, 2, 5, 4])
        .input(&[1, 2, 5, 4])
        .input(&[3, 5])
        .filled(&[], DType::U32, Fill::Given(vec![1.0]))
        .gradient_tolerance(Tolerance { relative: 1e-4, absolute: 5e-5 }),
    );
    cases
}
