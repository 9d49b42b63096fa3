//! The cases of the pointwise functions, those of the other tables included.

use anygrad_core::DType;

use super::{integer, rounding, special, trigonometry};
use crate::{Case, Fill, Tensor};

pub(in crate::ops) fn cases() -> Vec<Case> {
    type Unary = for<'g> fn(Tensor<'g>) -> Tensor<'g>;
    type Binary = for<'g> fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>;
    // (name, function, range of the inputs)
    let unary: &[(&str, Unary, f64, f64)] = &[
        ("neg", |x| -x, -2.0, 2.0),
        ("abs", |x| x.abs(), 0.1, 2.0),
        ("square", |x| x.square(), -2.0, 2.0),
        ("sqrt", |x| x.sqrt(), 0.1, 4.0),
        ("rsqrt", |x| x.rsqrt(), 0.2, 4.0),
        ("reciprocal", |x| x.reciprocal(), 0.3, 3.0),
        ("exp", |x| x.exp(), -5.0, 5.0),
        ("expm1", |x| x.expm1(), -2.0, 2.0),
        ("log", |x| x.log(), 0.1, 9.0),
        ("log1p", |x| x.log1p(), -0.6, 3.0),
        ("sin", |x| x.sin(), -3.0, 3.0),
        ("cos", |x| x.cos(), -3.0, 3.0),
        ("sigmoid", |x| x.sigmoid(), -8.0, 8.0),
        ("tanh", |x| x.tanh(), -4.0, 4.0),
        ("erf", |x| x.erf(), -3.0, 3.0),
        ("relu", |x| x.relu(), -2.0, 2.0),
        ("relu6", |x| x.relu6(), -3.0, 9.0),
        ("leaky_relu", |x| x.leaky_relu(0.2), -2.0, 2.0),
        ("elu", |x| x.elu(0.7), -2.0, 2.0),
        ("clip", |x| x.clip(-0.5, 0.75), -2.0, 2.0),
        ("silu", |x| x.silu(), -6.0, 6.0),
        ("softplus", |x| x.softplus(), -6.0, 6.0),
        ("log_sigmoid", |x| x.log_sigmoid(), -6.0, 6.0),
        ("gelu", |x| x.gelu(), -4.0, 4.0),
        ("gelu_tanh", |x| x.gelu_tanh(), -4.0, 4.0),
        ("identity", |x| x.identity(), -2.0, 2.0),
    ];
    let binary: &[(&str, Binary, f64, f64)] = &[
        ("add", |a, b| a + b, -2.0, 2.0),
        ("sub", |a, b| a - b, -2.0, 2.0),
        ("mul", |a, b| a * b, -2.0, 2.0),
        ("div", |a, b| a / b, 0.4, 2.0),
        ("pow", |a, b| a.pow(b), 0.3, 2.0),
        ("maximum", |a, b| a.maximum(b), -2.0, 2.0),
        ("minimum", |a, b| a.minimum(b), -2.0, 2.0),
    ];
    let comparisons: &[(&str, Binary)] = &[
        ("eq", |a, b| a.eq(b)),
        ("ne", |a, b| a.ne(b)),
        ("lt", |a, b| a.lt(b)),
        ("le", |a, b| a.le(b)),
        ("gt", |a, b| a.gt(b)),
        ("ge", |a, b| a.ge(b)),
    ];
    let mut cases = Vec::new();
    for &(name, f, low, high) in unary {
        let range = Fill::Uniform(low, high);
        cases.push(Case::new(format!("{name} 257"), move |x| f(x[0])).filled(&[257], DType::F32, range));
        // NaN and the infinities; no finite derivative there.
        let extremes =
            vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 88.0, -88.0, 1e-30, -1e-30];
        if !matches!(name, "sin" | "cos") {
            let case = Case::new(format!("{name} extremes"), move |x| f(x[0])).forward_only();
            cases.push(case.filled(&[9], DType::F32, Fill::Given(extremes)));
        }
    }
    for &(name, f, low, high) in binary {
        let range = || Fill::Uniform(low, high);
        for (a, b) in [(&[65][..], &[65][..]), (&[3, 1, 5], &[4, 1]), (&[7, 4], &[]), (&[2, 3, 8], &[8])] {
            let case = Case::new(format!("{name} {a:?} {b:?}"), move |x| f(x[0], x[1]));
            cases.push(case.filled(a, DType::F32, range()).filled(b, DType::F32, range()));
        }
    }
    for &(name, f) in comparisons {
        for dtype in [DType::F32, DType::I32] {
            let case = Case::new(format!("{name} {dtype}"), move |x| f(x[0], x[1])).forward_only();
            cases.push(case.filled(&[33], dtype, Fill::Below(4)).filled(&[33], dtype, Fill::Below(4)));
        }
        let nan = || Fill::Given(vec![f64::NAN, 1.0, f64::INFINITY]);
        let case = Case::new(format!("{name} NaN"), move |x| f(x[0], x[1])).forward_only();
        cases.push(case.filled(&[3], DType::F32, nan()).filled(&[3, 1], DType::F32, nan()));
    }
    cases.push(
        Case::new("select f32", |x| x[0].gt(0.0).select(x[1], x[2]))
            .input(&[5, 13])
            .input(&[5, 13])
            .input(&[13]),
    );
    cases.push(Case::new("cast f32 to i32", |x| x[0].cast(DType::I32)).forward_only().filled(
        &[8],
        DType::F32,
        Fill::Given(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.9, -1.9, 3e9, -3e9, 0.0]),
    ));
    for dtype in [DType::I32, DType::U32] {
        let case = Case::many(format!("numbers beside {dtype}"), |x| {
            vec![(x[0] + 3) * 2, x[0].gt(40), x[0].minimum(7)]
        });
        cases.push(case.forward_only().filled(&[37], dtype, Fill::Below(100)));
        let case = Case::many(format!("cast {dtype}"), |x| {
            let truth = x[0].cast(DType::Bool);
            vec![truth, truth.cast(DType::I32), truth.cast(DType::U32), truth.cast(DType::F32)]
        });
        cases.push(case.forward_only().filled(&[9], dtype, Fill::Below(3)));
        let case = Case::many(format!("select {dtype}"), |x| {
            let swapped = x[0].gt(x[1]);
            vec![
                swapped.select(x[1], x[0]),
                swapped.select(swapped.logical_not(), x[0].eq(x[1])),
                swapped.select(x[0], 5),
            ]
        });
        let case = case.forward_only().filled(&[5, 3], dtype, Fill::Below(9));
        cases.push(case.filled(&[3], dtype, Fill::Below(9)));
        cases.push(
            Case::new(format!("arithmetic {dtype}"), |x| (x[0] * x[1] + x[0]).maximum(x[1]).cast(DType::F32))
                .forward_only()
                .filled(&[37], dtype, Fill::Below(100))
                .filled(&[37], dtype, Fill::Below(100)),
        );
    }
    let integers = |numbers: &[i32]| Fill::Given(numbers.iter().map(|&n| f64::from(n)).collect());
    cases.push(
        Case::many("floor_div i32", |x| vec![x[0].floor_div(x[1]), x[0].modulo(x[1])])
            .forward_only()
            .filled(&[7], DType::I32, integers(&[7, -7, 6, -6, 0, i32::MIN, i32::MAX]))
            .filled(&[6, 1], DType::I32, integers(&[2, -2, 3, 0, -1, 1_000_003])),
    );
    cases.push(
        Case::many("floor_div u32", |x| vec![x[0].floor_div(x[1]), x[0].modulo(x[1])])
            .forward_only()
            .filled(&[4], DType::U32, Fill::Given(vec![7.0, 0.0, 4_294_967_295.0, 3_000_000_000.0]))
            .filled(&[4, 1], DType::U32, Fill::Given(vec![2.0, 0.0, 4_294_967_295.0, 1_000_003.0])),
    );
    cases.push(Case::new("sign 19", |x| x[0].sign() + x[0].floor()).forward_only().input(&[19]));
    cases.push(
        Case::new("logic 33", |x| {
            let (a, b) = (x[0].gt(0.0), x[1].gt(0.0));
            a.logical_and(b).logical_or(a.logical_not())
        })
        .forward_only()
        .input(&[33])
        .input(&[33]),
    );
    cases.extend(integer::cases());
    cases.extend(rounding::cases());
    cases.extend(special::cases());
    cases.extend(trigonometry::cases());
    cases
}
