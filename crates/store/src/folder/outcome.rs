//! What became of a save or a load.

use std::fmt;
use std::path::{Path, PathBuf};

use anygrad_core::Error;
use serde_json::{Value, json};

use super::Label;
use crate::checkpoint::Checkpoint;

/// A checkpoint that was saved.
#[derive(Debug)]
pub struct Saved {
    /// Its file.
    pub path: PathBuf,
    /// Its label.
    pub label: Label,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Older checkpoints that could not be removed, and why. The new one is safe all the same.
    pub not_removed: Vec<Refused>,
}

impl Saved {
    /// What an audit log notes of it, as a line of kind [`audit::CHECKPOINT`](crate::audit::CHECKPOINT):
    /// `anygrad audit` compares the file with this.
    pub fn event(&self) -> Value {
        event(&self.path, &self.label, &self.sha256)
    }
}

/// A checkpoint that was read.
#[derive(Debug)]
pub struct Loaded {
    /// What it holds.
    pub checkpoint: Checkpoint,
    /// Its file.
    pub path: PathBuf,
    /// Its label.
    pub label: Label,
    /// The SHA-256 of its file, in hexadecimal.
    pub sha256: String,
    /// Those that would have come before it but cannot be used.
    pub refused: Vec<Refused>,
}

impl Loaded {
    /// What an audit log notes of it where a run goes on from it, as a line of kind
    /// [`audit::RESUME`](crate::audit::RESUME): a process killed after saving has not noted it yet.
    pub fn event(&self) -> Value {
        event(&self.path, &self.label, &self.sha256)
    }
}

fn event(path: &Path, label: &Label, sha256: &str) -> Value {
    let name = path.file_name().map(|name| name.to_string_lossy());
    json!({ "file": name, "step": label.step, "score": label.score, "sha256": sha256 })
}

/// A file that cannot be used.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The file.
    pub path: PathBuf,
    /// Why; names the file.
    pub error: Error,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
