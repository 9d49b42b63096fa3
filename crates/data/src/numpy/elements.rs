//! Bytes of a file to the elements of an array.

use anygrad_core::{Array, Data, Error, Result};
use half::f16;

use super::header::{Header, Kind};

/// The array of `bytes`, as many as the header says.
pub(super) fn array(header: &Header, bytes: &[u8]) -> Result<Array> {
    let data = match (header.kind, header.size) {
        (Kind::Float, 2) => Data::F16(each(header, bytes, |b| Ok(f16::from_bits(integer(b) as u16)))?),
        (Kind::Float, size) => Data::F32(each(header, bytes, |b| single(b, size))?),
        (Kind::Truth, _) => Data::Bool(each(header, bytes, |b| match b[0] {
            truth @ (0 | 1) => Ok(truth.into()),
            other => Err(format!("is {other}, a truth value is 0 or 1")),
        })?),
        (Kind::Unsigned, 4 | 8) => Data::U32(each(header, bytes, |b| narrowed(integer(b), "u32"))?),
        (Kind::Unsigned, _) => Data::I32(each(header, bytes, |b| narrowed(integer(b), "i32"))?),
        (Kind::Signed, _) => Data::I32(each(header, bytes, |b| narrowed(signed(b), "i32"))?),
    };
    Array::new(&header.shape, data)
}

/// The elements, row by row; `element` takes the bytes of one, the lowest first.
fn each<T>(header: &Header, bytes: &[u8], element: impl Fn(&[u8]) -> Result<T, String>) -> Result<Vec<T>> {
    let shape = header.shape;
    // Fortran's strides: how far the next element along each axis is.
    let mut strides = Vec::with_capacity(shape.rank());
    shape.iter().fold(1, |stride, size| {
        strides.push(stride);
        stride * size
    });
    let place = |position: usize| {
        if header.fortran {
            shape.index_of(position).iter().zip(&strides).map(|(index, stride)| index * stride).sum()
        } else {
            position
        }
    };
    let at = |position| {
        let begin = place(position) * header.size;
        let mut low_first = [0; 8];
        let low_first = &mut low_first[..header.size];
        low_first.copy_from_slice(&bytes[begin..begin + header.size]);
        if header.big_endian {
            low_first.reverse();
        }
        element(low_first)
            .map_err(|why| Error::input(format!("element {:?} of {header} {why}", shape.index_of(position))))
    };
    (0..shape.elements()).map(at).collect()
}

/// Bytes, the lowest first, as a whole number without a sign.
fn integer(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

fn signed(bytes: &[u8]) -> i64 {
    // The sign is the highest bit of the bytes that are there.
    let above = 64 - 8 * bytes.len();
    (integer(bytes) << above) as i64 >> above
}

fn narrowed<T: TryFrom<N>, N: Copy + std::fmt::Display>(number: N, dtype: &str) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("is {number}, which is no {dtype}"))
}

fn single(bytes: &[u8], size: usize) -> Result<f32, String> {
    if size == 4 {
        return Ok(f32::from_bits(integer(bytes) as u32));
    }
    let double = f64::from_bits(integer(bytes));
    let single = double as f32;
    if double.is_finite() && !single.is_finite() {
        return Err(format!("is {double:e}, which does not fit in an f32"));
    }
    Ok(single)
}
