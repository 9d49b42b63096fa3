//! y[o, i] = sum over m of x[o, m, i], and the same with max, min and products.
//!
//! Reduced axes that are neighbours count as one axis m; axes that are not are reduced one group
//! after another, the innermost first.
//!
//! Integers have the same reductions; their sums and products wrap. Of truth values the sum is a
//! count, the maximum says whether any is true, the minimum and the product whether all are.

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, ReduceIntegerParams, ReduceParams, ReduceRowsParams};

use super::rows::RowKernels;
use crate::{
    Arrangement, At, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor,
    Tolerance, Values, workgroups,
};

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
        self.in_f32(|x| x.sum(axes, keepdims) * (1.0 / count as f64))
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

/// A reduction of elements of a dtype, rows by the choice of this number among those for each pass.
pub(super) struct Reduction {
    pub(super) kind: Kind,
    pub(super) dtype: DType,
    pub(super) way: usize,
}

impl Reduction {
    /// The sum of floating-point numbers.
    pub(super) const SUM: Reduction = Reduction { kind: Kind::Sum, dtype: DType::F32, way: 0 };

    /// Adds the dispatches that reduce the middle axis of `[outer, middle, inner]`, from one operand to
    /// another.
    pub(super) fn passes(
        &self,
        kernels: &mut Kernels,
        [outer, middle, inner]: [usize; 3],
        [mut from, end]: [Operand; 2],
        caps: &Caps,
    ) -> Result<()> {
        let dtype = self.dtype;
        let mut left = middle;
        loop {
            let terms = if inner == 1 && dtype.is_float() {
                row_terms(outer, left)
            } else {
                column_terms(outer, left, inner, caps)
            };
            let parts = left.div_ceil(terms).max(1);
            let to = if parts == 1 {
                end
            } else {
                kernels.scratch.push(Meta { shape: Shape::new(&[outer * parts * inner])?, dtype });
                Operand::Scratch(kernels.scratch.len() - 1)
            };
            let (parts, terms) = (parts as u32, terms as u32);
            let pass = Pass { kind: self.kind, outer, middle: left, inner, parts, terms };
            let bindings = vec![from, to];
            kernels.dispatches.push(if !dtype.is_float() {
                pass.integers(dtype, bindings)
            } else if inner == 1 {
                pass.rows(bindings, self.way, caps)
            } else {
                pass.columns(bindings)
            });
            if parts == 1 {
                return Ok(());
            }
            (from, left) = (to, parts as usize);
        }
    }
}

/// Elements of a row that one subgroup or workgroup takes; a multiple of four. Where the rows do not
/// fill the adapter they are cut finer.
fn row_terms(rows: usize, columns: usize) -> usize {
    const PART: usize = 1 << 12;
    const LONG_PART: usize = 1 << 15;
    match rows {
        // A second pass pays only for much more than one part.
        ..256 if columns > 2 * PART => PART,
        ..256 => columns.max(1),
        _ => LONG_PART,
    }
}

/// Terms that one invocation adds up: at most as many as keep the error small, which then grows with
/// the tree, and fewer where that gives the adapter enough invocations.
fn column_terms(outer: usize, middle: usize, inner: usize, caps: &Caps) -> usize {
    const MOST: usize = 1024;
    const LEAST: usize = 64;
    /// A second pass costs more than this many terms in a row.
    const FEW: usize = 256;
    if middle <= FEW {
        return FEW;
    }
    let busy = if caps.is_cpu() { 512 } else { 1 << 14 };
    let units = if inner.is_multiple_of(4) { inner / 4 } else { inner };
    let parts = busy / (outer * units).max(1);
    middle.div_ceil(parts.max(1)).clamp(LEAST, MOST)
}

/// Kernels that sum over the rows of `[rows, columns]` to `outputs` sums per column, in parts: `first`
/// makes a dispatch from the rows in a part, the number of parts, and where it writes
/// `[parts, outputs, columns]`; further ones sum up the parts.
pub(super) fn sum_of_parts(
    [rows, columns, outputs]: [usize; 3],
    caps: &Caps,
    first: impl FnOnce(usize, usize, Operand) -> Dispatch,
) -> Result<Lowering> {
    let terms = column_terms(1, rows, columns, caps);
    let mut left = rows.div_ceil(terms).max(1);
    if left == 1 {
        return Ok(Kernels::one(first(terms, 1, Operand::Output(0))));
    }
    let inner = outputs * columns;
    let mut kernels = Kernels { scratch: vec![Meta::f32(Shape::new(&[left * inner])?)], dispatches: vec![] };
    kernels.dispatches.push(first(terms, left, Operand::Scratch(0)));
    let mut from = Operand::Scratch(0);
    while left > 1 {
        let terms = column_terms(1, left, inner, caps);
        let parts = left.div_ceil(terms);
        let to = if parts == 1 {
            Operand::Output(0)
        } else {
            kernels.scratch.push(Meta::f32(Shape::new(&[parts * inner])?));
            Operand::Scratch(kernels.scratch.len() - 1)
        };
        let pass =
            Pass { kind: Kind::Sum, outer: 1, middle: left, inner, parts: parts as u32, terms: terms as u32 };
        kernels.dispatches.push(pass.columns(vec![from, to]));
        (from, left) = (to, parts);
    }
    Ok(Lowering::Kernels(kernels))
}

/// One dispatch of a reduction.
struct Pass {
    kind: Kind,
    outer: usize,
    middle: usize,
    inner: usize,
    parts: u32,
    terms: u32,
}

impl Pass {
    fn rows(&self, bindings: Vec<Operand>, way: usize, caps: &Caps) -> Dispatch {
        const KERNELS: RowKernels = RowKernels {
            alone: &shaders::REDUCE_ROWS_ALONE,
            subgroup: [&shaders::REDUCE_ROWS_SUBGROUP, &shaders::REDUCE_ROWS_SUBGROUP_VEC4],
            workgroup: [&shaders::REDUCE_ROWS_WORKGROUP, &shaders::REDUCE_ROWS_WORKGROUP_VEC4],
        };
        let rows = self.outer * self.parts as usize;
        // A single row may end within a group of four.
        let vector = self.outer == 1 || self.middle.is_multiple_of(4);
        let choice = KERNELS.choose_units(way, rows, self.middle.min(self.terms as usize), vector, caps);
        let mut overrides = vec![("KIND", f64::from(self.kind as u8))];
        overrides.extend(choice.overrides);
        Dispatch {
            kernel: choice.kernel,
            overrides,
            params: ReduceRowsParams {
                rows: rows as u32,
                columns: self.middle as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: choice.workgroups,
        }
    }

    fn integers(&self, dtype: DType, bindings: Vec<Operand>) -> Dispatch {
        let outputs = self.outer * self.parts as usize * self.inner;
        // Of 0 and 1 the product is the smallest, and of none it is 1.
        let kind = match (self.kind, dtype) {
            (Kind::Min, DType::Bool) => Kind::Product,
            (kind, _) => kind,
        };
        let signed = f64::from(u8::from(dtype == DType::I32));
        Dispatch {
            kernel: &shaders::REDUCE_INTEGER,
            overrides: vec![("KIND", f64::from(kind as u8)), ("SIGNED", signed)],
            params: ReduceIntegerParams {
                outputs: outputs as u32,
                middle: self.middle as u32,
                inner: self.inner as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: workgroups(outputs.div_ceil(64)),
        }
    }

    fn columns(&self, bindings: Vec<Operand>) -> Dispatch {
        let vector = self.inner.is_multiple_of(4);
        let inner = if vector { self.inner / 4 } else { self.inner };
        let outputs = self.outer * self.parts as usize * inner;
        Dispatch {
            kernel: if vector { &shaders::REDUCE_VEC4 } else { &shaders::REDUCE },
            overrides: vec![("KIND", f64::from(self.kind as u8))],
            params: ReduceParams {
                outputs: outputs as u32,
                middle: self.middle as u32,
                inner: inner as u32,
                parts: self.parts,
                terms: self.terms,
            }
            .bytes(),
            bindings,
            workgroups: workgroups(outputs.div_ceil(64)),
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
    // Groups of four across and along, rows that end within one, parts of one row and of many.
    for (sizes, axis) in [
        (&[1100, 8][..], 0),
        (&[2, 300, 12], 1),
        (&[300, 64], 1),
        (&[67, 33], 1),
        (&[70, 36], 1),
        (&[1, 12_301], 1),
        (&[3, 9000], 1),
        (&[2, 9001], 1),
        (&[260, 300], 1),
    ] {
        let length = sizes[axis as usize];
        cases.push(
            Case::new(format!("sum axis {axis} of {sizes:?}"), move |x| x[0].sum(&[axis], false))
                .input(sizes)
                .tolerance(Tolerance::sum(length)),
        );
        let case = Case::new(format!("max axis {axis} of {sizes:?}"), move |x| x[0].max(&[axis], false));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(-1.0, -0.5)));
        let case = Case::new(format!("min axis {axis} of {sizes:?}"), move |x| x[0].min(&[axis], true));
        cases.push(case.filled(sizes, DType::F32, Fill::Distinct(0.5, 1.0)));
    }
    for (sizes, axis) in [(&[9, 5][..], 0), (&[3, 4, 9], -1), (&[2, 40], 1), (&[2, 65], 1), (&[65, 4], 0)] {
        let case = Case::new(format!("prod axis {axis} of {sizes:?}"), move |x| x[0].prod(&[axis], true));
        cases.push(case.filled(sizes, DType::F32, Fill::Uniform(0.8, 1.2)));
    }
    cases.push(Case::new("prod of nothing", |x| x[0].prod(&[1], false)).input(&[3, 0]));
    cases.push(Case::new("prod with zeros", |x| x[0].prod(&[1], false)).filled(
        &[4, 3],
        DType::F32,
        Fill::Given(vec![2.0, 0.0, 3.0, 0.0, 0.0, 2.0, 1.0, 2.0, -3.0, 0.0, 5.0, 0.0]),
    ));
    cases.push(Case::new("variance of rows", |x| x[0].variance(&[1], true, 0)).input(&[5, 131]));
    cases.push(Case::new("variance of a sample", |x| x[0].variance(&[0, 2], false, 1)).input(&[6, 5, 7]));
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
    // A NaN in a row of groups of four, at the end and in the middle.
    for (name, at) in [("first", 0), ("middle", 37), ("last", 63)] {
        let numbers = (0..64).map(|i| if i == at { f64::NAN } else { f64::from(i) }).collect();
        let case =
            Case::many(format!("max NaN {name}"), |x| vec![x[0].max(&[1], false), x[0].min(&[1], false)]);
        cases.push(case.forward_only().filled(&[2, 64], DType::F32, Fill::Given(numbers)));
    }
    for dtype in [DType::I32, DType::U32] {
        let numbers: &[f64] = match dtype {
            DType::I32 => &[3.0, -7.0, 2_147_483_647.0, -2_147_483_648.0, 0.0, 5.0, -1.0],
            _ => &[3.0, 4_294_967_295.0, 2_147_483_648.0, 1.0, 7.0],
        };
        // Rows, columns, and sums of several parts.
        for (sizes, axis) in [(&[3, 7][..], 1), (&[9, 5], 0), (&[2, 2100], 1), (&[1500, 3], 0)] {
            let case = Case::many(format!("sum {dtype} axis {axis} of {sizes:?}"), move |x| {
                let axes = &[axis];
                vec![
                    x[0].sum(axes, false),
                    x[0].prod(axes, true),
                    x[0].max(axes, false),
                    x[0].min(axes, true),
                ]
            });
            let case = case.forward_only().tolerance(Tolerance::EXACT);
            cases.push(case.filled(sizes, dtype, Fill::Given(numbers.to_vec())));
        }
    }
    for sizes in [&[4, 3][..], &[2, 0]] {
        let case = Case::many(format!("sum bool {sizes:?}"), |x| {
            let truth = x[0].gt(0.3);
            vec![
                truth.sum(&[1], false),
                truth.any(&[1], false),
                truth.all(&[1], true),
                truth.all(&[0, 1], false),
            ]
        });
        let numbers = vec![1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0];
        let case = case.forward_only().tolerance(Tolerance::EXACT);
        cases.push(case.filled(sizes, DType::F32, Fill::Given(numbers)));
    }
    cases.push(Case::new("sum axes 0 and 2", |x| x[0].sum(&[0, 2], true)).input(&[6, 5, 7]));
    cases.push(Case::new("mean axes 0, 2 and 3", |x| x[0].mean(&[0, 2, 3], false)).input(&[4, 3, 5, 2]));
    cases.push(Case::new("sum all", |x| x[0].sum_all()).input(&[5, 7, 3]));
    cases.push(Case::new("sum of nothing", |x| x[0].sum(&[1], false)).input(&[3, 0]));
    cases
}
