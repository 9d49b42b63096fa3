//! y[.., m, n] = sum over k of a[.., m, k] * b[.., k, n]
//!
//! da = dy . b^T and db = a^T . dy, summed over the batch axes along which a or b was repeated.

use anygrad_core::{Caps, DType, Error, Result, Shape};

use crate::{At, Grads, Layout, Lowering, Meta, Op, Rows, Tensor, Tolerance, Values};

mod cases;
mod product;
mod ways;

pub(in crate::ops) use cases::cases;
use product::Product;

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
        Product::new(&x[0], &x[1], &y[0].shape).turned().default_way(x[0].meta.dtype, caps)
    }

    fn alternatives(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        // The check of sizes.
        self.lower(x, y, caps)?;
        Product::new(&x[0], &x[1], &y[0].shape).turned().ways(x[0].meta.dtype, caps)
    }

    fn operations(&self, x: &[Meta], y: &[Meta]) -> f64 {
        2.0 * y[0].shape.elements() as f64 * x[0].shape.last().copied().unwrap_or(1) as f64
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(x[0].shape().last().copied().unwrap_or(1))
    }

    /// Both of one dtype, where kernels go through them in groups of four.
    fn reads_halves(&self, x: &[Layout], y: &[Meta]) -> bool {
        let product = Product::new(&x[0], &x[1], &y[0].shape).turned();
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
}
