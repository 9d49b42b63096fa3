//! y[.., i] = x[.., i, i + offset], and what a matrix has below, on and above a diagonal
//!
//! A diagonal is a view, whose stride is the sum of two. The way back puts it into zeros.

use anygrad_core::{Caps, DType, Error, Result, Shape};

use super::places::counts;
use super::view::gather;
use crate::{
    At, Attributes, Case, Fill, Grads, Graph, Layout, Lowering, Meta, Op, Tensor, Tolerance, Values,
};

/// Of the last two axes; `offset` columns to the right.
#[derive(Debug)]
struct Diagonal {
    offset: isize,
}

impl<'g> Tensor<'g> {
    /// The elements whose place along `axis2` is `offset` more than along `axis1`. Both axes go, the
    /// diagonal stands at the end, as in PyTorch and NumPy.
    #[track_caller]
    pub fn diagonal(self, offset: isize, axis1: isize, axis2: isize) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        match (shape.axis(axis1), shape.axis(axis2)) {
            (Ok(row), Ok(column)) if row != column => {
                let mut order: Vec<usize> = (0..shape.rank()).filter(|&a| a != row && a != column).collect();
                order.extend([row, column]);
                self.permute(&order).apply_diagonal(offset)
            }
            (Err(error), _) | (_, Err(error)) => self.fail(error.context("diagonal")),
            _ => self.fail(Error::shape(format!("diagonal: {axis1} and {axis2} are one axis of {shape}"))),
        }
    }

    #[track_caller]
    fn apply_diagonal(self, offset: isize) -> Tensor<'g> {
        self.apply(Diagonal { offset }, &[self])
    }

    /// Matrices with the last axis of this on a diagonal, `offset` columns to the right of the main
    /// one, and zeros elsewhere: `[.., n]` becomes `[.., n + |offset|, n + |offset|]`.
    #[track_caller]
    pub fn diag_embed(self, offset: isize) -> Tensor<'g> {
        match self.shape().last() {
            _ if self.is_poison() => self,
            Some(&n) => {
                let size = n + offset.unsigned_abs();
                self.on_diagonal(offset, size, size)
            }
            None => self.fail(Error::shape("diag_embed: a scalar has no axis")),
        }
    }

    /// A diagonal of a matrix as a vector, or a matrix with a vector on it and zeros elsewhere.
    #[track_caller]
    pub fn diag(self, offset: isize) -> Tensor<'g> {
        match self.shape().rank() {
            1 => self.diag_embed(offset),
            2 => self.diagonal(offset, 0, 1),
            _ if self.is_poison() => self,
            _ => self.fail(Error::shape(format!("diag: {} is no vector and no matrix", self.shape()))),
        }
    }

    /// The sum of the main diagonal of a matrix.
    #[track_caller]
    pub fn trace(self) -> Tensor<'g> {
        self.diagonal(0, -2, -1).sum(&[-1], false)
    }

    /// The last two axes without what stands right of diagonal `offset`: zeros there.
    #[track_caller]
    pub fn tril(self, offset: isize) -> Tensor<'g> {
        self.kept("tril", |rows, columns| columns.le(rows), offset)
    }

    /// The last two axes without what stands left of diagonal `offset`: zeros there.
    #[track_caller]
    pub fn triu(self, offset: isize) -> Tensor<'g> {
        self.kept("triu", |rows, columns| columns.ge(rows), offset)
    }

    /// Zeros but where `inside` says so of the diagonal's column of a row, and the column.
    #[track_caller]
    fn kept(self, name: &str, inside: fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>, offset: isize) -> Tensor<'g> {
        match *self.shape() {
            _ if self.is_poison() => self,
            [.., rows, columns] => {
                let graph = self.graph();
                let diagonal = counts(graph, rows, offset, 1).reshape(&[rows, 1]);
                inside(diagonal, counts(graph, columns, 0, 1)).select(self, 0.0)
            }
            _ => self.fail(Error::shape(format!("{name}: {} is no matrix", self.shape()))),
        }
    }

    /// Matrices of zeros with the last axis of this on a diagonal.
    #[track_caller]
    fn on_diagonal(self, offset: isize, rows: usize, columns: usize) -> Tensor<'g> {
        let (rank, length) = (self.shape().rank(), self.shape()[self.shape().rank() - 1]);
        let before = offset.min(0).unsigned_abs();
        let mut amounts = vec![(0, 0); rank];
        amounts[rank - 1] = (before, rows - length - before);
        let by_row = self.pad(&amounts, 0.0).unsqueeze(rank);
        let graph = self.graph();
        let diagonal = counts(graph, rows, offset, 1).reshape(&[rows, 1]);
        diagonal.eq(counts(graph, columns, 0, 1)).select(by_row, 0.0)
    }
}

impl Graph {
    /// A matrix with ones on the main diagonal and zeros elsewhere.
    #[track_caller]
    pub fn eye(&self, rows: usize, columns: usize) -> Tensor<'_> {
        let row = counts(self, rows, 0, 1).reshape(&[rows, 1]);
        row.eq(counts(self, columns, 0, 1)).cast(DType::F32)
    }
}

impl Diagonal {
    /// The number of elements.
    fn length(&self, rows: usize, columns: usize) -> usize {
        let (down, right) = (self.offset.min(0).unsigned_abs(), self.offset.max(0).unsigned_abs());
        rows.saturating_sub(down).min(columns.saturating_sub(right))
    }

    fn layout(&self, x: &Layout, y: Meta) -> Layout {
        let mut layout = Layout { meta: y, ..*x };
        let rank = x.shape().rank();
        let (down, right) = (x.strides[rank - 2], x.strides[rank - 1]);
        layout.strides[rank - 2] = down + right;
        layout.strides[rank - 1] = 0;
        if y.shape.elements() > 0 {
            let first = if self.offset < 0 { -self.offset * down } else { self.offset * right };
            layout.offset = x.offset.wrapping_add_signed(first);
        }
        layout
    }
}

impl Op for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    fn attributes(&self) -> Attributes {
        Attributes::new().with("offset", self.offset)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        match *x[0].shape {
            [ref outer @ .., rows, columns] => {
                let sizes = [outer, &[self.length(rows, columns)]].concat();
                Ok(vec![x[0].with_shape(Shape::new(&sizes)?)])
            }
            _ => Err(Error::shape(format!("{} is no matrix", x[0].shape))),
        }
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        gather(&self.layout(&Layout::contiguous(x[0].meta), y[0].meta), x[0], &mut y[0]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let shape = at.x[0].shape();
        let (rows, columns) = (shape[shape.rank() - 2], shape[shape.rank() - 1]);
        if at.y[0].shape().elements() == 0 {
            return vec![Some(at.x[0].zeros_like())];
        }
        vec![Some(at.dy().on_diagonal(self.offset, rows, columns))]
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
    let mut cases = Vec::new();
    for (offset, sizes) in
        [(0, &[5, 5][..]), (2, &[3, 4, 7]), (-3, &[2, 9, 4]), (1, &[1, 1]), (-9, &[4, 4]), (3, &[2, 8, 4])]
    {
        cases.push(exact(
            Case::many(format!("diagonal {offset} of {sizes:?}"), move |x| {
                vec![x[0].diagonal(offset, -2, -1), x[0].diagonal(offset, -1, 0)]
            })
            .input(sizes),
        ));
        cases.push(exact(
            Case::many(format!("tril {offset} of {sizes:?}"), move |x| {
                vec![x[0].tril(offset), x[0].triu(offset)]
            })
            .input(sizes),
        ));
        cases.push(exact(
            Case::new(format!("diag_embed {offset} of {sizes:?}"), move |x| x[0].diag_embed(offset))
                .input(sizes),
        ));
    }
    cases.push(Case::new("diagonal of a view", |x| x[0].t().slice(0, 0..6, -2).diag(1)).input(&[4, 6]));
    cases.push(
        Case::new("diagonal in a chain", |x| x[0].diag(0) * x[1] + x[0].trace()).input(&[9, 9]).input(&[9]),
    );
    cases.push(
        exact(Case::many("tril i32", |x| vec![x[0].tril(0), x[0].diag(-1), x[0].diagonal(0, 0, 1).diag(2)]))
            .forward_only()
            .filled(&[6, 5], DType::I32, Fill::Below(99)),
    );
    cases.push(exact(Case::new("eye 3x5", |x| x[0].matmul(x[0].graph().eye(3, 5)))).input(&[2, 3]));
    cases.push(exact(Case::new("tril NaN", |x| x[0].tril(-1)).forward_only()).filled(
        &[2, 2],
        DType::F32,
        Fill::Given(vec![f64::NAN, f64::INFINITY, 1.0, f64::NEG_INFINITY]),
    ));
    cases
}
