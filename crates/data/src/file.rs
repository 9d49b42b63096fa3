//! What the loaders share: reading without belief in sizes, and writing whole files.

use std::fs;
use std::io::Read;
use std::path::Path;

use anygrad_core::{Error, Result};

/// How many times its size deflated data can grow: the longest match is 258 bytes in 2 bits.
pub(crate) const MAX_GROWTH: u64 = 1032;

/// The bytes of a file, or an error that names it.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| unreadable(error).context(path.display()))
}

/// The next bytes of a stream, fewer than `count` only where it ends. What is taken of memory grows
/// with what is there.
pub(crate) fn read_up_to(stream: &mut impl Read, count: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(count).read_to_end(&mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

pub(crate) fn unreadable(error: std::io::Error) -> Error {
    Error::input(format!("cannot be read: {error}"))
}

/// Writes a file under another name first, so that there is never half of one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let written = fs::write(&part, bytes).and_then(|()| fs::rename(&part, path));
    written.map_err(|error| {
        // What could not become the file is of no use, and may not be there at all.
        let _ = fs::remove_file(&part);
        Error::input(format!("{}: cannot be written: {error}", path.display()))
    })
}
