//! SHA-256, and bytes as hexadecimal digits.

use std::io::{self, Read, Write};
use std::path::Path;

use anygrad_core::{Error, Result};
use sha2::{Digest, Sha256};

/// Digits of a SHA-256 in hexadecimal.
pub(crate) const DIGITS: usize = 64;

/// The lower-case hexadecimal digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes behind lower-case hexadecimal digits; nothing where the text is anything else.
pub(crate) fn unhex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let lower = digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    if digits.len() != 2 * N || !lower {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The SHA-256 of several pieces in a row, in hexadecimal.
pub(crate) fn sha256(pieces: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    pieces.iter().for_each(|piece| hash.update(piece));
    hex(&hash.finalize())
}

/// The SHA-256 of a file, in hexadecimal.
///
/// # Errors
/// It is no file, or cannot be read.
pub fn sha256_of_file(path: &Path) -> Result<String> {
    let read = || {
        let mut file = std::fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut hash = Hashing::new(io::sink());
        let mut block = vec![0; 1 << 16];
        loop {
            match file.read(&mut block)? {
                0 => return Ok(hash.finish()),
                count => hash.write_all(&block[..count])?,
            }
        }
    };
    read().map_err(|error| Error::input(format!("{}: cannot be read: {error}", path.display())))
}

/// A writer that also takes the SHA-256 of what it passes on.
pub(crate) struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Hashing<W> {
    pub(crate) fn new(inner: W) -> Self {
        Hashing { inner, hash: Sha256::new() }
    }

    /// The SHA-256 of everything written so far, in hexadecimal.
    pub(crate) fn finish(self) -> String {
        hex(&self.hash.finalize())
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_the_known_ones() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&[]), empty);
        assert_eq!(sha256(&[b"a", b"", b"bc"]), abc);
        let mut hashing = Hashing::new(Vec::new());
        hashing.write_all(b"abc").unwrap();
        assert_eq!(hashing.inner, b"abc");
        assert_eq!(hashing.finish(), abc);
    }

    #[test]
    fn digits_are_read_back_and_nothing_else_is() {
        assert_eq!(unhex(&hex(&[0, 171, 255])), Some([0, 171, 255]));
        for wrong in ["", "0", "00ab", "00abfff", "00abFF", "00abfg", "+0abff", "00ab\u{e9}"] {
            assert_eq!(unhex::<3>(wrong), None, "{wrong}");
        }
    }
}
