//! y[i] = x[(i - before) / step] where that is whole and inside, otherwise a constant
//!
//! Padding outside (before, behind) and between the elements: the gradient of a slice is the pad
//! that puts everything back, the gradient of a pad is the slice that finds it again.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, PadParams};

use super::concat::{copy_workgroups, copyable};
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor,
    Tolerance, Values,
};

/// What is added along one axis: `step - 1` elements between neighbours.
#[derive(Clone, Copy, Debug, PartialEq)]
struct AxisPad {
    before: usize,
    step: usize,
    behind: usize,
}

const NOTHING: AxisPad = AxisPad { before: 0, step: 1, behind: 0 };

impl AxisPad {
    fn padded(&self, size: usize) -> usize {
        self.before + size.saturating_sub(1) * self.step + size.min(1) + self.behind
    }
}

/// One entry per axis.
#[derive(Debug)]
struct Pad {
    axes: Vec<AxisPad>,
    value: f64,
}

/// Axes that one dispatch can tell apart; neighbours without padding count as one.
const KERNEL_AXES: usize = 4;

impl<'g> Tensor<'g> {
    /// Elements equal to `value` added along every axis: `(before, behind)` for each.
    #[track_caller]
    pub fn pad(self, amounts: &[(usize, usize)], value: f64) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        if amounts.len() != shape.rank() {
            let message = format!("pad: {amounts:?} does not give (before, behind) for each axis of {shape}");
            return self.fail(Error::shape(message));
        }
        let axes = amounts.iter().map(|&(before, behind)| AxisPad { before, step: 1, behind }).collect();
        self.pad_axes(axes, value)
    }

    /// Zeros along one axis: `before` in front, `step - 1` between neighbours, `behind` at the end.
    #[track_caller]
    pub fn pad_between(self, axis: isize, before: usize, step: usize, behind: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        match shape.axis(axis) {
            Ok(_) if step == 0 => self.fail(Error::shape("pad: step is 0")),
            Ok(axis) => {
                let mut axes = vec![NOTHING; shape.rank()];
                axes[axis] = AxisPad { before, step, behind };
                self.pad_axes(axes, 0.0)
            }
            Err(error) => self.fail(error.context("pad")),
        }
    }

    /// As many axes at a time as one dispatch can tell apart.
    #[track_caller]
    fn pad_axes(self, axes: Vec<AxisPad>, value: f64) -> Tensor<'g> {
        let sizes = self.shape().to_vec();
        let mut result = self;
        let mut left = axes;
        while left.iter().any(|&axis| axis != NOTHING) {
            let mut now = vec![NOTHING; left.len()];
            for axis in 0..left.len() {
                let before = std::mem::replace(&mut now[axis], left[axis]);
                if merged(&now, &sizes).len() > KERNEL_AXES {
                    now[axis] = before;
                    break;
                }
                left[axis] = NOTHING;
            }
            result = result.apply(Pad { axes: now, value }, &[result]);
        }
        result
    }
}

/// Axes as the kernel sees them: `(size, padding)`, neighbours without padding merged.
fn merged(axes: &[AxisPad], sizes: &[usize]) -> Vec<(usize, AxisPad)> {
    let mut merged: Vec<(usize, AxisPad)> = Vec::new();
    for (&pad, &size) in axes.iter().zip(sizes) {
        match merged.last_mut() {
            Some((outer, NOTHING)) if pad == NOTHING => *outer *= size,
            _ => merged.push((size, pad)),
        }
    }
    merged
}

impl Op for Pad {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn attributes(&self) -> Attributes {
        let each = |of: fn(&AxisPad) -> usize| self.axes.iter().map(of).collect::<Vec<_>>();
        let attributes = Attributes::new().with("before", &each(|axis| axis.before)[..]);
        let attributes = attributes
            .with("step", &each(|axis| axis.step)[..])
            .with("behind", &each(|axis| axis.behind)[..]);
        attributes.with("value", self.value)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        copyable(&x[0])?;
        let mut sizes = x[0].shape.to_vec();
        for (size, pad) in sizes.iter_mut().zip(&self.axes) {
            // Far below any overflow, and far above any buffer.
            if [pad.before, pad.step, pad.behind, *size].iter().any(|&n| n > 1 << 31) {
                return Err(Error::shape(format!("{} cannot be padded by {pad:?}", x[0].shape)));
            }
            *size = pad.padded(*size);
        }
        Ok(vec![x[0].with_shape(Shape::new(&sizes)?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let shape = x[0].shape();
        let strides = y[0].shape().strides();
        y[0].data.fill(self.value);
        let mut index = vec![0; shape.rank()];
        for &value in &x[0].data {
            let position: usize = (0..shape.rank())
                .map(|a| (self.axes[a].before + index[a] * self.axes[a].step) * strides[a])
                .sum();
            y[0].data[position] = value;
            for axis in (0..shape.rank()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let shape = at.x[0].shape();
        let dx = self.axes.iter().enumerate().fold(at.dy(), |dy, (axis, pad)| {
            let end = pad.before + shape[axis].saturating_sub(1) * pad.step + shape[axis].min(1);
            dy.slice(axis as isize, pad.before..end, pad.step as isize)
        });
        vec![Some(dx)]
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true]).filter(|_| self.axes.first() == Some(&NOTHING))
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let mut merged = merged(&self.axes, &x[0].shape());
        if merged.len() > KERNEL_AXES {
            return Err(Error::internal(format!("pad: {} groups of axes", merged.len())));
        }
        // A row that is a multiple of four on both sides moves four elements at a time.
        let vector = matches!(merged.last(), Some((size, NOTHING)) if size.is_multiple_of(4));
        if let (true, Some((size, _))) = (vector, merged.last_mut()) {
            *size /= 4;
        }
        let units = y[0].shape.elements() / if vector { 4 } else { 1 };
        let value = Array::from_f64(Shape::SCALAR, y[0].dtype, &[self.value]);
        let mut params = PadParams {
            sizes: [1; 4],
            x_sizes: [1; 4],
            before: [0; 4],
            step: [1; 4],
            count: units as u32,
            value: value.bytes().iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)),
        };
        let first = KERNEL_AXES - merged.len();
        for (axis, (size, pad)) in merged.iter().enumerate() {
            params.sizes[first + axis] = pad.padded(*size) as u32;
            params.x_sizes[first + axis] = *size as u32;
            params.before[first + axis] = pad.before as u32;
            params.step[first + axis] = pad.step as u32;
        }
        let steps = self.axes.iter().any(|pad| pad.step != 1);
        Ok(Kernels::one(Dispatch {
            kernel: if vector { &shaders::PAD_VEC4 } else { &shaders::PAD },
            overrides: vec![("STEPS", f64::from(u8::from(steps)))],
            params: params.bytes(),
            bindings: vec![Operand::Input(0), Operand::Output(0)],
            workgroups: copy_workgroups(units),
        }))
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let many = [(1, 0), (0, 2), (0, 0), (2, 1), (0, 0), (1, 1), (0, 1), (1, 0)];
    vec![
        exact(Case::new("pad row", |x| x[0].pad(&[(2, 3)], 0.5)).input(&[61])),
        exact(Case::new("pad three axes", |x| x[0].pad(&[(1, 2), (0, 3), (2, 0)], 0.5)).input(&[2, 3, 4])),
        exact(
            Case::new("pad images", |x| x[0].pad(&[(0, 0), (0, 0), (1, 1), (2, 1)], 0.0))
                .input(&[2, 3, 5, 7]),
        ),
        exact(Case::new("pad rows of 8", |x| x[0].pad(&[(1, 2), (0, 0)], -1.0)).input(&[9, 8])),
        exact(Case::new("pad rows of 4 between", |x| x[0].pad_between(0, 1, 3, 2)).input(&[70, 4])),
        exact(Case::new("pad between", |x| x[0].pad_between(1, 2, 2, 1)).input(&[3, 5, 3])),
        exact(Case::new("pad nothing", |x| x[0].pad(&[(1, 1), (2, 0)], 3.0)).input(&[2, 0])),
        exact(Case::new("pad eight axes", move |x| x[0].pad(&many, 2.0)).input(&[1, 2, 2, 1, 2, 1, 2, 3])),
        exact(Case::new("pad i32", |x| x[0].pad(&[(1, 1), (0, 2)], -7.0)).forward_only().filled(
            &[5, 3],
            DType::I32,
            Fill::Below(1000),
        )),
        exact(
            Case::new("pad infinity", |x| x[0].pad(&[(1, 0)], f64::NEG_INFINITY)).forward_only().input(&[5]),
        ),
        exact(Case::new("pad a permutation", |x| x[0].t().pad(&[(1, 0), (0, 1)], 0.0)).input(&[5, 8])),
    ]
}
