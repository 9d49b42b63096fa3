//! y[.., k, ..] = x[.., indices[k], ..], and elements picked by an index each
//!
//! Indices are `i32`. An index outside gives zeros, and nothing is added for it on the way back: a
//! kernel cannot report it, so who has the indices on the host checks them before.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, GatherElementsParams, GatherParams};

use super::concat::{copy_workgroups, copyable};
use super::places::flat_places;
use super::scatter::{ScatterAdd, is_much};
use crate::{
    At, Attributes, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor,
    Tolerance, Values, workgroups,
};

/// Inputs: x and indices of any shape, which takes the place of the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gather {
    pub(super) axis: usize,
}

/// Inputs: x and indices of the same rank; they agree but for the axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct GatherElements {
    pub(super) axis: usize,
}

impl<'g> Tensor<'g> {
    /// The parts of this at `indices` (`i32` or `u32`, any shape) along `axis`, which their shape replaces.
    ///
    /// An index that is negative or too large gives zeros.
    #[track_caller]
    pub fn gather(self, axis: isize, indices: Tensor<'g>) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() => self,
            Ok(axis) => self.apply(Gather { axis }, &[self, indices]),
            Err(error) => self.fail(error.context("gather")),
        }
    }

    /// The rows of this table `[v, d]` at `indices`: `[..indices, d]`.
    ///
    /// An index that is negative or too large gives zeros.
    #[track_caller]
    pub fn embedding(self, indices: Tensor<'g>) -> Tensor<'g> {
        self.dims::<2>("the table of an embedding");
        self.gather(0, indices)
    }

    /// y[i, j, ..] = x[i, indices[i, j, ..], ..] for axis 1, and so on: one index per element of
    /// the result. The indices (`i32` or `u32`) may have any size along `axis`, and at most that of
    /// this along the others: PyTorch's `gather`, ONNX's `GatherElements`.
    ///
    /// An index that is negative or too large gives 0.
    #[track_caller]
    pub fn gather_elements(self, axis: isize, indices: Tensor<'g>) -> Tensor<'g> {
        match self.shape().axis(axis) {
            _ if self.is_poison() || indices.is_poison() => {
                self.apply(GatherElements { axis: 0 }, &[self, indices])
            }
            Ok(axis) => {
                let (shape, wanted) = (self.shape(), indices.shape());
                let fits = |a: usize| a == axis || shape.get(a) == wanted.get(a) || wanted[a] > shape[a];
                let narrow = |x: Tensor<'g>, a: usize| match fits(a) {
                    true => x,
                    false => x.narrow(a as isize, 0..wanted[a]),
                };
                let x = (0..shape.rank().min(wanted.rank())).fold(self, narrow);
                x.apply(GatherElements { axis }, &[x, indices])
            }
            Err(error) => self.fail(error.context("gather_elements")),
        }
    }

    /// NumPy's name of [`Tensor::gather_elements`].
    #[track_caller]
    pub fn take_along_axis(self, axis: isize, indices: Tensor<'g>) -> Tensor<'g> {
        self.gather_elements(axis, indices)
    }

    /// 1 at the place that each of these indices (`i32` or `u32`) names, 0 elsewhere: `[..shape, depth]`,
    /// `f32`. An index outside gives zeros.
    #[track_caller]
    pub fn one_hot(self, depth: usize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        if let Err(error) = check_indices(&self.meta()) {
            return self.fail(error.context("one_hot"));
        }
        let places: Vec<f64> = (0..depth).map(|place| place as f64).collect();
        match Shape::new(&[depth]) {
            Ok(shape) => {
                let places = self.graph().constant(Array::from_f64(shape, self.dtype(), &places));
                self.unsqueeze(self.shape().rank()).eq(places).cast(DType::F32)
            }
            Err(error) => self.fail(error.context("one_hot")),
        }
    }
}

/// Sizes before, at and behind an axis.
pub(super) fn around(shape: &Shape, axis: usize) -> (usize, usize, usize) {
    (shape[..axis].iter().product(), shape[axis], shape[axis + 1..].iter().product())
}

/// Refuses indices that are neither `i32` nor `u32`; kernels read both as `u32`.
pub(super) fn check_indices(indices: &Meta) -> Result<()> {
    match indices.dtype {
        DType::I32 | DType::U32 => Ok(()),
        _ => Err(Error::shape(format!("indices are i32 or u32, {indices} was given"))),
    }
}

/// An index as a position on an axis, unless it lies outside.
pub(super) fn inside(index: f64, size: usize) -> Option<usize> {
    (index >= 0.0 && index < size as f64).then_some(index as usize)
}

impl Op for Gather {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        copyable(&x[0])?;
        check_indices(&x[1])?;
        let mut sizes = x[0].shape[..self.axis].to_vec();
        sizes.extend(x[1].shape.iter());
        sizes.extend(&x[0].shape[self.axis + 1..]);
        Ok(vec![x[0].with_shape(Shape::new(&sizes)?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (outer, size, inner) = around(&x[0].shape(), self.axis);
        let count = x[1].data.len();
        for o in 0..outer {
            for (k, &index) in x[1].data.iter().enumerate() {
                if let Some(index) = inside(index, size) {
                    let (from, to) = ((o * size + index) * inner, (o * count + k) * inner);
                    y[0].data[to..to + inner].copy_from_slice(&x[0].data[from..from + inner]);
                }
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let shape = at.x[0].shape();
        let (outer, size, inner) = around(&shape, self.axis);
        let count = at.x[1].shape().elements();
        let dy = at.dy().reshape(&[outer, count, inner]);
        let indices = at.x[1].reshape(&[count]);
        let dx = dy.apply(ScatterAdd { axis: 1, size, elements: false }, &[dy, indices]);
        vec![Some(dx.reshape(&shape)), None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let (_, size, inner) = around(&x[0].shape(), self.axis);
        let vector = inner.is_multiple_of(4);
        let unit = if vector { 4 } else { 1 };
        let units = y[0].shape.elements() / unit;
        Ok(Kernels::one(Dispatch {
            kernel: if vector { &shaders::GATHER_VEC4 } else { &shaders::GATHER },
            overrides: vec![],
            params: GatherParams {
                units: units as u32,
                size: size as u32,
                count: x[1].shape().elements() as u32,
                inner: (inner / unit) as u32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            workgroups: copy_workgroups(units),
        }))
    }

    /// Those of x in front of the axis, otherwise those of the indices.
    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        let picks_rows = self.axis == 0;
        let has_rows = !picks_rows || x[1].shape().rank() > 0;
        Rows::first_axis(&y[0], &[!picks_rows, picks_rows]).filter(|_| has_rows)
    }
}

impl Op for GatherElements {
    fn name(&self) -> &'static str {
        "gather_elements"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axis", self.axis)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        copyable(&x[0])?;
        check_indices(&x[1])?;
        let (values, indices) = (x[0].shape, x[1].shape);
        let agree = values.rank() == indices.rank() && values.with(self.axis, indices[self.axis]) == indices;
        if !agree {
            let message = format!("indices {indices} and values {values} differ beside axis {}", self.axis);
            return Err(Error::shape(message));
        }
        Ok(vec![x[0].with_shape(indices)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (_, size, inner) = around(&x[0].shape(), self.axis);
        let count = x[1].shape()[self.axis];
        for (at, (y, &index)) in y[0].data.iter_mut().zip(&x[1].data).enumerate() {
            let (o, i) = (at / (count * inner), at % inner);
            *y = inside(index, size).map_or(0.0, |index| x[0].data[(o * size + index) * inner + i]);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let shape = at.x[0].shape();
        let (dy, size) = (at.dy(), shape[self.axis]);
        if is_much(shape.elements(), at.x[1].shape()[self.axis]) {
            // Each result would look through the whole axis: one sorted list of all elements.
            let flat = dy.reshape(&[dy.shape().elements()]);
            let places = flat_places(at.x[1], &shape, self.axis);
            let op = ScatterAdd { axis: 0, size: shape.elements(), elements: false };
            return vec![Some(flat.apply(op, &[flat, places]).reshape(&shape)), None];
        }
        vec![Some(dy.apply(ScatterAdd { axis: self.axis, size, elements: true }, &[dy, at.x[1]])), None]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let (_, size, inner) = around(&x[0].shape(), self.axis);
        let elements = y[0].shape.elements();
        Ok(Kernels::one(Dispatch {
            kernel: &shaders::GATHER_ELEMENTS,
            overrides: vec![],
            params: GatherElementsParams {
                elements: elements as u32,
                size: size as u32,
                count: x[1].shape()[self.axis] as u32,
                inner: inner as u32,
            }
            .bytes(),
            bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Output(0)],
            workgroups: workgroups(elements.div_ceil(64)),
        }))
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    let gather = |axis: isize, x: &[usize], indices: &[usize]| {
        let size = x[axis.rem_euclid(x.len() as isize) as usize];
        exact(Case::new(format!("gather axis {axis} of {x:?} at {indices:?}"), move |x| {
            x[0].gather(axis, x[1])
        }))
        .input(x)
        .filled(indices, DType::I32, Fill::Below(size))
        // Sums of as many terms as an index occurs.
        .gradient_tolerance(Tolerance::sum(indices.iter().product()))
    };
    let elements = |axis: isize, x: &[usize], count: usize| {
        let place = axis.rem_euclid(x.len() as isize) as usize;
        let mut indices = x.to_vec();
        indices[place] = count;
        exact(Case::new(format!("gather_elements axis {axis} of {x:?} at {count}"), move |x| {
            x[0].take_along_axis(axis, x[1])
        }))
        .input(x)
        .filled(&indices, DType::I32, Fill::Below(x[place]))
        .gradient_tolerance(Tolerance::sum(count))
    };
    let outside = || Fill::Given(vec![2.0, -1.0, 0.0, 5.0, 3.0, 4.0, -2_147_483_648.0, 2_147_483_647.0]);
    vec![
        gather(0, &[7, 4], &[6]),
        gather(1, &[3, 6, 2], &[2, 2]),
        gather(-1, &[5, 9], &[4]),
        gather(0, &[11], &[]),
        gather(0, &[1, 1], &[4]),
        // Enough for the sorted way back: two digits, one, several blocks, one index for all.
        gather(0, &[1000, 8], &[64]),
        gather(0, &[40, 3], &[2, 1500]),
        gather(1, &[2, 300, 4], &[517]),
        gather(0, &[1, 4], &[66_000]),
        gather(0, &[70_000, 1], &[9]),
        exact(Case::new("embedding duplicates", |x| x[0].embedding(x[1]))).input(&[11, 7]).filled(
            &[3, 5],
            DType::I32,
            Fill::Below(11),
        ),
        exact(Case::new("gather outside", |x| x[0].gather(0, x[1]))).input(&[5, 3]).filled(
            &[8],
            DType::I32,
            outside(),
        ),
        exact(Case::new("gather outside, sorted", |x| x[0].gather(0, x[1])))
            .input(&[5, 64])
            .filled(&[1600], DType::I32, outside())
            .gradient_tolerance(Tolerance::sum(200)),
        exact(Case::new("gather nothing", |x| x[0].gather(0, x[1]))).input(&[5, 3]).filled(
            &[0],
            DType::I32,
            Fill::Below(1),
        ),
        exact(Case::new("gather u32", |x| x[0].gather(1, x[1])).forward_only())
            .filled(&[3, 9], DType::U32, Fill::Below(1 << 22))
            .filled(&[5], DType::I32, Fill::Below(9)),
        exact(
            Case::many("gather at u32", |x| {
                vec![x[0].gather(0, x[1]), x[0].gt(0.0).gather(0, x[1]).cast(DType::F32)]
            })
            .input(&[5, 3]),
        )
        .filled(&[4], DType::U32, Fill::Given(vec![4.0, 0.0, 4_294_967_295.0, 5.0])),
        exact(Case::new("one_hot u32", |x| x[0].one_hot(3)).forward_only()).filled(
            &[4],
            DType::U32,
            Fill::Below(4),
        ),
        elements(1, &[4, 6], 3),
        elements(0, &[5, 3, 2], 7),
        elements(-1, &[67, 10], 1),
        // Enough for one sorted list of all on the way back.
        elements(1, &[3, 700, 2], 300),
        exact(Case::new("gather_elements outside", |x| x[0].gather_elements(0, x[1]))).input(&[5, 2]).filled(
            &[4, 2],
            DType::I32,
            outside(),
        ),
        exact(Case::new("one_hot 6", |x| x[0].one_hot(6)).forward_only()).filled(
            &[2, 4],
            DType::I32,
            outside(),
        ),
        Case::new("gather twice", |x| {
            // The gradient of the gradient.
            let loss = (x[0].gather(0, x[1]).square() * x[2]).sum_all();
            let slope = x[0].graph().gradients(loss, &[x[0]])[0];
            x[0].graph().gradients(slope.square().sum_all(), &[x[0]])[0]
        })
        .input(&[4, 3])
        .filled(&[5], DType::I32, Fill::Below(4))
        .input(&[5, 3]),
    ]
}
