//! That one process at a time writes to the folder of a run.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::SystemTime;

use anygrad_core::{Error, Result};
use anygrad_store::audit::utc;

/// The file that is locked. It stays; the system takes the lock off when its process ends, however that ends.
const LOCK: &str = ".anygrad-lock";

/// A lock of a folder, until it is dropped.
pub(crate) struct FolderLock(#[allow(dead_code, reason = "it is open as long as the lock holds")] File);

impl FolderLock {
    /// Locks a folder.
    ///
    /// # Errors
    /// Another process has it: the message names that. The file cannot be written.
    pub(crate) fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let cannot = |error| Error::input(format!("{}: cannot be written: {error}", path.display()));
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&path).map_err(cannot)?;
        match file.try_lock() {
            Ok(()) => {}
            // A file system without locks, as some of networks: two processes there are not told from one.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(cannot(error)),
            Err(TryLockError::WouldBlock) => {
                // Windows does not let others read it.
                let who = std::fs::read_to_string(&path).unwrap_or_default();
                let who = if who.trim().is_empty() { "another process" } else { who.trim() };
                let message = format!("{who} writes to this run: wait until that has ended, or end it");
                return Err(Error::input(format!("{}: {message}", folder.display())));
            }
        }
        let who = format!("process {}, since {},\n", std::process::id(), utc(SystemTime::now()));
        file.set_len(0).and_then(|()| file.write_all(who.as_bytes())).map_err(cannot)?;
        Ok(FolderLock(file))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_lock_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).err().unwrap().to_string();
        let who = format!("process {}, since 20", std::process::id());
        assert!(error.contains(&who) && error.contains("writes to this run"), "{error}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
