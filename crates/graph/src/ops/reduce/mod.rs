//! y[o, i] = sum over m of x[o, m, i], and the same with max, min and products.
//!
//! Reduced axes that are neighbours count as one axis m; axes that are not are reduced one group
//! after another, the innermost first.
//!
//! Integers have the same reductions; their sums and products wrap. Of truth values the sum is a
//! count, the maximum says whether any is true, the minimum and the product whether all are.

mod cases;
mod passes;

use anygrad_core::{Caps, DType, Error, Result, Shape};

use super::rows::RowKernels;
use crate::{
    Arrangement, At, Attributes, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor,
    Tolerance, Values,
};
pub(super) use cases::cases;
pub(super) use passes::{Reduction, sum_of_parts};

/// Numbered as in `shaders/shared/reduction.wgsl`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Sum,
    Max,
    Min,
    Product,
}

/// Reduces axes `first..last`, which keep size 1.
#[derive(Debug)]
struct Reduce {
    kind: Kind,
    first: usize,
    last: usize,
}

impl<'g> Tensor<'g> {
    /// The sum over `axes`, counted from the back when negative. With `keepdims` they stay, of size 1.
    /// Truth values are counted, as `i32`.
    #[track_caller]
    pub fn sum(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        let terms = if self.dtype() == DType::Bool { self.cast(DType::I32) } else { self };
        terms.reduce(Kind::Sum, axes, keepdims)
    }

    /// The largest element over `axes`; NaN if there is one. Elements that tie share the gradient.
    #[track_caller]
    pub fn max(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.reduce(Kind::Max, axes, keepdims)
    }

    /// The smallest element over `axes`; NaN if there is one. Elements that tie share the gradient.
    #[track_caller]
    pub fn min(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.reduce(Kind::Min, axes, keepdims)
    }

    /// Whether any of these truth values is true over `axes`; of none, no.
    #[track_caller]
    pub fn any(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.cast(DType::Bool).reduce(Kind::Max, axes, keepdims)
    }

    /// Whether all of these truth values are true over `axes`; of none, yes.
    #[track_caller]
    pub fn all(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.cast(DType::Bool).reduce(Kind::Min, axes, keepdims)
    }

    /// The product over `axes`. The gradient is right with zeros among the factors, too.
    #[track_caller]
    pub fn prod(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.reduce(Kind::Product, axes, keepdims)
    }

    /// The mean over `axes`.
    #[track_caller]
    pub fn mean(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        let shape = self.shape();
        let mut count = 1;
        for &axis in axes {
            match shape.axis(axis) {
                Ok(axis) => count *= shape[axis],
                Err(error) => return self.fail(error.context("mean")),
            }
        }
        let mean = self.in_f32(|x| x.sum(axes, keepdims) * (1.0 / count as f64));
        let attributes = Attributes::new().with("axes", axes).with("keepdims", keepdims);
        mean.composed("mean", attributes, &[("x", Some(self))])
    }

    /// The mean square distance from the mean over `axes`, divided by n - `ddof` in place of n.
    #[track_caller]
    pub fn variance(self, axes: &[isize], keepdims: bool, ddof: usize) -> Tensor<'g> {
        self.in_f32(|x| {
            let mean = x.mean(axes, true);
            if mean.is_poison() {
                return mean;
            }
            let count = x.shape().elements() as f64 / mean.shape().elements().max(1) as f64;
            (x - mean).square().sum(axes, keepdims) * (1.0 / (count - ddof as f64))
        })
    }

    /// The sum of all elements, a scalar.
    #[track_caller]
    pub fn sum_all(self) -> Tensor<'g> {
        self.sum(&self.all_axes(), false)
    }

    /// The mean of all elements, a scalar.
    #[track_caller]
    pub fn mean_all(self) -> Tensor<'g> {
        self.mean(&self.all_axes(), false)
    }

    /// Every axis of this tensor, for methods that take axes.
    pub fn all_axes(self) -> Vec<isize> {
        (0..self.shape().rank() as isize).collect()
    }

    #[track_caller]
    fn reduce(self, kind: Kind, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let mut reduced = [false; anygrad_core::MAX_RANK];
        for &axis in axes {
            match shape.axis(axis) {
                Ok(axis) if reduced[axis] => {
                    return self.fail(Error::shape(format!("axis {axis} is named twice in {axes:?}")));
                }
                Ok(axis) => reduced[axis] = true,
                Err(error) => return self.fail(error),
            }
        }
        // Each run of neighbouring axes, from the back: inner runs are contiguous.
        let mut result = if self.dtype().is_half() { self.cast(DType::F32) } else { self };
        let mut last = shape.rank();
        while last > 0 {
            if !reduced[last - 1] {
                last -= 1;
                continue;
            }
            let first = (0..last).rev().take_while(|&axis| reduced[axis]).last().unwrap_or(last - 1);
            result = result.apply(Reduce { kind, first, last }, &[result]);
            last = first;
        }
        // Between two groups of axes nothing is rounded to 16 bits.
        let result = if result.is_poison() { result } else { result.cast(self.dtype()) };
        if keepdims { result } else { result.reshape(&shape.without(|axis| reduced[axis])) }
    }
}

impl Reduce {
    /// Sizes before, in and behind the reduced axes.
    fn split(&self, shape: &Shape) -> (usize, usize, usize) {
        (
            shape[..self.first].iter().product(),
            shape[self.first..self.last].iter().product(),
            shape[self.last..].iter().product(),
        )
    }
}

impl Reduce {
    /// Sizes before, in and behind the reduced axes as they stand in memory, and the order of all axes
    /// there; `None` where the reduced axes are apart, or the elements not dense.
    fn in_memory(&self, x: &Layout) -> Option<((usize, usize, usize), Vec<usize>)> {
        let order = x.memory_order()?;
        let size = |axes: &[usize]| axes.iter().map(|&axis| x.shape()[axis]).product::<usize>();
        let is_reduced = |axis: &usize| (self.first..self.last).contains(axis);
        let first = order.iter().position(is_reduced)?;
        let last = first + self.last - self.first;
        let together = order.get(first..last)?.iter().all(is_reduced);
        together.then(|| ((size(&order[..first]), size(&order[first..last]), size(&order[last..])), order))
    }

    /// In 64 bits, whose lower half is what wraps around in 32.
    fn of_integers(&self, dtype: DType, terms: impl Iterator<Item = i64>) -> f64 {
        let result = match self.kind {
            Kind::Sum => terms.fold(0, i64::wrapping_add),
            Kind::Product => terms.fold(1, i64::wrapping_mul),
            Kind::Max => terms.max().unwrap_or(0),
            Kind::Min => terms.min().unwrap_or(1),
        };
        if dtype == DType::I32 { f64::from(result as i32) } else { f64::from(result as u32) }
    }
}

/// The product of all other elements over `axes`, for each element. With one zero it is 0 but at the
/// zero; with two it is 0 everywhere.
fn others<'g>(x: Tensor<'g>, axes: &[isize]) -> Tensor<'g> {
    let is_zero = x.eq(0.0);
    let factor = is_zero.select(1.0, x);
    let product = factor.prod(axes, true);
    let zeros = is_zero.cast(DType::F32).sum(axes, true).broadcast_to(&x.shape());
    let at_the_zero = is_zero.logical_and(zeros.eq(1.0));
    zeros.eq(0.0).select(product / factor, at_the_zero.select(product, 0.0))
}

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Max => "max",
            Kind::Min => "min",
            Kind::Product => "prod",
        }
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axes", &(self.first..self.last).collect::<Vec<_>>()[..])
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let (_, reduced, _) = self.split(&x[0].shape);
        let has_neutral = x[0].dtype == DType::Bool || matches!(self.kind, Kind::Sum | Kind::Product);
        if !has_neutral && reduced == 0 {
            return Err(Error::shape(format!("{} has no element to choose from", x[0].shape)));
        }
        let shape = (self.first..self.last).fold(x[0].shape, |shape, axis| shape.with(axis, 1));
        Ok(vec![x[0].with_shape(shape)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, middle, inner) = self.split(&x[0].shape());
        let dtype = y[0].meta.dtype;
        for o in 0..outer {
            for i in 0..inner {
                let terms = (0..middle).map(|m| x[0].data[(o * middle + m) * inner + i]);
                if !dtype.is_float() {
                    y[0].data[o * inner + i] = self.of_integers(dtype, terms.map(|term| term as i64));
                    continue;
                }
                y[0].data[o * inner + i] =
                    match self.kind {
                        Kind::Sum => terms.sum(),
                        Kind::Product => terms.product(),
                        Kind::Max => terms.fold(f64::NEG_INFINITY, |a, b| {
                            if a.is_nan() || b.is_nan() { f64::NAN } else { a.max(b) }
                        }),
                        Kind::Min => terms.fold(f64::INFINITY, |a, b| {
                            if a.is_nan() || b.is_nan() { f64::NAN } else { a.min(b) }
                        }),
                    };
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let x = at.x[0];
        let dy = at.dy();
        let axes: Vec<isize> = (self.first as isize..self.last as isize).collect();
        match self.kind {
            Kind::Sum => return vec![Some(dy.broadcast_to(&x.shape()))],
            Kind::Product => return vec![Some(dy * others(x, &axes))],
            Kind::Max | Kind::Min => {}
        }
        let winner = x.eq(at.y[0]).cast(DType::F32);
        vec![Some(winner * (dy / winner.sum(&axes, true)))]
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Arrangement {
        match self.in_memory(&x[0]) {
            Some((_, order)) => {
                Arrangement { inputs: x.to_vec(), outputs: vec![Layout::in_order(y[0], &order)] }
            }
            None => Arrangement::row_major(x, y),
        }
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        self.lower_by(0, x, y, caps)
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        Lowering::distinct((0..RowKernels::WAYS).map(|way| self.lower_by(way, x, y, caps)))
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(self.split(&x[0].shape()).1)
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true]).filter(|_| self.first > 0)
    }
}

impl Reduce {
    /// Rows by the choice of this number among those for each pass, or the last one.
    fn lower_by(&self, way: usize, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let in_memory = self.in_memory(&x[0]).map(|(sizes, _)| sizes);
        let (outer, middle, inner) = in_memory.unwrap_or_else(|| self.split(&x[0].shape()));
        let mut kernels = Kernels::default();
        let ends = [Operand::Input(0), Operand::Output(0)];
        let reduction = Reduction { kind: self.kind, dtype: y[0].dtype, way };
        reduction.passes(&mut kernels, [outer, middle, inner], ends, caps)?;
        Ok(Lowering::Kernels(kernels))
    }
}
