//! reshape, permute, broadcast: the same elements under another layout. None of them does any work
//! on a device: the reader is told the strides. A reader that wants row-major gets a copy.

use anygrad_core::{Caps, DType, Error, Result, Shape};

use crate::{At, Attributes, Case, Fill, Grads, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values};

#[derive(Debug)]
struct Reshape(Shape);

#[derive(Debug)]
struct Permute(Vec<usize>);

#[derive(Debug)]
struct Broadcast(Shape);

impl<'g> Tensor<'g> {
    /// The same elements in the same order under another shape.
    #[track_caller]
    pub fn reshape(self, sizes: &[usize]) -> Tensor<'g> {
        match Shape::new(sizes) {
            Ok(shape) if shape == self.shape() => self,
            Ok(shape) => self.apply(Reshape(shape), &[self]),
            Err(error) => self.fail(error.context("reshape")),
        }
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]` of this.
    #[track_caller]
    pub fn permute(self, axes: &[usize]) -> Tensor<'g> {
        self.apply(Permute(axes.to_vec()), &[self])
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn t(self) -> Tensor<'g> {
        let rank = self.shape().rank();
        if rank < 2 {
            return self.fail(Error::shape(format!("t: {} has no two axes to exchange", self.shape())));
        }
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 1, rank - 2);
        self.permute(&axes)
    }

    /// The elements repeated along axes of size 1, and along new axes in front, by NumPy's rule.
    #[track_caller]
    pub fn broadcast_to(self, sizes: &[usize]) -> Tensor<'g> {
        match Shape::new(sizes) {
            Ok(shape) if shape == self.shape() => self,
            Ok(shape) => self.apply(Broadcast(shape), &[self]),
            Err(error) => self.fail(error.context("broadcast_to")),
        }
    }

    /// A new axis of size 1 before `axis`.
    #[track_caller]
    pub fn unsqueeze(self, axis: usize) -> Tensor<'g> {
        let mut sizes = self.shape().to_vec();
        if axis > sizes.len() {
            return self.fail(Error::shape(format!("unsqueeze: no place {axis} in {}", self.shape())));
        }
        sizes.insert(axis, 1);
        self.reshape(&sizes)
    }

    /// The same without an axis of size 1.
    #[track_caller]
    pub fn squeeze(self, axis: usize) -> Tensor<'g> {
        let mut sizes = self.shape().to_vec();
        if sizes.get(axis) != Some(&1) {
            return self.fail(Error::shape(format!("squeeze: axis {axis} of {} is not 1", self.shape())));
        }
        sizes.remove(axis);
        self.reshape(&sizes)
    }
}

impl Op for Reshape {
    fn name(&self) -> &'static str {
        "reshape"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let (from, to) = (x[0].shape.elements(), self.0.elements());
        if from != to {
            return Err(Error::shape(format!("{} has {from} elements, {} has {to}", x[0].shape, self.0)));
        }
        Ok(vec![x[0].with_shape(self.0)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.copy_from_slice(&x[0].data);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy().reshape(&at.x[0].shape()))]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        match x[0].reshaped(y[0].shape) {
            Some(layout) => Ok(Lowering::View(layout)),
            None => Err(Error::internal(format!("reshape: {:?} was not copied", x[0]))),
        }
    }

    fn accepts(&self, _input: usize, layout: &Layout) -> bool {
        layout.reshaped(self.0).is_some()
    }

    fn takes_halves(&self) -> bool {
        true
    }
}

impl Op for Permute {
    fn name(&self) -> &'static str {
        "permute"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("axes", &self.0[..])
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        if sorted != (0..x[0].shape.rank()).collect::<Vec<_>>() {
            return Err(Error::shape(format!("{:?} does not order the axes of {}", self.0, x[0].shape)));
        }
        let sizes: Vec<usize> = self.0.iter().map(|&axis| x[0].shape[axis]).collect();
        Ok(vec![x[0].with_shape(Shape::new(&sizes)?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        gather(&self.layout(&Layout::contiguous(x[0].meta), y[0].meta), x[0], &mut y[0]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let mut inverse = vec![0; self.0.len()];
        for (to, &from) in self.0.iter().enumerate() {
            inverse[from] = to;
        }
        vec![Some(at.dy().permute(&inverse))]
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

impl Permute {
    fn layout(&self, x: &Layout, y: Meta) -> Layout {
        let mut layout = Layout { meta: y, ..*x };
        for (to, &from) in self.0.iter().enumerate() {
            layout.strides[to] = x.strides[from];
        }
        layout
    }
}

impl Op for Broadcast {
    fn name(&self) -> &'static str {
        "broadcast_to"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x[0].shape.broadcast(&self.0)? != self.0 {
            return Err(Error::shape(format!("{} does not stretch to {}", x[0].shape, self.0)));
        }
        Ok(vec![x[0].with_shape(self.0)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        gather(&self.layout(&Layout::contiguous(x[0].meta), y[0].meta), x[0], &mut y[0]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let from = at.x[0].shape();
        let added = self.0.rank() - from.rank();
        let stretched: Vec<isize> = (0..self.0.rank())
            .filter(|&axis| axis < added || from[axis - added] != self.0[axis])
            .map(|axis| axis as isize)
            .collect();
        vec![Some(at.dy().sum(&stretched, false).reshape(&from))]
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

impl Broadcast {
    fn layout(&self, x: &Layout, y: Meta) -> Layout {
        let added = y.shape.rank() - x.shape().rank();
        let mut layout = Layout { meta: y, strides: [0; anygrad_core::MAX_RANK], offset: x.offset };
        for axis in added..y.shape.rank() {
            if x.shape()[axis - added] == y.shape[axis] {
                layout.strides[axis] = x.strides[axis - added];
            }
        }
        layout
    }
}

/// Reads `x` through a layout: the reference of every view.
pub(super) fn gather(layout: &Layout, x: &Values, y: &mut Values) {
    let shape = layout.shape();
    let mut index = vec![0usize; shape.rank()];
    let mut position = layout.offset as isize;
    for value in &mut y.data {
        *value = x.data[position as usize];
        for axis in (0..shape.rank()).rev() {
            index[axis] += 1;
            position += layout.strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            position -= layout.strides[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
    }
}

pub(super) fn cases() -> Vec<Case> {
    let exact = |case: Case| case.tolerance(Tolerance::EXACT);
    vec![
        exact(Case::new("reshape 12 to 3x4", |x| x[0].reshape(&[3, 4])).input(&[2, 6])),
        exact(Case::new("permute 3x5x2", |x| x[0].permute(&[2, 0, 1])).input(&[3, 5, 2])),
        exact(Case::new("permute 65x33", |x| x[0].t()).input(&[65, 33])),
        exact(
            Case::new("permute then reshape", |x| x[0].permute(&[1, 0, 2]).reshape(&[15, 2]))
                .input(&[3, 5, 2]),
        ),
        exact(Case::new("broadcast_to 4x3x5", |x| x[0].broadcast_to(&[4, 3, 5])).input(&[3, 1])),
        exact(Case::new("permute i32", |x| x[0].t()).forward_only().filled(
            &[7, 9],
            DType::I32,
            Fill::Below(50),
        )),
        Case::new("permute in a chain", |x| (x[0].t() * x[1] + x[0].t()).t()).input(&[9, 6]).input(&[6, 1]),
    ]
}
