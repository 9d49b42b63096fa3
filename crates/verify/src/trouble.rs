//! Sizes at which adapters are known to fail: past the workgroups of one dimension, at the largest
//! binding, past the loop iterations that a software adapter allows, with unaligned tails.

use anygrad_core::{Caps, DType};
use anygrad_graph::ops::Pool;
use anygrad_graph::{Case, Fill, Tolerance};

/// Larger bindings are not filled: it would take minutes and all memory, and no other path.
const LARGEST_BYTES: u64 = 128 << 20;

pub(crate) fn cases(caps: &Caps) -> Vec<Case> {
    let mut cases = Vec::new();
    // One workgroup per row, and more rows than workgroups in one dimension.
    let rows = caps.max_workgroups as usize + 2;
    let small = Tolerance { relative: 2e-6, absolute: 1e-6 };
    let case = Case::new(format!("softmax {rows} rows"), |x| x[0].softmax(-1)).forward_only();
    cases.push(case.input(&[rows, 3]).tolerance(small));
    let case = Case::new(format!("sum {rows} rows"), |x| x[0].sum(&[1], false));
    cases.push(case.input(&[rows, 9]).tolerance(Tolerance::sum(9)));
    let case = Case::new(format!("max {rows} rows"), |x| x[0].max(&[1], false)).forward_only();
    cases.push(case.input(&[rows, 5]).tolerance(Tolerance::EXACT));
    let case = Case::new(format!("argmax {rows} rows"), |x| x[0].argmax(1)).forward_only();
    cases.push(case.input(&[rows, 5]).tolerance(Tolerance::EXACT));
    let case = Case::new(format!("gather {rows} rows"), |x| x[0].gather(0, x[1])).forward_only();
    let case = case.input(&[7, 3]).filled(&[rows], DType::I32, Fill::Below(7));
    cases.push(case.tolerance(Tolerance::EXACT));
    let case = Case::new(format!("matmul {rows} matrices"), |x| x[0].matmul(x[1]));
    cases.push(case.input(&[rows, 1, 2]).input(&[rows, 2, 1]));
    let case = Case::new(format!("max_pool2d {rows} images"), |x| x[0].max_pool2d(Pool::new([2, 2])));
    cases.push(case.forward_only().input(&[rows, 1, 2, 3]).tolerance(Tolerance::EXACT));

    // Past the loop iterations of one invocation, in one row and in one column.
    let long = 1_200_003;
    let sum = Tolerance { relative: 5e-6, absolute: 1e-6 * (long as f64).sqrt() };
    let case = Case::new(format!("sum of {long}"), |x| x[0].sum_all()).forward_only();
    cases.push(case.input(&[long]).tolerance(sum));
    let case = Case::new(format!("sum of {long} rows"), |x| x[0].sum(&[0], false)).forward_only();
    cases.push(case.input(&[long, 1]).tolerance(sum));
    let case = Case::new(format!("matmul inner size {long}"), |x| x[0].matmul(x[1])).forward_only();
    cases.push(case.input(&[1, long]).input(&[long, 1]).tolerance(sum));

    // As large as one binding can be, and not a multiple of anything.
    let bytes = caps.max_binding_bytes.min(caps.max_buffer_bytes).min(LARGEST_BYTES);
    let count = (bytes / 4) as usize;
    for count in [count, count - 5] {
        let case = Case::new(format!("mul {count} elements"), |x| x[0] * 2.0 + 0.5).forward_only();
        cases.push(case.filled(&[count], DType::F32, Fill::Given(vec![0.25, -1.0, 3.0])));
    }

    // Subnormals may be taken for 0, infinities and NaN may not be lost.
    let (tiny, nan, inf) = (1e-40, f64::NAN, f64::INFINITY);
    let special =
        [0.0, tiny, -tiny, 1.5e-38, -1.5e-38, 1.0, -1.0, 88.7, -88.7, 1.6e38, -1.6e38, inf, -inf, nan];
    let special = || Fill::Given(special.to_vec());
    let flush = Tolerance { relative: 1e-6, absolute: 2.0 * f64::from(f32::MIN_POSITIVE) };
    type Unary = for<'g> fn(anygrad_graph::Tensor<'g>) -> anygrad_graph::Tensor<'g>;
    let functions: [(&str, Unary, f64); 8] = [
        ("relu", |x| x.relu(), 0.0),
        ("neg", |x| -x, 0.0),
        ("abs", |x| x.abs(), 0.0),
        ("tanh", |x| x.tanh(), 1e-6),
        ("sigmoid", |x| x.sigmoid(), 1e-6),
        ("softplus", |x| x.softplus(), 1e-6),
        ("clip", |x| x.clip(-2.0, 2.0), 0.0),
        ("identity", |x| x.identity(), 0.0),
    ];
    for (name, function, absolute) in functions {
        let case = Case::new(format!("{name} special numbers"), move |x| function(x[0])).forward_only();
        let tolerance = Tolerance { absolute: flush.absolute + absolute, ..flush };
        cases.push(case.filled(&[14], DType::F32, special()).tolerance(tolerance));
    }
    let pairs =
        |name: &str, function: for<'g> fn(&[anygrad_graph::Tensor<'g>]) -> anygrad_graph::Tensor<'g>| {
            let case = Case::new(format!("{name} special pairs"), function).forward_only();
            case.filled(&[14, 1], DType::F32, special()).filled(&[14], DType::F32, special()).tolerance(flush)
        };
    cases.push(pairs("add", |x| x[0] + x[1]));
    cases.push(pairs("maximum", |x| x[0].maximum(x[1])));
    cases.push(pairs("minimum", |x| x[0].minimum(x[1])));
    cases
}
