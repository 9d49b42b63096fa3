//! y[.., j, ..] = x[.., first + j * step, ..]
//!
//! A view: the reader is told where the first element stands and how far apart they are. A
//! negative step runs backwards, with a negative stride.

use std::ops::Range;

use anygrad_core::{Caps, DType, Error, Result};

use super::view::gather;
use crate::{At, Attributes, Case, Fill, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

/// `count` elements along `axis`, from `first`, `step` apart.
#[derive(Debug)]
struct Slice {
    axis: usize,
    first: usize,
    count: usize,
    step: isize,
}

impl<'g> Tensor<'g> {
    /// Every `step`-th element of `range` along `axis` (counted from the back when negative), from
    /// the front of the range. With a negative step the range is walked from its last element to
    /// the front: Python's `x[5:1:-2]` is `x.slice(0, 2..6, -2)`.
    #[track_caller]
    pub fn slice(self, axis: isize, range: Range<usize>, step: isize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let axis = match shape.axis(axis) {
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context("slice")),
        };
        let size = shape[axis];
        if range.start > range.end || range.end > size || step == 0 {
            return self.fail(Error::shape(format!(
                "slice: {range:?} by {step} does not lie in axis {axis} of {shape}"
            )));
        }
        if range == (0..size) && step == 1 {
            return self;
        }
        let count = range.len().div_ceil(step.unsigned_abs());
        let first = if step > 0 || count == 0 { range.start } else { range.end - 1 };
        self.apply(Slice { axis, first, count, step }, &[self])
    }

    /// The elements of `range` along `axis`.
    #[track_caller]
    pub fn narrow(self, axis: isize, range: Range<usize>) -> Tensor<'g> {
        self.slice(axis, range, 1)
    }

    /// One element along `axis`, which disappears.
    #[track_caller]
    pub fn at(self, axis: isize, index: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        match self.shape().axis(axis) {
            Ok(axis) => self.slice(axis as isize, index..index.saturating_add(1), 1).squeeze(axis),
            Err(error) => self.fail(error.context("at")),
        }
    }

    /// The elements along each of `axes` in reverse order.
    #[track_caller]
    pub fn flip(self, axes: &[isize]) -> Tensor<'g> {
        axes.iter().fold(self, |x, &axis| match x.shape().axis(axis) {
            Ok(counted) => x.slice(axis, 0..x.shape()[counted], -1),
            Err(error) => x.fail(error.context("flip")),
        })
    }
}

impl Slice {
    fn layout(&self, x: &Layout, y: Meta) -> Layout {
        let mut layout = Layout { meta: y, ..*x };
        layout.strides[self.axis] = x.strides[self.axis] * self.step;
        // An empty slice may begin behind the last element; nothing of it is read.
        if y.shape.elements() > 0 {
            layout.offset = x.offset.wrapping_add_signed(x.strides[self.axis] * self.first as isize);
        }
        layout
    }
}

impl Op for Slice {
    fn name(&self) -> &'static str {
        "slice"
    }

    fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("axis", self.axis).with("first", self.first);
        attributes.with("count", self.count).with("step", self.step)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0].with_shape(x[0].shape.with(self.axis, self.count))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        gather(&self.layout(&Layout::contiguous(x[0].meta), y[0].meta), x[0], &mut y[0]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let size = at.x[0].shape()[self.axis];
        let axis = self.axis as isize;
        let stride = self.step.unsigned_abs();
        let reach = self.count.saturating_sub(1) * stride;
        let (dy, first) = match self.step {
            1.. => (at.dy(), self.first),
            _ => (at.dy().flip(&[axis]), self.first - reach),
        };
        let behind = size - first - (reach + 1).min(size - first) * usize::from(self.count > 0);
        vec![Some(dy.pad_between(axis, first, stride, behind))]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Ok(Lowering::View(self.layout(&x[0], y[0])))
    }

    fn accepts(&self, _input: usize, _layout: &Layout) -> bool {
        true
    }

    fn takes_halves(&self) -> bool {
        true
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    vec![
        exact(Case::new("slice front", |x| x[0].slice(0, 0..3, 1)).input(&[7, 5])),
        exact(Case::new("slice middle axis", |x| x[0].narrow(1, 2..5)).input(&[3, 6, 4])),
        exact(Case::new("slice by 3 and 2", |x| x[0].slice(0, 1..9, 2).slice(-1, 0..8, 3)).input(&[11, 8])),
        exact(Case::new("slice backwards", |x| x[0].flip(&[0]).slice(1, 2..6, -2)).input(&[4, 8])),
        exact(Case::new("slice one", |x| x[0].at(1, 3)).input(&[5, 6, 2])),
        exact(Case::new("slice nothing", |x| x[0].slice(1, 4..4, 1)).input(&[3, 4])),
        exact(Case::new("slice nothing backwards", |x| x[0].slice(0, 2..2, -3)).input(&[3, 4])),
        exact(Case::new("slice reshaped", |x| x[0].slice(0, 1..5, 2).reshape(&[2, 2, 6])).input(&[6, 12])),
        exact(Case::new("slice a permutation", |x| x[0].t().slice(0, 1..6, -3)).input(&[9, 6])),
        exact(Case::new("slice backwards reshaped", |x| x[0].flip(&[1]).reshape(&[35])).input(&[5, 7])),
        exact(Case::new("slice u32", |x| x[0].slice(0, 1..33, -4)).forward_only().filled(
            &[33, 2],
            DType::U32,
            Fill::Below(1 << 20),
        )),
        Case::new("slice in a chain", |x| (x[0].slice(1, 0..9, -2) * x[1] + x[1]).flip(&[0]))
            .input(&[4, 9])
            .input(&[5]),
    ]
}
