//! A run's folder: its log and its checkpoints held against each other.

use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};

use super::{Checked, Head, check};
use crate::checkpoint::{self, FromFile};
use crate::digest::sha256_of_file;
use crate::folder::{Checkpoints, Label, Options};
use crate::seal::Keys;

/// The name of the log in a run's folder.
pub const AUDIT: &str = "audit.jsonl";
/// The name of the folder of checkpoints in a run's folder.
pub const CHECKPOINTS: &str = "checkpoints";

/// The kind of a line that notes a checkpoint that was saved.
pub const CHECKPOINT: &str = "checkpoint";
/// The kind of a line that notes the checkpoint that a run goes on from.
pub const RESUME: &str = "resume";

/// What [`check_run`] found.
#[derive(Debug, Default)]
pub struct RunChecked {
    /// What the log itself says.
    pub log: Checked,
    /// Where log and checkpoints contradict each other, or a checkpoint is damaged.
    pub faults: Vec<String>,
    /// Checkpoints that are as the log noted them.
    pub as_noted: Vec<PathBuf>,
    /// Checkpoints that the log does not know. One may be: a process killed between saving and noting
    /// leaves it.
    pub not_noted: Vec<PathBuf>,
    /// Checkpoints whose own note of the log could not be read: they are encrypted for others.
    pub not_read: Vec<PathBuf>,
}

impl RunChecked {
    /// Whether nothing was tampered with.
    pub fn holds(&self) -> bool {
        self.log.faults.is_empty() && self.faults.is_empty()
    }
}

/// Checks the log of a run's folder, that the checkpoints are as it noted them, and that it still
/// holds the lines that they noted of it. `keys` reads encrypted checkpoints.
///
/// # Errors
/// There is no log, or the folder cannot be read.
pub fn check_run(folder: &Path, keys: &Keys) -> Result<RunChecked> {
    let path = folder.join(AUDIT);
    if !path.is_file() {
        return Err(Error::input(format!("{}: there is no audit log", path.display())));
    }
    let mut found = RunChecked { log: check(&path)?, ..RunChecked::default() };
    let checkpoints = Checkpoints::new(folder.join(CHECKPOINTS), Options::default())?;
    for (path, label) in checkpoints.list()? {
        if let Err(error) = found.look_at(&path, &label, keys) {
            found.faults.push(error.to_string());
        }
    }
    Ok(found)
}

impl RunChecked {
    fn look_at(&mut self, path: &Path, label: &Label, keys: &Keys) -> Result<()> {
        let sha256 = sha256_of_file(path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let notes = self.log.lines.iter().filter(|line| [CHECKPOINT, RESUME].contains(&&*line.kind));
        match notes.rev().find(|line| line.data["file"] == *name) {
            None => self.not_noted.push(path.to_owned()),
            Some(line) if line.data["sha256"] == *sha256 => self.as_noted.push(path.to_owned()),
            Some(line) => {
                return Err(Error::input(format!(
                    "{}: its SHA-256 is {sha256}, line {} of the log noted {}: it was changed or replaced",
                    path.display(),
                    line.line,
                    line.data["sha256"]
                )));
            }
        }
        if keys.passphrase.is_none() && keys.identities.is_empty() && name.ends_with(".age") {
            self.not_read.push(path.to_owned());
            return Ok(());
        }
        let FromFile { label: saved_as, checkpoint, .. } = checkpoint::read(path, keys, None)?;
        if saved_as != label.to_string() {
            return Err(Error::input(format!("{}: it was saved as {saved_as:?}", path.display())));
        }
        if let Some(wrong) = Head::noted(&checkpoint.meta)?.and_then(|head| self.log.lacks(&head)) {
            return Err(Error::input(format!("{}: noted of the log: {wrong}", path.display())));
        }
        Ok(())
    }
}
