//! Products with matrices that are larger than a device shows at once.

use anygrad_core::Error;
use anygrad_graph::Tensor;

/// What one binding shows on every adapter: a larger operand must have rows of its own in the product, so that
/// kernels can run over ranges of them.
const SHOWN: u64 = 128 << 20;

/// a b, or a b^T where `turned`.
///
/// A large b^T is the left operand of the product the other way round. Of a large b the rows are cut into parts, whose
/// products are added.
pub(super) fn product<'g>(a: Tensor<'g>, b: Tensor<'g>, turned: bool) -> Result<Tensor<'g>, Error> {
    let (left, right) = (a.shape(), b.shape());
    let plain = || Ok(if turned { a.matmul(b.t()) } else { a.matmul(b) });
    // In 32 bits, as kernels read it.
    let bytes = 4 * right.elements() as u64;
    let ([rows @ .., terms], &[outer, inner]) = (&left[..], &right[..]) else { return plain() };
    if bytes <= SHOWN || *terms != if turned { inner } else { outer } {
        return plain();
    }
    let lines: usize = rows.iter().product();
    let a = a.reshape(&[lines, *terms]);
    if turned {
        return Ok(b.matmul(a.t()).t().reshape(&[rows, &[outer]].concat()));
    }
    // Parts of whole rows, as few as are small enough.
    let least = bytes.div_ceil(SHOWN) as usize;
    let Some(parts) = (least..=outer).find(|parts| outer.is_multiple_of(*parts)) else { return plain() };
    let a = a.reshape(&[lines, parts, outer / parts]).permute(&[1, 0, 2]);
    let sum = a.matmul(b.reshape(&[parts, outer / parts, inner])).sum(&[0], false);
    Ok(sum.reshape(&[rows, &[inner]].concat()))
}
