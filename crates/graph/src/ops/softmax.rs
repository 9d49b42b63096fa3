//! y[r, c] = exp(x[r, c] - max_r) / sum over c of exp(x[r, c] - max_r), and its logarithm
//!
//! dx = y (dy - sum(dy y)), and dx = dy - exp(y) sum(dy) for the logarithm.

use anygrad_core::{Caps, DType, Error, Result};
use anygrad_shaders::{self as shaders, SoftmaxGradParams, SoftmaxParams};

use super::rows::{LONGEST_ROW, RowChoice, RowKernels};
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor,
    Tolerance, Values,
};

/// Over the last axis.
#[derive(Clone, Copy, Debug)]
struct Softmax {
    log: bool,
}

/// Inputs: the result of [`Softmax`] and the gradient that arrives there.
#[derive(Clone, Copy, Debug)]
struct SoftmaxGrad {
    log: bool,
}

impl<'g> Tensor<'g> {
    /// Positive numbers that sum to 1 along `axis` (counted from the back when negative), in
    /// proportion to e^x. A NaN makes everything along the axis NaN; minus infinity gives 0.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Tensor<'g> {
        self.softmax_along(axis, false).composed("softmax", along(axis), &[("x", Some(self))])
    }

    /// The logarithm of [`Tensor::softmax`], without underflow.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Tensor<'g> {
        self.softmax_along(axis, true).composed("log_softmax", along(axis), &[("x", Some(self))])
    }

    /// log(sum(e^x)) over `axes` without overflow.
    #[track_caller]
    pub fn logsumexp(self, axes: &[isize], keepdims: bool) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        if self.dtype().is_half() {
            return self.in_f32(|x| x.logsumexp(axes, keepdims));
        }
        // It only prevents overflow: the result does not depend on it.
        let largest = self.max(axes, true).detach();
        // An infinite maximum would make the difference NaN.
        let shift = largest.abs().lt(f64::from(f32::MAX)).select(largest, 0.0);
        let sum = (self - shift).exp().sum(axes, true).log() + shift;
        if keepdims || sum.is_poison() {
            return sum;
        }
        let counted: Vec<usize> = axes.iter().flat_map(|&axis| self.shape().axis(axis)).collect();
        sum.reshape(&self.shape().without(|axis| counted.contains(&axis)))
    }

    #[track_caller]
    fn softmax_along(self, axis: isize, log: bool) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let axis = match shape.axis(axis) {
            Ok(axis) => axis,
            Err(error) => return self.fail(error.context("softmax")),
        };
        let last = shape.rank() - 1;
        if axis != last {
            let mut order: Vec<usize> = (0..=last).collect();
            order.swap(axis, last);
            return self.permute(&order).softmax_along(-1, log).permute(&order);
        }
        if shape[axis] <= LONGEST_ROW {
            return self.apply(Softmax { log }, &[self]);
        }
        if self.dtype().is_half() {
            return self.in_f32(|x| x.softmax_along(-1, log));
        }
        // Reductions split rows that are too long for one kernel.
        // The maximum only prevents overflow: the result does not depend on it.
        let shifted = self - self.max(&[-1], true).detach();
        let exponentials = shifted.exp();
        let sum = exponentials.sum(&[-1], true);
        if log { shifted - sum.log() } else { exponentials / sum }
    }
}

/// Rows, and columns in each.
fn along(axis: isize) -> Attributes {
    Attributes::new().with("axis", axis)
}

fn rows(x: &Meta) -> (usize, usize) {
    let columns = x.shape.last().copied().unwrap_or(1);
    (x.shape[..x.shape.rank().saturating_sub(1)].iter().product(), columns)
}

fn check(x: &[Meta]) -> Result<Vec<Meta>> {
    if let Some(other) = x.iter().find(|meta| meta.dtype != DType::F32 || meta.shape != x[0].shape) {
        return Err(Error::shape(format!("takes f32 of one shape; {other} and {} were given", x[0])));
    }
    Ok(vec![x[0]])
}

impl Softmax {
    const KERNELS: RowKernels = RowKernels {
        alone: &shaders::SOFTMAX_ALONE,
        subgroup: [&shaders::SOFTMAX_SUBGROUP, &shaders::SOFTMAX_SUBGROUP_VEC4],
        workgroup: [&shaders::SOFTMAX_WORKGROUP, &shaders::SOFTMAX_WORKGROUP_VEC4],
    };

    fn by(&self, choice: RowChoice, x: &[Layout]) -> Lowering {
        let (rows, columns) = rows(&x[0].meta);
        let mut overrides = vec![("LOG", f64::from(u8::from(self.log)))];
        overrides.extend(choice.overrides);
        Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: SoftmaxParams { rows: rows as u32, columns: (columns / choice.lanes) as u32 }.bytes(),
            bindings: vec![Operand::Input(0), Operand::Output(0)],
            workgroups: choice.workgroups,
        })
    }
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax" } else { "softmax" }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check(x)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (_, columns) = rows(&x[0].meta);
        for (x, y) in x[0].data.chunks(columns.max(1)).zip(y[0].data.chunks_mut(columns.max(1))) {
            let largest = x.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            let sum: f64 = x.iter().map(|x| (x - largest).exp()).sum();
            for (y, x) in y.iter_mut().zip(x) {
                *y = if self.log { x - largest - sum.ln() } else { (x - largest).exp() / sum };
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let y = at.y[0];
        vec![Some(y.apply(SoftmaxGrad { log: self.log }, &[y, at.dy()]))]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let (rows, columns) = rows(&x[0].meta);
        Ok(self.by(Softmax::KERNELS.choose(rows, columns, caps), x))
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let (rows, columns) = rows(&x[0].meta);
        Ok(Softmax::KERNELS.all(rows, columns, caps).into_iter().map(|choice| self.by(choice, x)).collect())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(rows(&x[0].meta).1)
    }

    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true]).filter(|_| x[0].shape().rank() > 1)
    }
}

impl SoftmaxGrad {
    const KERNELS: RowKernels = RowKernels {
        alone: &shaders::SOFTMAX_GRAD_ALONE,
        subgroup: [&shaders::SOFTMAX_GRAD_SUBGROUP, &shaders::SOFTMAX_GRAD_SUBGROUP_VEC4],
        workgroup: [&shaders::SOFTMAX_GRAD_WORKGROUP, &shaders::SOFTMAX_GRAD_WORKGROUP_VEC4],
    };

    fn by(&self, choice: RowChoice, x: &[Layout]) -> Lowering {
        let (rows, columns) = rows(&x[0].meta);
        let mut overrides = vec![("LOG", f64::from(u8::from(self.log)))];
        overrides.extend(choice.overrides);
        Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: SoftmaxGradParams { rows: rows as u32, columns: (columns / choice.lanes) as u32 }.bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            workgroups: choice.workgroups,
        })
    }
}

impl Op for SoftmaxGrad {
    fn name(&self) -> &'static str {
        if self.log { "log_softmax_grad" } else { "softmax_grad" }
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        check(x)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let columns = rows(&x[0].meta).1.max(1);
        let softmax = x[0].data.chunks(columns).zip(x[1].data.chunks(columns));
        for ((y, dy), dx) in softmax.zip(y[0].data.chunks_mut(columns)) {
            let sum: f64 = y.iter().zip(dy).map(|(y, dy)| if self.log { *dy } else { dy * y }).sum();
            for ((dx, y), dy) in dx.iter_mut().zip(y).zip(dy) {
                *dx = if self.log { dy - y.exp() * sum } else { y * (dy - sum) };
            }
        }
    }

    /// By the formula in simple operators.
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (y, dy, above) = (at.x[0], at.x[1], at.dy());
        if self.log {
            // dx = dy - e^y s, s = sum(dy)
            let weighted = y.exp() * above;
            let of_y = at.wanted[0].then(|| -(weighted * dy.sum(&[-1], true)));
            let of_dy = at.wanted[1].then(|| above - weighted.sum(&[-1], true));
            vec![of_y, of_dy]
        } else {
            // dx = y (dy - s), s = sum(dy y)
            let spread = (above * y).sum(&[-1], true);
            let of_y = at.wanted[0].then(|| above * (dy - (dy * y).sum(&[-1], true)) - dy * spread);
            let of_dy = at.wanted[1].then(|| y * (above - spread));
            vec![of_y, of_dy]
        }
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        let (rows, columns) = rows(&x[0].meta);
        Ok(self.by(SoftmaxGrad::KERNELS.choose(rows, columns, caps), x))
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        let (rows, columns) = rows(&x[0].meta);
        Ok(SoftmaxGrad::KERNELS
            .all(rows, columns, caps)
            .into_iter()
            .map(|choice| self.by(choice, x))
            .collect())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(rows(&x[0].meta).1)
    }

    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true, true]).filter(|_| x[0].shape().rank() > 1)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let wide = || Fill::Uniform(-4.0, 4.0);
    // A logarithm of a sum has the error of the sum; exp multiplies the error of its argument,
    // a few times 2^-24 here, by the result.
    let tolerance = Tolerance { relative: 2e-6, absolute: 1e-6 };
    for columns in [1, 3, 7, 8, 12, 31, 32, 33, 36, 64, 65, 127, 128, 257, 1024, 1027, 4100] {
        // Past one workgroup of rows, whatever a row is given to.
        let rows = if columns < 40 { 67 } else { 3 };
        let case = Case::new(format!("softmax {rows}x{columns}"), |x| x[0].softmax(-1));
        cases.push(case.filled(&[rows, columns], DType::F32, wide()).tolerance(tolerance));
        // The sum of thousands of logarithms would be too large for differences of it.
        let scale = if columns > 2000 { 0.01 } else { 1.0 };
        let case = Case::new(format!("log_softmax {rows}x{columns}"), move |x| x[0].log_softmax(-1) * scale);
        cases.push(case.filled(&[rows, columns], DType::F32, wide()).tolerance(tolerance));
    }
    for (axis, sizes) in [(0, &[9, 4][..]), (1, &[4, 6, 5]), (-1, &[2, 3, 5, 17]), (0, &[65])] {
        let case = Case::new(format!("softmax axis {axis} of {sizes:?}"), move |x| x[0].softmax(axis));
        cases.push(case.filled(sizes, DType::F32, wide()).tolerance(tolerance));
        let case =
            Case::new(format!("log_softmax axis {axis} of {sizes:?}"), move |x| x[0].log_softmax(axis));
        cases.push(case.filled(sizes, DType::F32, wide()).tolerance(tolerance));
    }
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let extremes = vec![
        1000.0, 1001.0, 999.0, -1000.0, 88.0, 0.0, -90.0, -inf, // large and small
        1.0, nan, 2.0, 3.0, -inf, -inf, 0.5, -inf, // NaN; mostly nothing
        -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, // nothing at all: NaN
        inf, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, // NaN as well
    ];
    // Rows of 8 for groups of four, of 4 for single elements beside them.
    for columns in [8, 4, 2, 1] {
        let given = || Fill::Given(extremes.clone());
        let rows = 32 / columns;
        let case = Case::new(format!("softmax extremes {columns}"), |x| x[0].softmax(-1)).forward_only();
        cases.push(case.filled(&[rows, columns], DType::F32, given()));
        let case =
            Case::new(format!("log_softmax extremes {columns}"), |x| x[0].log_softmax(-1)).forward_only();
        cases.push(case.filled(&[rows, columns], DType::F32, given()));
    }
    let long = LONGEST_ROW + 5;
    cases.push(Case::new("softmax long row", |x| x[0].softmax(-1)).input(&[long]).tolerance(tolerance));
    cases.push(
        Case::new("log_softmax long row", |x| x[0].log_softmax(-1) * 1e-3)
            .input(&[long])
            .tolerance(tolerance),
    );
    cases.push(Case::new("softmax of nothing", |x| x[0].softmax(-1)).input(&[3, 0]));
    cases.push(
        Case::new("softmax twice", |x| {
            // The gradient of the gradient.
            let graph = x[0].graph();
            let weighted = (x[0].softmax(-1) * x[1] + x[0].log_softmax(-1) * x[1].square()).sum_all();
            graph.gradients(weighted, &[x[0]])[0]
        })
        .input(&[3, 5])
        .input(&[3, 5]),
    );
    cases.push(Case::new("logsumexp axes 0 and 2", |x| x[0].logsumexp(&[0, 2], true)).input(&[6, 5, 7]));
    cases.push(Case::new("logsumexp extremes", |x| x[0].logsumexp(&[1], false)).forward_only().filled(
        &[4, 8],
        DType::F32,
        Fill::Given(extremes),
    ));
    cases
}
