//! y[.., m, n] = sum over k of a[.., m, k] * b[.., k, n]
//!
//! da = dy . b^T and db = a^T . dy, summed over the batch axes along which a or b was repeated.

use anygrad_core::{Caps, DType, Error, MAX_RANK, Result, Shape};
use anygrad_shaders::{self as shaders, Kernel, MatmulShuffleParams, MatmulSumParams};

use crate::{
    At, Case, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor, Tolerance, Values,
    workgroups,
};

#[derive(Debug)]
struct MatMul;

impl<'g> Tensor<'g> {
    /// The matrix product over the last two axes: `[.., m, k]` times `[.., k, n]` is `[.., m, n]`.
    /// The axes in front are batch axes and broadcast by NumPy's rule. A vector on the left counts
    /// as one row, on the right as one column, and that axis is missing in the result.
    #[track_caller]
    pub fn matmul(self, other: Tensor<'g>) -> Tensor<'g> {
        if self.is_poison() || other.is_poison() {
            return self.apply(MatMul, &[self, other]);
        }
        let shape = match product_shape(&self.shape(), &other.shape()) {
            Ok(shape) => shape,
            Err(error) => return self.fail(error.context("matmul")),
        };
        let a = if self.shape().rank() == 1 { self.unsqueeze(0) } else { self };
        let b = if other.shape().rank() == 1 { other.unsqueeze(1) } else { other };
        a.apply(MatMul, &[a, b]).reshape(&shape)
    }
}

/// The shape of a product; vectors are allowed.
fn product_shape(a: &Shape, b: &Shape) -> Result<Shape> {
    let (Some(&a_terms), Some(&b_terms)) = (a.last(), b.get(b.rank().saturating_sub(2))) else {
        return Err(Error::shape(format!("{a} x {b}: a scalar has no axis to sum over")));
    };
    if a_terms != b_terms {
        return Err(Error::shape(format!("{a} x {b}: inner sizes {a_terms} and {b_terms} differ")));
    }
    let batch_of = |s: &Shape| Shape::new(&s[..s.rank().saturating_sub(2)]);
    let batch = batch_of(a)?.broadcast(&batch_of(b)?).map_err(|e| e.context(format!("{a} x {b}")))?;
    let mut sizes = batch.to_vec();
    sizes.extend((a.rank() > 1).then(|| a[a.rank() - 2]));
    sizes.extend((b.rank() > 1).then(|| b[b.rank() - 1]));
    Shape::new(&sizes)
}

/// Summed over the axes along which `shape` was repeated to give this gradient.
fn sum_to<'g>(gradient: Tensor<'g>, shape: &Shape) -> Tensor<'g> {
    let whole = gradient.shape();
    let added = whole.rank() - shape.rank();
    let repeated: Vec<isize> = (0..whole.rank())
        .filter(|&axis| axis < added || shape[axis - added] != whole[axis])
        .map(|axis| axis as isize)
        .collect();
    gradient.sum(&repeated, false).reshape(shape)
}

impl Op for MatMul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if x.iter().any(|operand| operand.dtype != DType::F32) {
            return Err(Error::shape(format!("{} x {}: both must be f32", x[0], x[1])));
        }
        Ok(vec![Meta::f32(product_shape(&x[0].shape, &x[1].shape)?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let [a_layout, b_layout] = [0, 1].map(|i| Layout::contiguous(x[i].meta));
        let product = Product::new(&a_layout, &b_layout, &y[0].meta.shape);
        let (rows, columns) = (product.rows, product.columns);
        for (i, result) in y[0].data.iter_mut().enumerate() {
            let (batch, row, column) = (i / (rows * columns), i / columns % rows, i % columns);
            let (a_start, b_start) = product.starts(batch);
            *result = (0..product.terms)
                .map(|term| {
                    let a = x[0].data[a_start + row * product.a.line + term * product.a.term];
                    a * x[1].data[b_start + term * product.b.term + column * product.b.line]
                })
                .sum();
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (a, b, dy) = (at.x[0], at.x[1], at.dy());
        let da = at.wanted[0].then(|| sum_to(dy.matmul(b.t()), &a.shape()));
        let db = at.wanted[1].then(|| {
            let shape = b.shape();
            let [terms, columns] = [shape[shape.rank() - 2], shape[shape.rank() - 1]];
            if shape.elements() != terms * columns {
                return sum_to(a.t().matmul(dy), &shape);
            }
            // One matrix for the whole batch: the sum over the batch is part of one long product.
            let rows: usize = dy.shape()[..dy.shape().rank() - 1].iter().product();
            a.reshape(&[rows, terms]).t().matmul(dy.reshape(&[rows, columns])).reshape(&shape)
        });
        vec![da, db]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Lowering> {
        if let Some(meta) = x.iter().map(|l| l.meta).chain([y[0]]).find(|m| m.bytes() > u64::from(u32::MAX)) {
            return Err(Error::unsupported(format!("matmul: {meta} is beyond 4 GiB")));
        }
        Product::new(&x[0], &x[1], &y[0].shape).lower(x[0].meta.dtype, caps)
    }

    /// Both of one dtype, where kernels go through them in groups of four.
    fn reads_halves(&self, x: &[Layout], y: &[Meta]) -> bool {
        let mut product = Product::new(&x[0], &x[1], &y[0].shape);
        product.fold_batch_into_rows();
        product.turn_single_column();
        let dtype = x[0].meta.dtype;
        let readable = (0..2).all(|i| x[i].meta.dtype == dtype && self.accepts(i, &x[i]));
        dtype.is_half() && readable && product.in_vectors()
    }

    /// The rows of a where b is one matrix, otherwise the matrices of the outermost batch axis.
    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        let shared = x[1].shape().rank() == 2;
        let batched =
            x.iter().all(|x| x.shape().rank() == y[0].shape.rank() && x.shape()[0] == y[0].shape[0]);
        let a_has_them = x[0].shape().rank() == y[0].shape.rank();
        Rows::first_axis(&y[0], &[true, !shared]).filter(|_| if shared { a_has_them } else { batched })
    }

    /// Matrices whose rows or columns are dense, any distance apart, in batches of any strides.
    fn accepts(&self, _input: usize, layout: &Layout) -> bool {
        let rank = layout.shape().rank();
        let dense = |axis: usize| layout.strides[axis] == 1 || layout.shape()[axis] == 1;
        layout.strides().iter().all(|&stride| stride >= 0) && (dense(rank - 1) || dense(rank - 2))
    }
}

/// The same kernel for operands that are stored as 16-bit floats.
fn of_halves(kernel: &'static Kernel) -> Result<&'static Kernel> {
    let halves = [
        (&shaders::MATMUL_SHUFFLE_8X32, &shaders::MATMUL_SHUFFLE_HALF_8X32),
        (&shaders::MATMUL_SHUFFLE_16X32, &shaders::MATMUL_SHUFFLE_HALF_16X32),
        (&shaders::MATMUL_SHUFFLE_32X64, &shaders::MATMUL_SHUFFLE_HALF_32X64),
        (&shaders::MATMUL_TILE_64X64, &shaders::MATMUL_TILE_HALF_64X64),
        (&shaders::MATMUL_TILE_32X32, &shaders::MATMUL_TILE_HALF_32X32),
        (&shaders::MATMUL_TILE_4X256, &shaders::MATMUL_TILE_HALF_4X256),
    ];
    let half = halves.iter().find(|(whole, _)| whole.name == kernel.name).map(|(_, half)| *half);
    half.ok_or_else(|| Error::internal(format!("{} does not read 16-bit floats", kernel.name)))
}

/// A batch of matrix products as the kernels see it.
#[derive(Debug)]
struct Product {
    rows: usize,
    columns: usize,
    terms: usize,
    /// Outermost first; axes of size 1 are left out and neighbours that run on are one.
    batch: Vec<BatchAxis>,
    a: Operands,
    b: Operands,
}

/// The matrices of one operand. A line is a row of a or a column of b.
#[derive(Clone, Copy, Debug)]
struct Operands {
    input: usize,
    start: usize,
    /// Distance from line to line; 0 if there is only one.
    line: usize,
    /// Distance from term to term; 0 if there is only one.
    term: usize,
}

#[derive(Clone, Copy, Debug)]
struct BatchAxis {
    size: usize,
    a_stride: usize,
    b_stride: usize,
}

impl Product {
    fn new(a: &Layout, b: &Layout, y: &Shape) -> Self {
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

    fn batches(&self) -> usize {
        self.batch.iter().map(|axis| axis.size).product()
    }

    /// Where the matrices of one batch start.
    fn starts(&self, batch: usize) -> (usize, usize) {
        let (mut rest, mut a, mut b) = (batch, self.a.start, self.b.start);
        for axis in self.batch.iter().rev() {
            a += rest % axis.size * axis.a_stride;
            b += rest % axis.size * axis.b_stride;
            rest /= axis.size;
        }
        (a, b)
    }

    /// The innermost batch axis becomes rows where b is the same for all of it and a's rows run on.
    fn fold_batch_into_rows(&mut self) {
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
    fn turn_single_column(&mut self) {
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
    fn in_vectors(&self) -> bool {
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

    fn lower(mut self, dtype: DType, caps: &Caps) -> Result<Lowering> {
        self.fold_batch_into_rows();
        self.turn_single_column();
        let in_vectors = self.in_vectors();
        let (mut kernel, is_shuffle) = self.kernel(in_vectors, caps);
        if dtype.is_half() {
            kernel = of_halves(kernel)?;
        }
        let tiles = self.tiles(kernel);
        let (parts, terms_per_part) = self.split(tiles, caps);

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
        let mut overrides = vec![
            ("A_ALONG_ROWS", f64::from(u8::from(a_along_rows))),
            ("B_ALONG_TERMS", f64::from(u8::from(b_along_terms))),
        ];
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

    /// The kernel, and whether it is of the family that shuffles.
    fn kernel(&self, in_vectors: bool, caps: &Caps) -> (&'static Kernel, bool) {
        let few_rows = self.rows <= 8;
        if caps.is_cpu() && caps.fixed_subgroup() == Some(8) {
            // The large tile is nearly twice as fast, but the driver takes a second to compile it.
            const LARGE_PRODUCT: usize = 1 << 23;
            let products = self.batches() * self.rows * self.columns * self.terms;
            let is_large = products >= LARGE_PRODUCT;
            let kernel = match (in_vectors, few_rows) {
                (true, true) => &shaders::MATMUL_SHUFFLE_8X32,
                (true, false) if is_large && self.rows > 16 && self.columns > 32 => {
                    &shaders::MATMUL_SHUFFLE_32X64
                }
                (true, false) => &shaders::MATMUL_SHUFFLE_16X32,
                (false, true) => &shaders::MATMUL_SHUFFLE_SCALAR_8X32,
                (false, false) => &shaders::MATMUL_SHUFFLE_SCALAR_16X32,
            };
            return (kernel, true);
        }
        // Large tiles reuse more, small ones fill the machine: a GPU has about this many cores.
        const CORES: usize = 64;
        let fills = self.tiles(&shaders::MATMUL_TILE_64X64) >= CORES;
        let kernel = match (in_vectors, few_rows, fills) {
            (true, true, _) => &shaders::MATMUL_TILE_4X256,
            (true, false, true) => &shaders::MATMUL_TILE_64X64,
            (true, false, false) => &shaders::MATMUL_TILE_32X32,
            (false, true, _) => &shaders::MATMUL_TILE_SCALAR_4X256,
            (false, false, true) => &shaders::MATMUL_TILE_SCALAR_64X64,
            (false, false, false) => &shaders::MATMUL_TILE_SCALAR_32X32,
        };
        (kernel, false)
    }

    fn tiles(&self, kernel: &Kernel) -> usize {
        let rows = kernel.constant("ROWS") as usize;
        // The shuffling family counts its columns in vectors of four for each of eight lanes.
        let columns = match kernel.constant("COLUMNS") {
            0 => kernel.constant("VECTORS") as usize * 32,
            columns => columns as usize,
        };
        self.batches() * self.rows.div_ceil(rows) * self.columns.div_ceil(columns)
    }

    /// How many parts the sum over the terms is cut into, and the terms of each.
    fn split(&self, tiles: usize, caps: &Caps) -> (usize, usize) {
        /// Error of rounding grows with the length of a sum; parts are added in a second step.
        const WANTED_TERMS: usize = 4096;
        /// A kernel takes at most one and a half iterations per term, of 65,535.
        const MOST_TERMS: usize = 32_768;
        /// A part must be worth storing and reading its sums.
        const LEAST_TERMS: usize = 256;
        /// All parts together take no more memory than this unless `MOST_TERMS` wants it.
        const SCRATCH_BYTES: usize = 64 << 20;
        let enough_tiles = if caps.is_cpu() { 8 } else { 128 };
        let to_fill = (enough_tiles / tiles.max(1)).min(self.terms / LEAST_TERMS);
        let bytes = 4 * self.batches() * self.rows * self.columns;
        let affordable = SCRATCH_BYTES / bytes.max(1);
        let wanted = to_fill.max(self.terms.div_ceil(WANTED_TERMS)).min(affordable);
        let parts = wanted.max(self.terms.div_ceil(MOST_TERMS)).max(1);
        let terms_per_part = self.terms.div_ceil(parts).next_multiple_of(16).max(16);
        (self.terms.div_ceil(terms_per_part).max(1), terms_per_part)
    }

    /// Both families take the same parameters, those of `shared/matmul.wgsl`.
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

pub(super) fn cases() -> Vec<Case> {
    fn turn(x: Tensor<'_>, yes: bool) -> Tensor<'_> {
        if yes { x.t() } else { x }
    }
    /// Gradients sum over rows, columns and batches, so they are allowed more.
    fn product(name: impl Into<String>, a: &[usize], b: &[usize], turned: (bool, bool)) -> Case {
        let terms = if turned.0 { a[a.len() - 2] } else { a[a.len() - 1] };
        let longest =
            (a.iter().product::<usize>() / terms.max(1)).max(b.iter().product::<usize>() / terms.max(1));
        Case::new(name, move |x| turn(x[0], turned.0).matmul(turn(x[1], turned.1)))
            .input(a)
            .input(b)
            .tolerance(Tolerance::sum(terms))
            .gradient_tolerance(Tolerance { relative: 2e-5, ..Tolerance::sum(4 * longest) })
    }
    let mut cases = Vec::new();
    // Around the tiles; all sizes divide by four, some do, none does; one row, column or term.
    for [m, k, n] in [
        [1, 1, 1],
        [8, 4, 32],
        [9, 8, 36],
        [17, 20, 64],
        [33, 4, 68],
        [64, 64, 64],
        [7, 13, 17],
        [31, 7, 9],
        [65, 67, 63],
        [129, 65, 67],
        [24, 1, 12],
        [13, 1, 5],
        [1, 64, 128],
        [1, 33, 129],
        [131, 31, 1],
        [128, 36, 1],
        [1, 257, 1],
        [3, 2, 257],
        [64, 100, 10],
        [5, 700, 4],
    ] {
        cases.push(product(format!("matmul {m}x{k}x{n}"), &[m, k], &[k, n], (false, false)));
    }
    // Transposed operands are read where they stand.
    for [m, k, n] in [[36, 40, 64], [31, 19, 23], [32, 50, 64], [16, 7, 32], [4, 3, 8]] {
        let name = |which: &str| format!("matmul {m}x{k}x{n} transposed {which}");
        cases.push(product(name("a"), &[k, m], &[k, n], (true, false)));
        cases.push(product(name("b"), &[m, k], &[n, k], (false, true)));
        cases.push(product(name("both"), &[k, m], &[n, k], (true, true)));
    }
    // Batches: equal, broadcast on either side and on both, of one matrix.
    for (a, b) in [
        (&[5, 7, 11][..], &[5, 11, 3][..]),
        (&[2, 3, 9, 12], &[2, 3, 12, 8]),
        (&[4, 6, 5], &[5, 3]),
        (&[4, 8, 16], &[16, 32]),
        (&[6, 5], &[4, 5, 3]),
        (&[4, 1, 5, 3], &[2, 3, 6]),
        (&[2, 1, 8, 4], &[1, 3, 4, 32]),
        (&[2, 1, 2, 1, 2, 1, 3, 2], &[1, 2, 1, 3, 1, 2, 2, 3]),
        (&[3, 2, 4, 5], &[5, 1]),
        (&[3, 1, 8], &[3, 8, 4]),
    ] {
        cases.push(product(format!("matmul batch {a:?} {b:?}"), a, b, (false, false)));
    }
    // Long sums are cut into parts.
    for (a, b, turned) in [
        ([2, 70_001], [70_001, 3], (false, false)),
        ([5000, 4], [5000, 8], (true, false)),
        ([4, 4100], [8, 4100], (false, true)),
    ] {
        cases.push(product(format!("matmul long {a:?} {b:?}"), &a, &b, turned));
    }
    // Large enough for the largest tiles.
    cases.push(product("matmul large 516x36x516", &[516, 36], &[36, 516], (false, false)).forward_only());
    cases.push(product("matmul large 517x33x513", &[517, 33], &[33, 513], (false, false)).forward_only());
    cases.push(Case::new("matmul vectors", |x| x[0].matmul(x[1])).input(&[9]).input(&[9]));
    cases.push(Case::new("matmul vector matrix", |x| x[0].matmul(x[1])).input(&[9]).input(&[3, 9, 5]));
    cases.push(Case::new("matmul matrix vector", |x| x[0].matmul(x[1])).input(&[3, 4, 9]).input(&[9]));
    cases.push(Case::new("matmul no terms", |x| x[0].matmul(x[1]) + 1.0).input(&[3, 0]).input(&[0, 4]));
    cases.push(Case::new("matmul no rows", |x| x[0].matmul(x[1])).input(&[0, 3]).input(&[3, 4]));
    cases.push(Case::new("matmul of itself", |x| x[0].matmul(x[0])).input(&[12, 12]));
    cases.push(
        Case::new("matmul with a bias and relu", |x| (x[0].matmul(x[1]) + x[2]).relu())
            .input(&[18, 8])
            .input(&[8, 12])
            .input(&[12]),
    );
    cases.push(
        Case::new("matmul long with a bias", |x| x[0].matmul(x[1]) + x[2])
            .input(&[3, 4500])
            .input(&[4500, 4])
            .input(&[4])
            .tolerance(Tolerance::sum(4500)),
    );
    cases.push(
        Case::new("matmul of views", |x| {
            x[0].permute(&[1, 0, 2]).matmul(x[1].unsqueeze(0).broadcast_to(&[3, 4, 8]))
        })
        .input(&[8, 3, 4])
        .input(&[4, 8]),
    );
    cases.push(
        Case::new("matmul of matmuls", |x| x[0].matmul(x[1]).matmul(x[2].t()))
            .input(&[9, 5])
            .input(&[5, 12])
            .input(&[7, 12])
            .tolerance(Tolerance::sum(60)),
    );
    cases
}

#[cfg(test)]
mod tests {
    use anygrad_core::Array;

    use super::*;
    use crate::{Graph, Interpreter, Precision};

    fn run(a: (&[usize], &[f32]), b: (&[usize], &[f32])) -> Array {
        let graph = Graph::new();
        let [x, w] = [("a", a), ("b", b)].map(|(name, (sizes, numbers))| {
            (graph.input(name, sizes, DType::F32), Array::f32(sizes, numbers).unwrap())
        });
        let mut cpu = Interpreter::new(Precision::F64);
        cpu.write("a", &x.1);
        cpu.write("b", &w.1);
        cpu.run(&graph, &[x.0.matmul(w.0)]).unwrap().remove(0)
    }

    #[test]
    fn products_by_hand() {
        let matrix: (&[usize], &[f32]) = (&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let other: (&[usize], &[f32]) = (&[3, 2], &[1.0, 0.0, 0.0, 1.0, 2.0, 2.0]);
        assert_eq!(run(matrix, other), Array::f32(&[2, 2], [7.0, 8.0, 16.0, 17.0]).unwrap());
        let vector: (&[usize], &[f32]) = (&[3], &[1.0, -1.0, 2.0]);
        assert_eq!(run(matrix, vector), Array::f32(&[2], [5.0, 11.0]).unwrap());
        assert_eq!(run(vector, other), Array::f32(&[2], [5.0, 3.0]).unwrap());
        assert_eq!(run(vector, vector), Array::scalar(6.0));
        // One batch axis against another: [2, 1, 1] x [2, 1, 1] over [2, 2].
        let batch: (&[usize], &[f32]) = (&[2, 1, 1, 1], &[2.0, 3.0]);
        let inner: (&[usize], &[f32]) = (&[2, 1, 1], &[5.0, 7.0]);
        assert_eq!(run(batch, inner), Array::f32(&[2, 2, 1, 1], [10.0, 14.0, 15.0, 21.0]).unwrap());
    }

    #[test]
    fn mistakes_carry_the_shapes() {
        let message = |a: &[usize], b: &[usize]| {
            let graph = Graph::new();
            let x = graph.input("a", a, DType::F32).matmul(graph.input("b", b, DType::F32));
            assert!(x.is_poison());
            let error = graph.check().unwrap_err();
            assert!(error.is_shape());
            error.to_string()
        };
        let inner = message(&[32, 784], &[128, 10]);
        assert!(
            inner.starts_with("matmul: [32, 784] x [128, 10]: inner sizes 784 and 128 differ"),
            "{inner}"
        );
        assert!(message(&[3], &[4]).contains("[3] x [4]: inner sizes 3 and 4 differ"));
        assert!(message(&[2, 5, 3], &[4, 3, 5]).contains("sizes 2 and 4 differ"));
        assert!(message(&[], &[3]).contains("a scalar has no axis"));
    }

    #[test]
    fn a_batch_with_one_matrix_is_one_product() {
        let layout = |sizes: &[usize]| Layout::contiguous(Meta::f32(Shape::new(sizes).unwrap()));
        let mut product =
            Product::new(&layout(&[4, 5, 6, 8]), &layout(&[8, 16]), &Shape::new(&[4, 5, 6, 16]).unwrap());
        product.fold_batch_into_rows();
        assert_eq!((product.rows, product.batches()), (120, 1));
        assert!(product.in_vectors());
    }

    #[test]
    fn long_sums_are_cut_within_the_iteration_budget() {
        let layout = |sizes: &[usize]| Layout::contiguous(Meta::f32(Shape::new(sizes).unwrap()));
        for (rows, terms, columns) in [(1, 3_000_000, 1), (4096, 1_000_000, 64), (2000, 50_000, 3000)] {
            let y = Shape::new(&[rows, columns]).unwrap();
            let product = Product::new(&layout(&[rows, terms]), &layout(&[terms, columns]), &y);
            let (parts, terms_per_part) = product.split(1, &Caps::baseline());
            assert!(terms_per_part <= 32_768 && terms_per_part.is_multiple_of(16));
            assert!(parts * terms_per_part >= terms && (parts - 1) * terms_per_part < terms);
        }
    }
}
