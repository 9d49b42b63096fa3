//! A matrix product as a kernel sees it: where the operands stand, and its dispatches.

use anygrad_core::{DType, Error, MAX_RANK, Result, Shape};
use anygrad_shaders::{self as shaders, Kernel, MatmulShuffleParams, MatmulSumParams};

use crate::{Dispatch, Kernels, Layout, Lowering, Meta, Operand, workgroups};

/// The same kernel for operands that are stored as 16-bit floats.
fn of_halves(kernel: &'static Kernel) -> Result<&'static Kernel> {
    let halves = [
        (&shaders::MATMUL_SHUFFLE_8X32, &shaders::MATMUL_SHUFFLE_HALF_8X32),
        (&shaders::MATMUL_SHUFFLE_16X32, &shaders::MATMUL_SHUFFLE_HALF_16X32),
        (&shaders::MATMUL_SHUFFLE_32X64, &shaders::MATMUL_SHUFFLE_HALF_32X64),
        (&shaders::MATMUL_ROWS_4X128, &shaders::MATMUL_ROWS_HALF_4X128),
        (&shaders::MATMUL_ROWS_4X32, &shaders::MATMUL_ROWS_HALF_4X32),
        (&shaders::MATMUL_BLOCK_64X64, &shaders::MATMUL_BLOCK_HALF_64X64),
        (&shaders::MATMUL_BLOCK_128X128, &shaders::MATMUL_BLOCK_HALF_128X128),
    ];
    let half = halves.iter().find(|(whole, _)| whole.name == kernel.name).map(|(_, half)| *half);
    half.ok_or_else(|| Error::internal(format!("{} does not read 16-bit floats", kernel.name)))
}

/// Whether a kernel is of the family that shuffles, with subgroups of exactly eight lanes.
fn is_shuffle(kernel: &Kernel) -> bool {
    kernel.subgroups
}

/// A batch of matrix products as the kernels see it.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) terms: usize,
    /// Outermost first; axes of size 1 are left out and neighbours that run on are one.
    batch: Vec<BatchAxis>,
    pub(super) a: Operands,
    pub(super) b: Operands,
}

/// The matrices of one operand. A line is a row of a or a column of b.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands {
    input: usize,
    start: usize,
    /// Distance from line to line; 0 if there is only one.
    pub(super) line: usize,
    /// Distance from term to term; 0 if there is only one.
    pub(super) term: usize,
}

#[derive(Clone, Copy, Debug)]
struct BatchAxis {
    size: usize,
    a_stride: usize,
    b_stride: usize,
}

impl Product {
    pub(super) fn new(a: &Layout, b: &Layout, y: &Shape) -> Self {
        // Strides of broadcast axes, and of axes with one element, are 0.
        let stride = |x: &Layout, from_back: usize| match x.shape().rank().checked_sub(from_back) {
            Some(axis) if x.shape()[axis] != 1 => x.strides[axis] as usize,
            _ => 0,
        };
        let mut product = Product {
            rows: y[y.rank() - 2],
            columns: y[y.rank() - 1],
            terms: a.shape()[a.shape().rank() - 1],
            batch: Vec::new(),
            a: Operands { input: 0, start: a.offset, line: stride(a, 2), term: stride(a, 1) },
            b: Operands { input: 1, start: b.offset, line: stride(b, 1), term: stride(b, 2) },
        };
        for axis in 0..y.rank() - 2 {
            let from_back = y.rank() - axis;
            let size = y[axis];
            let inner = BatchAxis { size, a_stride: stride(a, from_back), b_stride: stride(b, from_back) };
            match product.batch.last_mut() {
                _ if size == 1 => {}
                Some(outer)
                    if outer.a_stride == inner.a_stride * size && outer.b_stride == inner.b_stride * size =>
                {
                    *outer = BatchAxis { size: outer.size * size, ..inner };
                }
                _ => product.batch.push(inner),
            }
        }
        product
    }

    pub(super) fn batches(&self) -> usize {
        self.batch.iter().map(|axis| axis.size).product()
    }

    /// Where the matrices of one batch start.
    pub(super) fn starts(&self, batch: usize) -> (usize, usize) {
        let (mut rest, mut a, mut b) = (batch, self.a.start, self.b.start);
        for axis in self.batch.iter().rev() {
            a += rest % axis.size * axis.a_stride;
            b += rest % axis.size * axis.b_stride;
            rest /= axis.size;
        }
        (a, b)
    }

    /// The innermost batch axis becomes rows where b is the same for all of it and a's rows run on.
    pub(super) fn fold_batch_into_rows(&mut self) {
        while let Some(&axis) = self.batch.last() {
            let runs_on = self.rows == 1 || axis.a_stride == self.rows * self.a.line;
            if axis.b_stride != 0 || !runs_on {
                return;
            }
            if self.rows == 1 {
                self.a.line = axis.a_stride;
            }
            self.rows *= axis.size;
            self.batch.pop();
        }
    }

    /// A single column is the same memory as a single row, and kernels are built for few rows.
    pub(super) fn turn_single_column(&mut self) {
        if self.columns == 1 && self.rows > 1 {
            (self.rows, self.columns) = (self.columns, self.rows);
            (self.a, self.b) = (self.b, self.a);
            for axis in &mut self.batch {
                (axis.a_stride, axis.b_stride) = (axis.b_stride, axis.a_stride);
            }
        }
    }

    /// Whether every vector of four elements that a kernel reads or writes is four neighbours in
    /// memory, aligned.
    pub(super) fn in_vectors(&self) -> bool {
        let aligned = |x: &Operands, lines: usize| {
            let along_terms = x.term == 1 && self.terms.is_multiple_of(4) && x.line.is_multiple_of(4);
            let along_lines = x.line == 1 && lines.is_multiple_of(4) && x.term.is_multiple_of(4);
            x.start.is_multiple_of(4) && (along_terms || along_lines)
        };
        self.columns.is_multiple_of(4)
            && self.terms > 0
            && aligned(&self.a, self.rows)
            && aligned(&self.b, self.columns)
            && self
                .batch
                .iter()
                .all(|axis| axis.a_stride.is_multiple_of(4) && axis.b_stride.is_multiple_of(4))
    }

    /// As kernels take it: see [`Product::fold_batch_into_rows`] and [`Product::turn_single_column`].
    pub(super) fn turned(mut self) -> Self {
        self.fold_batch_into_rows();
        self.turn_single_column();
        self
    }

    /// By a kernel, for operands of this dtype, the sum cut into parts of so many terms.
    pub(super) fn lower(
        &self,
        kernel: &'static Kernel,
        terms_per_part: usize,
        dtype: DType,
    ) -> Result<Lowering> {
        let in_vectors = self.in_vectors();
        let is_shuffle = is_shuffle(kernel);
        let kernel = if dtype.is_half() { of_halves(kernel)? } else { kernel };
        let tiles = self.tiles(kernel);
        let parts = self.terms.div_ceil(terms_per_part).max(1);

        let count = self.batches() * self.rows * self.columns;
        let mut result = Kernels::default();
        let target = if parts == 1 { Operand::Output(0) } else { Operand::Scratch(0) };
        // Vectors run along whichever axis is dense. Single elements can be read in any order: the
        // tiles' invocations go along memory, the shuffles always along a's terms and b's columns.
        let (a_along_rows, b_along_terms) = match (in_vectors, is_shuffle) {
            (true, _) => (self.a.term != 1, self.b.line != 1),
            (false, true) => (false, false),
            (false, false) => (self.a.line == 1, self.b.line != 1),
        };
        let switch = |name, on: bool| (name, f64::from(u8::from(on)));
        let mut overrides = match is_shuffle {
            true => vec![switch("A_ALONG_ROWS", a_along_rows), switch("B_ALONG_TERMS", b_along_terms)],
            false => vec![switch("A_TURNED", !a_along_rows), switch("B_TURNED", b_along_terms)],
        };
        if dtype.is_half() {
            overrides.push(("BF16", f64::from(u8::from(dtype == DType::BF16))));
        }
        if is_shuffle {
            overrides.push(("TAIL", f64::from(u8::from(!self.terms.is_multiple_of(4)))));
        }
        result.dispatches.push(Dispatch {
            kernel,
            overrides,
            params: self.params(parts, terms_per_part).bytes(),
            bindings: vec![Operand::Input(self.a.input), Operand::Input(self.b.input), target],
            workgroups: workgroups(tiles * parts),
        });
        if parts > 1 {
            result.scratch.push(Meta::f32(Shape::new(&[parts, count])?));
            let units = if in_vectors { count / 4 } else { count };
            result.dispatches.push(Dispatch {
                kernel: if in_vectors { &shaders::MATMUL_SUM } else { &shaders::MATMUL_SUM_SCALAR },
                overrides: Vec::new(),
                params: MatmulSumParams { parts: parts as u32, count: units as u32 }.bytes(),
                bindings: vec![Operand::Scratch(0), Operand::Output(0)],
                workgroups: workgroups(units.div_ceil(64)),
            });
        }
        Ok(Lowering::Kernels(result))
    }

    /// The tiles of a kernel that cover the result.
    pub(super) fn tiles(&self, kernel: &Kernel) -> usize {
        let rows = kernel.constant("ROWS") as usize;
        // The shuffling family counts its columns in vectors of four for each of eight lanes.
        let columns = match kernel.constant("COLUMNS") {
            0 => kernel.constant("VECTORS") as usize * 32,
            columns => columns as usize,
        };
        self.batches() * self.rows.div_ceil(rows) * self.columns.div_ceil(columns)
    }

    /// All families take the same parameters, those of `shared/matmul.wgsl`.
    fn params(&self, parts: usize, terms_per_part: usize) -> MatmulShuffleParams {
        let mut axes = [BatchAxis { size: 1, a_stride: 0, b_stride: 0 }; MAX_RANK];
        for (to, from) in axes.iter_mut().zip(self.batch.iter().rev()) {
            *to = *from;
        }
        let four =
            |first: usize, of: fn(&BatchAxis) -> usize| [0, 1, 2, 3].map(|i| of(&axes[first + i]) as u32);
        MatmulShuffleParams {
            rows: self.rows as u32,
            columns: self.columns as u32,
            terms: self.terms as u32,
            parts: parts as u32,
            terms_per_part: terms_per_part as u32,
            batches: self.batches() as u32,
            a_start: self.a.start as u32,
            a_row: self.a.line as u32,
            a_term: self.a.term as u32,
            b_start: self.b.start as u32,
            b_term: self.b.term as u32,
            b_column: self.b.line as u32,
            batch_axes: self.batch.len() as u32,
            inner_sizes: four(0, |axis| axis.size),
            outer_sizes: four(4, |axis| axis.size),
            inner_a_strides: four(0, |axis| axis.a_stride),
            outer_a_strides: four(4, |axis| axis.a_stride),
            inner_b_strides: four(0, |axis| axis.b_stride),
            outer_b_strides: four(4, |axis| axis.b_stride),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_with_one_matrix_is_one_product() {
        let layout = |sizes: &[usize]| Layout::contiguous(Meta::f32(Shape::new(sizes).unwrap()));
        let mut product =
            Product::new(&layout(&[4, 5, 6, 8]), &layout(&[8, 16]), &Shape::new(&[4, 5, 6, 16]).unwrap());
        product.fold_batch_into_rows();
        assert_eq!((product.rows, product.batches()), (120, 1));
        assert!(product.in_vectors());
    }
}
