//! Bits of integers. 64 of them are known here or asked for where a device would lose some.

use anygrad_graph::Tensor;

use super::parts::MOST_LISTED;
use super::{Row, known};
use crate::Element;
use crate::node::{Node, wrapped};
use crate::value::{Outputs, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("BitShift", shift),
    ("BitwiseAnd", |n| bitwise(n, |a, b| a & b, |a, b| a.bitwise_and(b))),
    ("BitwiseNot", |n| match known::bits(n, |[x]| !x)? {
        Some(value) => Ok(vec![value]),
        None => n.same(wrapped(n.tensor(0)?.bitwise_not(), n.element(0)?)),
    }),
    ("BitwiseOr", |n| bitwise(n, |a, b| a | b, |a, b| a.bitwise_or(b))),
    ("BitwiseXor", |n| bitwise(n, |a, b| a ^ b, |a, b| a.bitwise_xor(b))),
];

/// A number of 32 bits stands for one of 64 with the upper ones filled up, and so does what comes out of its bits.
fn bitwise<'g>(
    node: &Node<'_, 'g>,
    whole: fn(i64, i64) -> i64,
    tensor: fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>,
) -> Outputs<'g> {
    if let Some(value) = known::bits(node, |[a, b]| whole(a, b))? {
        return Ok(vec![value]);
    }
    node.same(wrapped(tensor(node.tensor(0)?, node.tensor(1)?), node.element(0)?))
}

/// Shifts by as many bits as there are, or by fewer than none, leave the sign's: -1 to the right of a negative number,
/// otherwise 0.
fn shift<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let element = node.element(0)?;
    let left = match node.text("direction", "").as_str() {
        "LEFT" => true,
        "RIGHT" => false,
        other => return wrong(format!("direction is {other:?}")),
    };
    let Some(bits) = element.bits().filter(|_| element.is_integer()) else {
        return wrong(format!("shifts of {element}"));
    };
    let whole = |[x, by]: [i64; 2]| {
        let by = u32::try_from(by).ok().filter(|&by| (by as usize) < bits);
        match by {
            Some(by) if left => ((x as u64) << by) as i64,
            Some(by) if element.is_signed() => x >> by,
            Some(by) => (x as u64 >> by) as i64,
            None if !left && element.is_signed() && x < 0 => -1,
            None => 0,
        }
    };
    // What leaves 32 bits does not come back, and a device would not have it.
    if matches!(element, Element::Int64 | Element::Uint64) {
        let hosts = [node.host(0)?, node.host(1)?];
        return match known::each(&hosts, None, MOST_LISTED, |x| Some(whole(x.try_into().ok()?)))? {
            Some(value) => Ok(vec![value]),
            None => unsupported(format!("shifts of more than {MOST_LISTED} elements of {element}")),
        };
    }
    if let Some(value) = known::bits(node, whole)? {
        return Ok(vec![value]);
    }
    let (x, by) = (node.tensor(0)?, node.tensor(1)?);
    node.same(wrapped(if left { x.shift_left(by) } else { x.shift_right(by) }, element))
}
