//! Small files: keys and signatures.

use std::io::{Read, Write};
use std::path::Path;

use anygrad_core::{Error, Result};

use crate::durable::{Access, Draft, parent};

/// The longest file of a key or a signature.
const SMALL: u64 = 64 << 10;

/// The text of a small file.
pub(crate) fn read_small(path: &Path) -> Result<String> {
    let mut text = String::new();
    let mut read = || {
        let file = std::fs::File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(std::io::Error::other("it is not a regular file"));
        }
        file.take(SMALL + 1).read_to_string(&mut text)
    };
    match read() {
        Err(error) => Err(Error::input(format!("{}: cannot be read: {error}", path.display()))),
        Ok(length) if length as u64 > SMALL => {
            Err(Error::input(format!("{}: has more than {SMALL} bytes", path.display())))
        }
        Ok(_) => Ok(text),
    }
}

/// Writes a file durably: it is there whole or not at all, also after a power cut. One that is there is
/// replaced, folders on the way are made.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut draft = Draft::new(parent(path), Access::Usual)?;
        draft.write_all(bytes)?;
        draft.finish(&name(path)?)
    };
    write().map_err(|error| cannot_write(path, &error))
}

/// Writes a new file that only its owner can read.
pub(crate) fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    write_new(path, bytes, Access::Owner)
}

/// Writes a file that must not be there yet.
pub(crate) fn write_new(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    let write = || {
        let mut draft = Draft::new(parent(path), access)?;
        draft.write_all(bytes)?;
        draft.finish_new(&name(path)?)
    };
    write().map_err(|error| cannot_write(path, &error))
}

pub(crate) fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!("{}: cannot be written: {error}", path.display()))
}

fn name(path: &Path) -> std::io::Result<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| std::io::Error::other("the path names no file"))
}
