//! What is counted, measured or ranked over axes, in terms of the reductions and of sort.

use anygrad_core::{DType, Error};

use crate::{Case, Fill, Tensor, Tolerance};

impl<'g> Tensor<'g> {
    /// How many elements over `axes` are not 0, `i32`. NaN is not 0.
    #[track_caller]
    pub fn count_nonzero(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.cast(DType::Bool).sum(axes, keepdims)
    }

    /// The square root of [`Tensor::variance`]: with `ddof` 1 PyTorch's default, with 0 Keras's and
    /// NumPy's.
    #[track_caller]
    pub fn std(self, axes: &[isize], keepdims: bool, ddof: usize) -> Tensor<'g> {
        self.in_f32(|x| x.variance(axes, keepdims, ddof).sqrt())
    }

    /// (sum |x|^p)^(1/p) over `axes`. With p infinite the largest |x|, with p minus infinity the
    /// smallest, with p 0 the number of elements that are not 0. At a norm of 0 the gradient is 0,
    /// as in PyTorch.
    #[track_caller]
    pub fn norm(self, p: f64, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.in_f32(|x| x.norm_in_f32(p, axes, keepdims))
    }

    #[track_caller]
    fn norm_in_f32(self, p: f64, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        if p.is_infinite() {
            let magnitude = self.abs();
            return if p > 0.0 { magnitude.max(axes, keepdims) } else { magnitude.min(axes, keepdims) };
        }
        if p == 0.0 {
            return self.count_nonzero(axes, keepdims).cast(DType::F32);
        }
        if p == 1.0 {
            return self.abs().sum(axes, keepdims);
        }
        let sum = if p == 2.0 {
            self.square().sum(axes, keepdims)
        } else {
            // A power of 0 has no finite derivative below p = 1.
            let is_zero = self.eq(0.0);
            is_zero
                .select(if p > 0.0 { 0.0 } else { f64::INFINITY }, is_zero.select(1.0, self.abs()).pow(p))
                .sum(axes, keepdims)
        };
        // The root's derivative at 0 is infinite.
        let is_zero = sum.eq(0.0);
        let filled = is_zero.select(1.0, sum);
        let root = if p == 2.0 { filled.sqrt() } else { filled.pow(1.0 / p) };
        is_zero.select(if p > 0.0 { 0.0 } else { f64::INFINITY }, root)
    }

    /// The number along `axis` below which a share `q` of the elements lies, 0 to 1; between two
    /// elements it is interpolated. NaN if one of them is. (NumPy's and PyTorch's default.)
    #[track_caller]
    pub fn quantile(self, q: f64, axis: isize, keepdims: bool) -> Tensor<'g> {
        let counted = match self.shape().axis(axis) {
            _ if self.is_poison() => return self,
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context("quantile")),
        };
        let size = self.shape()[counted];
        if size == 0 || !(0.0..=1.0).contains(&q) {
            let message = format!("quantile: {q} of axis {axis} of {}", self.shape());
            return self.fail(Error::shape(message));
        }
        self.in_f32(|x| x.quantile_in_f32(q, axis, counted, keepdims))
    }

    #[track_caller]
    fn quantile_in_f32(self, q: f64, axis: isize, counted: usize, keepdims: bool) -> Tensor<'g> {
        let size = self.shape()[counted];
        let sorted = self.sort(axis, false).0;
        let place = q * (size - 1) as f64;
        let below = place.floor() as usize;
        let part = |i: usize| sorted.narrow(axis, i..i + 1);
        let mut y = part(below);
        if place > below as f64 {
            y = y + (part(below + 1) - y) * (place - below as f64);
        }
        // NaN comes last.
        let last = part(size - 1).detach();
        let y = last.isnan().select(last, y);
        if keepdims { y } else { y.squeeze(counted) }
    }

    /// The middle element along `axis`, or the mean of the middle two: [`Tensor::quantile`] of 1/2, as
    /// in NumPy and Keras. (PyTorch takes the lower of the two.)
    #[track_caller]
    pub fn median(self, axis: isize, keepdims: bool) -> Tensor<'g> {
        self.quantile(0.5, axis, keepdims)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let powers = [0.0, 1.0, 2.0, 3.0, 0.5, -1.0, f64::INFINITY, f64::NEG_INFINITY];
    for p in powers {
        let case = Case::many(format!("norm {p} of 6x5x7"), move |x| {
            vec![x[0].norm(p, &[0, 2], true), x[0].norm(p, &[-1], false)]
        });
        // A power of a sum multiplies its relative error by 1/p.
        let tolerance = Tolerance { relative: 2e-5, absolute: 1e-6 };
        let case = case.tolerance(tolerance).gradient_tolerance(Tolerance { relative: 4e-5, absolute: 1e-5 });
        cases.push(case.filled(&[6, 5, 7], DType::F32, Fill::Distinct(0.2, 2.0)));
    }
    cases.push(
        Case::many("norm of zeros", |x| {
            let y = x[0].norm(2.0, &[1], false);
            vec![y, x[0].graph().gradients(y.sum_all(), &[x[0]])[0], x[0].norm(-1.0, &[1], false)]
        })
        .forward_only()
        .filled(&[2, 3], DType::F32, Fill::Given(vec![0.0, 0.0, 0.0, 3.0, 0.0, -4.0])),
    );
    cases.push(
        Case::new("count_nonzero 4x6", |x| x[0].count_nonzero(&[0], true))
            .forward_only()
            .tolerance(Tolerance::EXACT)
            .filled(&[4, 6], DType::F32, Fill::Given(vec![0.0, 1.0, -0.0, f64::NAN, 0.5])),
    );
    cases.push(Case::new("std of a sample", |x| x[0].std(&[0, 2], false, 1)).input(&[6, 5, 7]));
    for (q, axis, sizes) in
        [(0.5, 1, &[3, 7][..]), (0.5, 0, &[6, 2]), (0.9, -1, &[2, 131]), (0.0, 0, &[5]), (1.0, 0, &[1])]
    {
        let case = Case::new(format!("quantile {q} of {sizes:?}"), move |x| x[0].quantile(q, axis, false));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(-1.0, 1.0)));
    }
    let numbers = vec![1.0, f64::NAN, 2.0, f64::INFINITY, 0.5, 1.0];
    cases.push(Case::new("median NaN", |x| x[0].median(1, true)).forward_only().filled(
        &[2, 3],
        DType::F32,
        Fill::Given(numbers),
    ));
    cases
}
