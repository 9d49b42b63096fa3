//! Products of matrices, and what is made of them.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::product::product as float_product;
use super::{Row, rounded, wide};
use crate::node::{Node, wrapped};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[("Det", det), ("Einsum", einsum), ("Gemm", gemm), ("MatMul", matmul)];

/// Products of integers that are written out at most: a device multiplies matrices of floats, which hold 24 bits.
const MOST_PRODUCTS: usize = 1 << 26;

/// Rows of a matrix whose determinant is written out at most.
const MOST_ROWS: usize = 64;

fn matmul<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    node.same(wrapped(product(node.tensor(0)?, node.tensor(1)?, false)?, node.element(0)?))
}

/// a b; of integers as the sum of single products, which wraps as the type does.
fn product<'g>(a: Tensor<'g>, b: Tensor<'g>, transposed: bool) -> Result<Tensor<'g>, Stop> {
    if a.dtype() == DType::F32 || a.dtype().is_half() {
        return Ok(float_product(a, b, transposed)?);
    }
    let b = if transposed { b.t() } else { b };
    let rows = if a.shape().rank() == 1 { a.unsqueeze(0) } else { a };
    let columns = if b.shape().rank() == 1 { b.unsqueeze(1) } else { b };
    let (left, right) = (rows.shape(), columns.shape());
    if left.rank() < 2 || right.rank() < 2 || left[left.rank() - 1] != right[right.rank() - 2] {
        return wrong(format!("{} x {}", a.shape(), b.shape()));
    }
    // [.., m, k, 1] x [.., 1, k, n]
    let products = rows.unsqueeze(left.rank()) * columns.unsqueeze(right.rank() - 2);
    let count = products.shape().elements();
    if count > MOST_PRODUCTS {
        return unsupported(format!("{count} products of integers; at most {MOST_PRODUCTS} are written out"));
    }
    let mut y = products.sum(&[-2], false);
    if b.shape().rank() == 1 {
        y = y.squeeze(y.shape().rank() - 1);
    }
    if a.shape().rank() == 1 {
        y = y.squeeze(y.shape().rank() - 1 - usize::from(b.shape().rank() > 1));
    }
    Ok(y)
}

/// alpha a b + beta c, a and b transposed where asked for.
fn gemm<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let matrix = |input: usize| -> Result<_, Stop> {
        match wide(node.tensor(input)?) {
            x if x.shape().rank() == 2 => Ok(x),
            x => wrong(format!("input {input} is {}; a matrix was expected", x.shape())),
        }
    };
    let a = if node.flag("transA") { matrix(0)?.t() } else { matrix(0)? };
    let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
    let y = product(a, matrix(1)?, node.flag("transB"))?;
    let scaled = |x: Tensor<'g>, factor: f64| -> Result<Tensor<'g>, Stop> {
        match x.dtype() {
            _ if factor == 1.0 => Ok(x),
            DType::F32 => Ok(x * factor),
            _ if factor.fract() == 0.0 => Ok(x * x.full_like(factor)),
            _ => unsupported(format!("integers times {factor}")),
        }
    };
    let y = scaled(y, alpha)?;
    let y = match node.maybe_tensor(2)? {
        Some(c) => y + scaled(wide(c), beta)?,
        None => y,
    };
    node.give(wrapped(rounded(y, element), element), element)
}

fn einsum<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    if !element.is_float() {
        return unsupported(format!("sums of {element}"));
    }
    let operands: Vec<_> = node.tensors(0)?.into_iter().map(wide).collect();
    let y = node.graph.einsum(&node.text("equation", ""), &operands);
    node.give(rounded(y, element), element)
}

/// The determinants of `[.., n, n]`: elimination column by column, each by its largest element.
fn det<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let (x, element) = (wide(node.tensor(0)?), node.element(0)?);
    let shape = x.shape();
    let (n, outer) = match &*shape {
        [outer @ .., rows, columns] if rows == columns => (*rows, outer.to_vec()),
        _ => return wrong(format!("{shape} holds no square matrices")),
    };
    if n > MOST_ROWS || n == 0 {
        return unsupported(format!("the determinant of {n} rows; 1 to {MOST_ROWS} are written out"));
    }
    let batch: usize = outer.iter().product();
    let mut rest = x.reshape(&[batch, n, n]);
    let mut det = node.graph.ones(&[batch]);
    for size in (2..=n).rev() {
        let column = rest.narrow(2, 0..1).reshape(&[batch, size]);
        let best = column.abs().argmax(1);
        let place = best.reshape(&[batch, 1, 1]).broadcast_to(&[batch, 1, size]);
        let (pivot_row, first) = (rest.gather_elements(1, place), rest.narrow(1, 0..1));
        let pivot = pivot_row.narrow(2, 0..1);
        // The first row goes to the place of the row that is taken out.
        let places = node.graph.arange(1.0, size as f64, 1.0, DType::I32).reshape(&[1, size - 1, 1]);
        let others = places.eq(best.reshape(&[batch, 1, 1])).select(first, rest.narrow(1, 1..size));
        let sign = best.eq(0).select(1.0, node.graph.scalar(-1.0));
        det = det * sign * pivot.reshape(&[batch]);
        // A pivot of 0 makes the determinant 0, whatever comes behind.
        let factors = others.narrow(2, 0..1) / pivot.eq(0.0).select(1.0, pivot);
        rest = others.narrow(2, 1..size) - factors * pivot_row.narrow(2, 1..size);
    }
    node.give(rounded((det * rest.reshape(&[batch])).reshape(&outer), element), element)
}
