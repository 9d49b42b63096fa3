//! NumPy's files: `.npy` holds one array, `.npz` is a zip archive of them.
//!
//! An array is read whatever its byte order and whether it stands row by row or, as Fortran has it,
//! column by column. Its dtype decides ours:
//!
//! | NumPy | here | refused |
//! | --- | --- | --- |
//! | `f2` | `f16` | |
//! | `f4`, `f8` | `f32` | a finite number that is infinite as an `f32` |
//! | `i1`, `i2`, `i4`, `i8`, `u1`, `u2` | `i32` | a number outside the range of `i32` |
//! | `u4`, `u8` | `u32` | a number outside the range of `u32` |
//! | `b1` | `bool` | a byte other than 0 and 1 |
//!
//! Not a number and infinities are kept. Pickled objects, text, complex numbers and records are
//! refused: an array file is data only.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

mod archive;
mod elements;
mod header;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anygrad_core::{Array, Context, Data, Error, Result};

pub use archive::{npz_names, read_npz, write_npz};

use crate::file::{read_up_to, unreadable, write_whole};
use header::Header;

/// The array of an `.npy` file.
///
/// # Errors
/// The file cannot be read, is no `.npy`, is shorter or longer than its header says, or holds a
/// dtype or a number that the table above refuses.
pub fn read_npy(path: impl AsRef<Path>) -> Result<Array> {
    let path = path.as_ref();
    let read = || {
        let file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        parse(BufReader::new(file), length)
    };
    read().context(|| path.display())
}

/// Writes an array as an `.npy` file of version 1, row by row, little-endian. `bf16`, which NumPy
/// does not have, is written as `f4`; every other dtype comes back as it was.
///
/// # Errors
/// The file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, array: &Array) -> Result<()> {
    write_whole(path.as_ref(), &npy(array))
}

/// Writes elements of any of NumPy's types as an `.npy` file: `descr` is the type, as `<i8`, and `bytes` the elements
/// row by row.
///
/// # Errors
/// The file cannot be written.
pub fn write_npy_bytes(path: impl AsRef<Path>, descr: &str, sizes: &[usize], bytes: &[u8]) -> Result<()> {
    write_whole(path.as_ref(), &[&header::written(descr, sizes), bytes].concat())
}

/// The array in a stream of at most `most` bytes. The size that the header claims is compared with
/// that before memory is taken.
fn parse(mut stream: impl Read, most: u64) -> Result<Array> {
    let header = Header::read(&mut stream)?;
    let want = header.bytes();
    let truncated =
        |there: u64| Error::input(format!("truncated: {header} takes {want} bytes, {there} are there"));
    let room = most.saturating_sub(header.length);
    if want > room {
        return Err(truncated(room));
    }
    let bytes = read_up_to(&mut stream, want)?;
    if (bytes.len() as u64) < want {
        return Err(truncated(bytes.len() as u64));
    }
    // Reading to the end also makes an archive check its sum.
    if !read_up_to(&mut stream, 1)?.is_empty() {
        return Err(Error::input(format!("longer than the {want} bytes that {header} takes")));
    }
    elements::array(&header, &bytes)
}

/// The bytes of an `.npy` file.
fn npy(array: &Array) -> Vec<u8> {
    let code = match array.data() {
        Data::F32(_) | Data::BF16(_) => "<f4",
        Data::F16(_) => "<f2",
        Data::I32(_) => "<i4",
        Data::U32(_) => "<u4",
        Data::Bool(_) => "|b1",
    };
    let mut bytes = header::written(code, &array.shape());
    match array.data() {
        Data::Bool(truths) => bytes.extend(truths.iter().map(|&truth| u8::from(truth != 0))),
        Data::BF16(halves) => bytes.extend(halves.iter().flat_map(|half| half.to_f32().to_le_bytes())),
        _ => bytes.extend(array.bytes()),
    }
    bytes
}

#[cfg(test)]
mod tests;
