//! Files that are there whole or not at all, also after a power cut.
//!
//! The order of a write: a temporary file in the same folder; its bytes; `fsync`; rename; `fsync` of
//! the folder. Whatever happens on the way, the file that had the name before is untouched until the
//! rename, and after the rename the new one is whole.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

#[cfg(test)]
pub(crate) mod faults;

/// How the name of a temporary file begins, and how it ends.
const TEMPORARY: (&str, &str) = (".anygrad-", ".part");

/// What can fail on the way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// This many further bytes.
    Write(usize),
    Sync,
    Rename,
    SyncFolder,
    Remove,
}

/// Where tests make the disk fail.
fn pass(point: Point) -> io::Result<()> {
    #[cfg(test)]
    faults::pass(point)?;
    #[cfg(not(test))]
    let _ = point;
    Ok(())
}

/// Who may read a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Whoever the process's mask lets.
    Usual,
    /// Its owner alone: mode 0600.
    Owner,
}

/// A file on its way: a writer that gives the file its name when all is written.
pub(crate) struct Draft {
    file: BufWriter<NamedTempFile>,
    folder: PathBuf,
}

impl Draft {
    /// Begins a file in a folder, which is made where it does not exist.
    pub(crate) fn new(folder: &Path, access: Access) -> io::Result<Self> {
        make_folder(folder)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY.0).suffix(TEMPORARY.1);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(match access {
            Access::Usual => 0o666,
            Access::Owner => 0o600,
        }));
        #[cfg(not(unix))]
        let _ = access;
        Ok(Draft { file: BufWriter::new(builder.tempfile_in(folder)?), folder: folder.to_owned() })
    }

    /// Everything written reaches the disk.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.flush()?;
        pass(Point::Sync)?;
        self.file.get_ref().as_file().sync_all()
    }

    /// Gives the file its name, in place of a file that has it.
    pub(crate) fn finish(mut self, name: &str) -> io::Result<()> {
        self.sync()?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        pass(Point::Rename)?;
        file.persist(self.folder.join(name))?;
        sync_folder(&self.folder)
    }

    /// Gives the file its name, unless a file has it.
    pub(crate) fn finish_new(mut self, name: &str) -> io::Result<()> {
        self.sync()?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        pass(Point::Rename)?;
        file.persist_noclobber(self.folder.join(name))?;
        sync_folder(&self.folder)
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        pass(Point::Write(bytes.len()))?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes a folder and those above it, durably.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder)?;
    sync_folder(parent(folder))
}

/// The folder of a path; the current one where it names none.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// The names in a folder reach the disk. Only Unix can say so of a folder.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    pass(Point::SyncFolder)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Removes a file.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    pass(Point::Remove)?;
    std::fs::remove_file(path)
}

/// Removes what killed processes left on the way to a folder.
pub(crate) fn clean(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(TEMPORARY.0) && name.ends_with(TEMPORARY.1) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}
