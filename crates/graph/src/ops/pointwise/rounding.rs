//! Rounding, remainders and tests of floats; WGSL in `shaders/shared/rounding.wgsl`.

use super::{BOOL, FLOAT, Function, NUMBER, SAME, call, none, truth, two};
use crate::{Case, Fill, IntoTensor, Tensor, Tolerance, core::DType};

unary! {
    /// The smallest whole number not below x.
    ceil(): "ceil_of", FLOAT, SAME, |x| x[0].ceil(), none;
    /// The nearest whole number; a half goes to the even neighbour, as in NumPy, PyTorch and ONNX.
    round(): "round_of", FLOAT, SAME, |x| x[0].round_ties_even(), none;
    /// The whole number towards zero.
    trunc(): "trunc_of", FLOAT, SAME, |x| x[0].trunc(), none;
    /// Whether x is not a number.
    isnan(): "test_nan", FLOAT, BOOL, |x| truth(x[0].is_nan()), none;
    /// Whether x is infinite, of either sign.
    isinf(): "test_infinite", FLOAT, BOOL, |x| truth(x[0].is_infinite()), none;
    /// Whether x is neither infinite nor NaN.
    isfinite(): "test_finite", FLOAT, BOOL, |x| truth(x[0].is_finite()), none;
}

binary! {
    /// a - b trunc(a / b), which has the sign of a (C's `fmod`). Of floats exact to a rounding of a, so
    /// of no use where |a / b| is beyond 2^24, and NaN where b is 0; of integers 0 there.
    fmod: "fmod", NUMBER, SAME, |x| x[0] % x[1],
        |at, _| two(at, || at.dy(), || -(at.dy() * (at.x[0] / at.x[1]).trunc()));
    /// a - b floor(a / b), which has the sign of b (Python's `%`), 0 too; for the rest as
    /// [`Tensor::fmod`].
    remainder: "remainder", NUMBER, SAME, |x| {
        let r = x[0] % x[1];
        if r == 0.0 {
            0.0f64.copysign(x[1])
        } else if (r < 0.0) != (x[1] < 0.0) {
            r + x[1]
        } else {
            r
        }
    }, |at, _| two(at, || at.dy(), || -(at.dy() * (at.x[0] / at.x[1]).floor()));
}

impl<'g> Tensor<'g> {
    /// x where it is a number; `nan`, `infinity` and `minus_infinity` where it is not or infinite.
    #[track_caller]
    pub fn nan_to_num(self, nan: f64, infinity: f64, minus_infinity: f64) -> Tensor<'g> {
        let outside = self.gt(0.0).select(infinity, minus_infinity);
        self.isfinite().select(self, self.isnan().select(nan, outside))
    }

    /// The larger of x and `low`: [`Tensor::clip`] with one side, of any dtype of numbers.
    #[track_caller]
    pub fn clamp_min(self, low: impl IntoTensor<'g>) -> Tensor<'g> {
        self.maximum(low)
    }

    /// The smaller of x and `high`: [`Tensor::clip`] with one side, of any dtype of numbers.
    #[track_caller]
    pub fn clamp_max(self, high: impl IntoTensor<'g>) -> Tensor<'g> {
        self.minimum(high)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let exact = |case: Case| case.forward_only().tolerance(Tolerance::EXACT);
    let extremes =
        vec![nan, inf, -inf, 0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e-30, -7.3, 8_388_609.0, -3e38];
    let numbers = vec![7.0, -7.0, 4.5, -4.5, 0.0, 1e-30, 1e5, inf, -inf, nan, 5.25];
    let divisors = vec![3.0, -3.0, 1.5, 0.0, inf, -inf, nan, 0.5];
    let mut cases = vec![
        exact(Case::many("round 14", |x| vec![x[0].ceil(), x[0].round(), x[0].trunc(), x[0].floor()]))
            .filled(&[14], DType::F32, Fill::Given(extremes.clone())),
        exact(Case::many("isnan 14", |x| vec![x[0].isnan(), x[0].isinf(), x[0].isfinite()])).filled(
            &[14],
            DType::F32,
            Fill::Given(extremes.clone()),
        ),
        exact(Case::new("nan_to_num 14", |x| x[0].nan_to_num(0.25, 9.0, -8.0))).filled(
            &[14],
            DType::F32,
            Fill::Given(extremes),
        ),
        Case::new("nan_to_num 65", |x| x[0].nan_to_num(0.25, 9.0, -8.0)).input(&[65]),
        exact(Case::many("fmod extremes", |x| vec![x[0].fmod(x[1]), x[0].remainder(x[1])]))
            .filled(&[11], DType::F32, Fill::Given(numbers))
            .filled(&[8, 1], DType::F32, Fill::Given(divisors)),
        // The sign of a rest of 0 shows in 1 / 0.
        exact(Case::new("fmod rest of 0", |x| x[0].remainder(x[1]).reciprocal()))
            .filled(&[4], DType::F32, Fill::Given(vec![6.0, -6.0, 0.0, -0.0]))
            .filled(&[2, 1], DType::F32, Fill::Given(vec![3.0, -1.5])),
        // Quotients of a few hundred multiply the rounding of the divisor.
        Case::many("fmod 258", |x| vec![x[0].fmod(x[1]), x[0].remainder(x[1])])
            .filled(&[258], DType::F32, Fill::Uniform(-90.0, 90.0))
            .filled(&[258], DType::F32, Fill::Uniform(0.4, 3.0))
            .tolerance(Tolerance { relative: 0.0, absolute: 1e-5 }),
        Case::new("clamp_min 65", |x| x[0].clamp_min(-0.5).clamp_max(x[1])).input(&[65]).input(&[65]),
        exact(Case::new("clamp_min i32", |x| x[0].clamp_min(3).clamp_max(7))).filled(
            &[33],
            DType::I32,
            Fill::Below(12),
        ),
    ];
    let whole = vec![7.0, -7.0, 6.0, -6.0, 0.0, -2_147_483_648.0, 2_147_483_647.0];
    cases.push(
        exact(Case::many("fmod i32", |x| vec![x[0].fmod(x[1]), x[0].remainder(x[1])]))
            .filled(&[7], DType::I32, Fill::Given(whole))
            .filled(&[6, 1], DType::I32, Fill::Given(vec![2.0, -2.0, 3.0, 0.0, -1.0, 1_000_003.0])),
    );
    cases.push(
        exact(Case::many("fmod u32", |x| vec![x[0].fmod(x[1]), x[0].remainder(x[1])]))
            .filled(&[5], DType::U32, Fill::Given(vec![7.0, 0.0, 4_294_967_295.0, 12.0, 2_147_483_648.0]))
            .filled(&[3, 1], DType::U32, Fill::Given(vec![5.0, 0.0, 4_000_000_000.0])),
    );
    cases
}
