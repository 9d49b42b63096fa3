//! y[o, i] = sum over m of x[o, m, i], and the same with max and min.
//!
//! Reduced axes that are neighbours count as one axis m; axes that are not are reduced one group
//! after another, the innermost first.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, ReduceParams};

use crate::{
    At, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance, Values,
    workgroups,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sum,
    Max,
    Min,
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
    #[track_caller]
    pub fn sum(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        self.reduce(Kind::Sum, axes, keepdims)
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
        self.sum(axes, keepdims) * (1.0 / count as f64)
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
        let mut result = self;
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

impl Op for Reduce {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Sum => "sum",
            Kind::Max => "max",
            Kind::Min => "min",
        }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x[0].dtype != DType::F32 {
            return Err(Error::shape(format!("takes f32, {} was given", x[0])));
        }
        let (_, reduced, _) = self.split(&x[0].shape);
        if self.kind != Kind::Sum && reduced == 0 {
            return Err(Error::shape(format!("{} has no element to choose from", x[0].shape)));
        }
        let shape = (self.first..self.last).fold(x[0].shape, |shape, axis| shape.with(axis, 1));
        Ok(vec![x[0].with_shape(shape)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, middle, inner) = self.split(&x[0].shape());
        for o in 0..outer {
            for i in 0..inner {
                let terms = (0..middle).map(|m| x[0].data[(o * middle + m) * inner + i]);
                y[0].data[o * inner + i] =
                    match self.kind {
                        Kind::Sum => terms.sum(),
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
        if self.kind == Kind::Sum {
            return vec![Some(dy.broadcast_to(&x.shape()))];
        }
        let winner = x.eq(at.y[0]).cast(DType::F32);
        let axes: Vec<isize> = (self.first as isize..self.last as isize).collect();
        vec![Some(winner * (dy / winner.sum(&axes, true)))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        /// Terms that one invocation adds up. Small enough for the loop limit of the software
        /// adapter and for an error that grows with the tree, not with the length.
        const TERMS: usize = 1024;
        let (outer, middle, inner) = self.split(&x[0].shape());
        let mut kernels = Kernels::default();
        let (mut from, mut left) = (Operand::Input(0), middle);
        loop {
            let parts = left.div_ceil(TERMS).max(1);
            let to = if parts == 1 {
                Operand::Output(0)
            } else {
                kernels.scratch.push(Meta::f32(Shape::new(&[outer * parts * inner])?));
                Operand::Scratch(kernels.scratch.len() - 1)
            };
            let outputs = outer * parts * inner;
            kernels.dispatches.push(Dispatch {
                kernel: if parts == 1 { &shaders::REDUCE } else { &shaders::REDUCE_PART },
                overrides: vec![("KIND", f64::from(self.kind as u8))],
                params: ReduceParams {
                    outputs: outputs as u32,
                    middle: left as u32,
                    inner: inner as u32,
                    parts: parts as u32,
                    terms: TERMS as u32,
                }
                .bytes(),
                bindings: vec![from, to],
                workgroups: workgroups(outputs.div_ceil(64)),
            });
            if parts == 1 {
                return Ok(Lowering::Kernels(kernels));
            }
            (from, left) = (to, parts);
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [1, 63, 64, 65, 131, 1024, 1025, 70_001] {
        cases.push(
            Case::new(format!("sum row {length}"), |x| x[0].sum(&[-1], false))
                .input(&[2, length])
                .tolerance(Tolerance::sum(length)),
        );
        cases.push(
            Case::new(format!("sum column {length}"), |x| x[0].sum(&[0], false))
                .input(&[length, 3])
                .tolerance(Tolerance::sum(length)),
        );
    }
    for length in [1, 65, 1025] {
        let distinct = || Fill::Distinct(-1.0, 1.0);
        cases.push(Case::new(format!("max row {length}"), |x| x[0].max(&[1], false)).filled(
            &[3, length],
            DType::F32,
            distinct(),
        ));
        cases.push(Case::new(format!("min column {length}"), |x| x[0].min(&[0], true)).filled(
            &[length, 3],
            DType::F32,
            distinct(),
        ));
    }
    cases.push(Case::new("max NaN", |x| x[0].max(&[1], false)).forward_only().filled(
        &[2, 3],
        DType::F32,
        Fill::Given(vec![1.0, f64::NAN, 2.0, f64::NEG_INFINITY, 3.0, 1.0]),
    ));
    cases.push(Case::new("sum axes 0 and 2", |x| x[0].sum(&[0, 2], true)).input(&[6, 5, 7]));
    cases.push(Case::new("mean axes 0, 2 and 3", |x| x[0].mean(&[0, 2, 3], false)).input(&[4, 3, 5, 2]));
    cases.push(Case::new("sum all", |x| x[0].sum_all()).input(&[5, 7, 3]));
    cases.push(Case::new("sum of nothing", |x| x[0].sum(&[1], false)).input(&[3, 0]));
    cases
}
