//! Bits and shifts of integers; WGSL in `shaders/shared/integer.wgsl`.

use anygrad_core::DType;

use super::{Function, SAME, TRUTH, call, none, truth};
use crate::{Case, Fill, IntoTensor, Tensor, Tolerance};

const WHOLE: &[DType] = &[DType::I32, DType::U32];

unary! {
    /// Every bit the other way, `i32` or `u32`.
    bitwise_not(): "bit_not", WHOLE, SAME, |x| -x[0] - 1.0, none;
}

binary! {
    /// One is true, not both.
    logical_xor: "logical_xor", TRUTH, SAME, |x| truth(x[0] != x[1]), none;
    /// The bits that both have, `i32` or `u32`.
    bitwise_and: "bit_and", WHOLE, SAME, |x| (x[0] as i64 & x[1] as i64) as f64, none;
    /// The bits that one has, or both, `i32` or `u32`.
    bitwise_or: "bit_or", WHOLE, SAME, |x| (x[0] as i64 | x[1] as i64) as f64, none;
    /// The bits that one has, not both, `i32` or `u32`.
    bitwise_xor: "bit_xor", WHOLE, SAME, |x| (x[0] as i64 ^ x[1] as i64) as f64, none;
    /// a 2^b without the bits that are shifted out: 0 for b of 32 and more, and for negative b, as in
    /// ONNX.
    shift_left: "shift_left", WHOLE, SAME,
        |x| if (0.0..32.0).contains(&x[1]) { ((x[0] as i64) << x[1] as i64) as f64 } else { 0.0 }, none;
    /// a 2^-b, rounded towards minus infinity. For b of 32 and more, and for negative b, 0, or -1
    /// where a is negative, as in ONNX.
    shift_right: "shift_right", WHOLE, SAME,
        |x| (x[0] as i64 >> if (0.0..32.0).contains(&x[1]) { x[1] as i64 } else { 63 }) as f64, none;
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.forward_only().tolerance(Tolerance::EXACT);
    let bits = |dtype, numbers: Vec<f64>, others: Vec<f64>| {
        let case = Case::many(format!("bitwise_and {dtype}"), |x| {
            let (a, b) = (x[0], x[1]);
            vec![
                a.bitwise_and(b),
                a.bitwise_or(b),
                a.bitwise_xor(b),
                a.bitwise_not(),
                a.shift_left(b),
                a.shift_right(b),
            ]
        });
        let sizes = [others.len(), 1];
        exact(case).filled(&[numbers.len()], dtype, Fill::Given(numbers)).filled(
            &sizes,
            dtype,
            Fill::Given(others),
        )
    };
    vec![
        bits(
            DType::I32,
            vec![0.0, 1.0, -1.0, 16.0, -8.0, 2_147_483_647.0, -2_147_483_648.0],
            vec![0.0, 1.0, 3.0, 31.0, 32.0, 64.0, -1.0, -32.0],
        ),
        bits(
            DType::U32,
            vec![0.0, 1.0, 16.0, 4_294_967_295.0, 2_147_483_648.0],
            vec![0.0, 1.0, 31.0, 32.0, 4_294_967_295.0],
        ),
        exact(Case::new("logical_xor 33", |x| x[0].gt(0.0).logical_xor(x[1].gt(0.0))))
            .input(&[33])
            .input(&[33]),
        exact(Case::many("cast bool", |x| {
            let truth = x[0].cast(DType::Bool);
            vec![truth.cast(DType::I32), truth.cast(DType::U32), truth.cast(DType::F32), truth]
        }))
        .filled(&[9], DType::U32, Fill::Below(3)),
        exact(Case::many("cast i32", |x| {
            vec![x[0].cast(DType::F32), x[0].cast(DType::U32), x[0].cast(DType::Bool), x[0].sign()]
        }))
        .filled(
            &[5],
            DType::I32,
            Fill::Given(vec![0.0, -1.0, 7.0, 16_777_216.0, -2_147_483_648.0]),
        ),
        exact(Case::many("cast f32 to u32 and bool", |x| {
            vec![x[0].cast(DType::U32), x[0].cast(DType::Bool)]
        }))
        .filled(
            &[9],
            DType::F32,
            Fill::Given(vec![
                f64::NAN,
                f64::INFINITY,
                f64::NEG_INFINITY,
                1.9,
                -1.9,
                5e9,
                4_294_967_040.0,
                0.0,
                2_147_483_648.0,
            ]),
        ),
    ]
}
