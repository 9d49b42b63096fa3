//! y[s, i] = product over k with indices[k] = s of x[k, i], and the same with max and min
//!
//! In the order of k, through the kernels of scatter_add. Where no index is s, y is 1, or minus
//! infinity, or infinity: what changes nothing in a product, maximum or minimum.

use anygrad_core::{Caps, DType, Error, Result, Shape};

use super::gather::{check_indices, inside};
use super::reduce::Kind;
use super::scatter::{ScatterAdd, lower};
use crate::{At, Case, Fill, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

/// Inputs: x `[count, inner]` and indices `[count]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScatterReduce {
    pub(super) size: usize,
    pub(super) kind: Kind,
}

impl ScatterReduce {
    fn merge(&self, a: f64, b: f64) -> f64 {
        match self.kind {
            _ if a.is_nan() || b.is_nan() => f64::NAN,
            Kind::Sum => a + b,
            Kind::Max => a.max(b),
            Kind::Min => a.min(b),
            Kind::Product => a * b,
        }
    }

    fn neutral(&self) -> f64 {
        match self.kind {
            Kind::Sum => 0.0,
            Kind::Max => f64::NEG_INFINITY,
            Kind::Min => f64::INFINITY,
            Kind::Product => 1.0,
        }
    }
}

impl Op for ScatterReduce {
    fn name(&self) -> &'static str {
        "scatter_reduce"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check_indices(&x[1])?;
        match (&*x[0].shape, &*x[1].shape) {
            (&[rows, inner], &[count]) if rows == count && x[0].dtype == DType::F32 => {
                Ok(vec![x[0].with_shape(Shape::new(&[self.size, inner])?)])
            }
            _ => Err(Error::shape(format!("takes f32 rows and an index for each, {} and {}", x[0], x[1]))),
        }
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let inner = x[0].shape()[1];
        y[0].data.fill(self.neutral());
        for (at, &value) in x[0].data.iter().enumerate() {
            if let Some(index) = inside(x[1].data[at / inner], self.size) {
                let result = &mut y[0].data[index * inner + at % inner];
                *result = self.merge(*result, value);
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, indices) = (at.x[0], at.x[1]);
        let back = |y: Tensor<'g>| y.gather(0, indices);
        let sums =
            |x: Tensor<'g>| x.apply(ScatterAdd { axis: 0, size: self.size, elements: false }, &[x, indices]);
        let dy = back(at.dy());
        let dx = if self.kind == Kind::Product {
            // The product of the others: y / x without zeros, and with one of them only its own.
            let is_zero = x.eq(0.0);
            let filled = is_zero.select(1.0, x);
            let rest = back(filled.apply(*self, &[filled, indices])) / filled;
            let zeros = back(sums(is_zero.cast(DType::F32)));
            let here = zeros.eq(is_zero.cast(DType::F32)).logical_and(zeros.le(1.0));
            dy * here.select(rest, 0.0)
        } else {
            // Those that tie share the gradient.
            let wins = x.eq(back(at.y[0])).cast(DType::F32);
            dy * wins / back(sums(wins)).maximum(1.0)
        };
        vec![Some(dx), None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        lower(self.kind, &x[0].shape(), 0, self.size, false)
    }
}

pub(super) fn cases() -> Vec<Case> {
    /// A loss cannot add up the infinities where there is no index.
    fn finite(y: Tensor<'_>, kind: Kind) -> Tensor<'_> {
        match kind {
            Kind::Max => y.maximum(-9.0),
            Kind::Min => y.minimum(9.0),
            _ => y,
        }
    }
    let mut cases = Vec::new();
    for kind in [Kind::Max, Kind::Min, Kind::Product] {
        // Looked through and sorted, single and in fours, more than one dispatch takes.
        for (size, count, inner) in [(5, 9, 3), (6, 20, 4), (300, 1200, 3), (40, 2000, 8), (2, 33_000, 1)] {
            let case = Case::new(format!("scatter_reduce {kind:?} {count}x{inner} to {size}"), move |x| {
                finite(x[0].apply(ScatterReduce { size, kind }, &[x[0], x[1]]), kind)
            });
            let (fill, tolerance) = match kind {
                // Products of many factors stay near 1; the roundings of all add up.
                Kind::Product => (
                    Fill::Uniform(1.0 - 2.0 / count as f64, 1.0 + 2.0 / count as f64),
                    Tolerance { relative: 2e-4, absolute: 1e-6 },
                ),
                _ => (Fill::Distinct(-1.0, 1.0), Tolerance::EXACT),
            };
            // Some indices lie outside.
            let case = case.filled(&[count, inner], DType::F32, fill);
            let case = case.filled(&[count], DType::I32, Fill::Below(size + 1)).tolerance(tolerance);
            cases.push(if kind == Kind::Product { case.gradient_tolerance(tolerance) } else { case });
        }
        let numbers = vec![2.0, 0.0, 3.0, 0.0, 0.5, 0.0, -1.0, f64::NAN];
        let case = Case::new(format!("scatter_reduce {kind:?} NaN"), move |x| {
            x[0].apply(ScatterReduce { size: 2, kind }, &[x[0], x[1]])
        });
        cases.push(case.forward_only().filled(&[8, 1], DType::F32, Fill::Given(numbers)).filled(
            &[8],
            DType::I32,
            Fill::Given(vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]),
        ));
    }
    let zeros = Fill::Given(vec![2.0, 0.0, 3.0, 0.0, 0.5, 0.0, -1.0, 4.0, 3.0]);
    cases.push(
        Case::new("scatter_reduce zeros", |x| {
            x[0].apply(ScatterReduce { size: 3, kind: Kind::Product }, &[x[0], x[1]])
        })
        .filled(&[9, 1], DType::F32, zeros)
        .filled(&[9], DType::I32, Fill::Given(vec![0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0])),
    );
    cases
}
