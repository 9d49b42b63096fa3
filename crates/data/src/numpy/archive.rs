//! `.npz`: a zip archive whose entry `NAME.npy` is the array NAME.

use std::fs::File;
use std::io::{BufReader, Cursor, Write};
use std::path::Path;

use anygrad_core::{Array, Context, Error, Result};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::{npy, parse};
use crate::file::{MAX_GROWTH, unreadable, write_whole};

/// The end of the name of an entry.
const ENDING: &str = ".npy";

/// The names of the arrays in an `.npz` file, in its order. No array is read.
///
/// # Errors
/// The file cannot be read or is no archive of arrays.
pub fn npz_names(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    open(path).and_then(|mut archive| names(&mut archive)).context(|| path.display())
}

/// Some arrays of an `.npz` file, in the order of the names given; all of them where none is given.
///
/// # Errors
/// The file cannot be read or is no archive of arrays, it lacks a name (the message lists those that
/// exist), or an array is refused, as by [`super::read_npy`].
pub fn read_npz(path: impl AsRef<Path>, wanted: &[&str]) -> Result<Vec<(String, Array)>> {
    let path = path.as_ref();
    let read = || {
        let mut archive = open(path)?;
        let names = names(&mut archive)?;
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        let array = |&name: &&str| {
            let Some(place) = names.iter().position(|other| other == name) else {
                return Err(Error::input(format!("no array {name:?} among {}", all.join(", "))));
            };
            Ok((name.to_owned(), entry(&mut archive, place).context(|| name)?))
        };
        if wanted.is_empty() { &all[..] } else { wanted }.iter().map(array).collect::<Result<Vec<_>>>()
    };
    read().context(|| path.display())
}

/// Writes arrays under their names as an `.npz` file, deflated. The same arrays give the same bytes.
///
/// # Errors
/// A name is empty or comes twice, or the file cannot be written.
pub fn write_npz(path: impl AsRef<Path>, arrays: &[(&str, &Array)]) -> Result<()> {
    let path = path.as_ref();
    let failed = |error: &dyn std::fmt::Display| Error::input(format!("cannot be written: {error}"));
    let bytes = || {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (place, &(name, array)) in arrays.iter().enumerate() {
            if name.is_empty() || arrays[..place].iter().any(|&(other, _)| other == name) {
                return Err(Error::input(format!("array {place} is named {name:?}: names are unique")));
            }
            let bytes = npy(array);
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Deflated)
                .large_file(bytes.len() >= u32::MAX as usize);
            archive.start_file(format!("{name}{ENDING}"), options).map_err(|error| failed(&error))?;
            archive.write_all(&bytes).map_err(|error| failed(&error))?;
        }
        Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
    };
    write_whole(path, &bytes().context(|| path.display())?)
}

type Archive = ZipArchive<BufReader<File>>;

fn open(path: &Path) -> Result<Archive> {
    let file = File::open(path).map_err(unreadable)?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| Error::input(format!("no .npz file: {error}")))
}

fn names(archive: &mut Archive) -> Result<Vec<String>> {
    let name = |name: zip::result::ZipResult<std::borrow::Cow<'_, str>>| {
        let name = name.map_err(|error| Error::input(format!("no .npz file: {error}")))?;
        let array = name.strip_suffix(ENDING).map(str::to_owned);
        array.ok_or_else(|| Error::input(format!("no .npz file: the entry {name:?} is no {ENDING}")))
    };
    archive.file_names().map(name).collect()
}

fn entry(archive: &mut Archive, place: usize) -> Result<Array> {
    let entry = archive.by_index(place).map_err(|error| Error::input(format!("cannot be read: {error}")))?;
    // Neither size is to be believed: what is deflated cannot be larger than this in any case.
    let most = entry.size().min(entry.compressed_size().saturating_mul(MAX_GROWTH));
    parse(entry, most)
}
