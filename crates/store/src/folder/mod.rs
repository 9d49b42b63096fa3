//! The checkpoints of a run, in a folder.

mod label;
mod outcome;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};

pub use self::label::Label;
pub use self::outcome::{Loaded, Refused, Saved};
use crate::checkpoint::{self, Checkpoint, FromFile};
use crate::digest::Hashing;
use crate::durable::{self, Access, Draft};
use crate::files::cannot_write;
use crate::seal::{self, Keys, Lock};
use crate::sign::{self, PublicKey, SecretKey, signature_path};

/// Which score is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// The smaller, as of a loss.
    Least,
    /// The greater, as of an accuracy.
    Most,
}

/// What is kept, and how it is protected.
#[derive(Debug)]
pub struct Options {
    /// How many of the last checkpoints are kept, beside the best; at least 1.
    pub keep_last: usize,
    /// Which score is the best.
    pub goal: Goal,
    /// How files are encrypted.
    pub lock: Lock,
    /// What encrypted files are read with.
    pub keys: Keys,
    /// Every file is signed by this key.
    pub sign_with: Option<SecretKey>,
    /// Only what this key signed is read.
    pub require: Option<PublicKey>,
}

impl Default for Options {
    /// Keeps three and the one with the least score; neither encrypted nor signed.
    fn default() -> Self {
        Options {
            keep_last: 3,
            goal: Goal::Least,
            lock: Lock::Open,
            keys: Keys::default(),
            sign_with: None,
            require: None,
        }
    }
}

/// A folder of checkpoints. One process writes to it at a time; any number may read.
///
/// A process killed at any point, a full disk or a power cut costs at most what was done since the
/// last checkpoint: one that was saved stays whole.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    options: Options,
    /// Found damaged or foreign: never counted among those kept, and never removed.
    refused: Vec<PathBuf>,
    /// Whether what killed processes left was removed.
    cleaned: bool,
}

/// A file of the folder that is named as a checkpoint.
#[derive(Clone)]
struct Entry {
    path: PathBuf,
    label: Label,
}

impl Checkpoints {
    /// The checkpoints of a folder, which is made when the first is saved.
    ///
    /// # Errors
    /// None are to be kept.
    pub fn new(folder: impl Into<PathBuf>, options: Options) -> Result<Self> {
        if options.keep_last == 0 {
            return Err(Error::input("0 checkpoints are to be kept: at least 1, the last, is needed"));
        }
        Ok(Checkpoints { folder: folder.into(), options, refused: Vec::new(), cleaned: false })
    }

    /// Saves a checkpoint as the newest. Once it is durable, and not before, those are removed that
    /// are neither among the last ones nor the best. A score that is not finite is none.
    ///
    /// # Errors
    /// What [`Checkpoint::to_bytes`] refuses; or the file cannot be written (a full disk): then all
    /// checkpoints that were there are there still.
    pub fn save(&mut self, step: u64, checkpoint: &Checkpoint, score: Option<f64>) -> Result<Saved> {
        let cannot = |error: std::io::Error| {
            cannot_write(&self.folder, &error).context(format!("the checkpoint of step {step}"))
        };
        let (entries, _) = self.entries()?;
        let last = entries.iter().map(|entry| entry.label.number).max().unwrap_or(0);
        let number = last.checked_add(1).ok_or_else(|| Error::input("there are 2^64 checkpoints already"))?;
        let label = Label { number, step, score: score.filter(|score| score.is_finite()) };

        let mut draft = Draft::new(&self.folder, Access::Usual).map_err(cannot)?;
        let encoded = checkpoint.encode(&label.to_string())?;
        let mut file = Hashing::new(&mut draft);
        let sealed = match seal::seal(&self.options.lock, &mut file)? {
            Some(mut sealer) => {
                encoded.write(&mut sealer).and_then(|()| sealer.finish()).map_err(cannot)?;
                true
            }
            None => {
                encoded.write(&mut file).map_err(cannot)?;
                false
            }
        };
        let sha256 = file.finish();
        let name = label.file_name(sealed);
        let path = self.folder.join(&name);
        draft.sync().map_err(cannot)?;
        if let Some(key) = &self.options.sign_with {
            // The signature comes first: a checkpoint is never there without it.
            crate::files::write(&signature_path(&path), sign::signature(&sha256, key)?.as_bytes())?;
        }
        draft.finish(&name).map_err(cannot)?;
        let not_removed = self.remove_old()?;
        Ok(Saved { path, label, sha256, not_removed })
    }

    /// The newest checkpoint that is whole; nothing if there is none at all.
    ///
    /// # Errors
    /// There are files, but none can be used: the message says of each why.
    pub fn latest(&mut self) -> Result<Option<Loaded>> {
        self.first_whole(|entries| entries.sort_by_key(|entry| std::cmp::Reverse(entry.label.number)))
    }

    /// The checkpoint with the best score among those that are whole; nothing if none has a score.
    ///
    /// # Errors
    /// There are files, but none can be used: the message says of each why.
    pub fn best(&mut self) -> Result<Option<Loaded>> {
        let goal = self.options.goal;
        self.first_whole(|entries| {
            entries.retain(|entry| entry.label.score.is_some());
            entries.sort_by(|a, b| better(goal, &a.label, &b.label));
        })
    }

    /// Reads one file of the folder by its path, as it would be read by [`Checkpoints::latest`].
    ///
    /// # Errors
    /// It cannot be used.
    pub fn load(&self, path: &Path) -> Result<Loaded> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let label = Label::of_file(&name).ok_or_else(|| {
            Error::input(format!("{}: this is not the name of a checkpoint", path.display()))
        })?;
        let read = checkpoint::read(path, &self.options.keys, self.options.require.as_ref())?;
        if read.label != label.to_string() {
            return Err(Error::input(format!(
                "{}: it was saved as {:?}; the file was renamed or swapped",
                path.display(),
                read.label
            )));
        }
        let FromFile { checkpoint, sha256, .. } = read;
        Ok(Loaded { checkpoint, path: path.to_owned(), label, sha256, refused: Vec::new() })
    }

    /// Files and labels, oldest first, without looking into the files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<(PathBuf, Label)>> {
        let (mut entries, _) = self.entries()?;
        entries.sort_by_key(|entry| entry.label.number);
        Ok(entries.into_iter().map(|entry| (entry.path, entry.label)).collect())
    }

    /// The first, in the order given, that can be used.
    fn first_whole(&mut self, order: impl FnOnce(&mut Vec<Entry>)) -> Result<Option<Loaded>> {
        let (mut entries, foreign) = self.entries()?;
        let mut refused: Vec<Refused> = foreign
            .into_iter()
            .map(|path| {
                let message = format!("{}: this is not the name of a checkpoint", path.display());
                Refused { path, error: Error::input(message) }
            })
            .collect();
        let any = !entries.is_empty();
        order(&mut entries);
        if any && entries.is_empty() {
            return Ok(None);
        }
        for entry in entries {
            match self.load(&entry.path) {
                Ok(mut loaded) => {
                    loaded.refused = refused;
                    return Ok(Some(loaded));
                }
                Err(error) => {
                    if !self.refused.contains(&entry.path) {
                        self.refused.push(entry.path.clone());
                    }
                    refused.push(Refused { path: entry.path, error });
                }
            }
        }
        if refused.is_empty() {
            return Ok(None);
        }
        let reasons = refused.iter().map(Refused::to_string).collect::<Vec<_>>().join("; ");
        Err(Error::input(format!("{}: no checkpoint can be used: {reasons}", self.folder.display())))
    }

    /// The files that are named as checkpoints, and those that only end as one.
    fn entries(&self) -> Result<(Vec<Entry>, Vec<PathBuf>)> {
        let cannot = |error: std::io::Error| {
            Error::input(format!("{}: cannot be read: {error}", self.folder.display()))
        };
        let (mut entries, mut foreign) = (Vec::new(), Vec::new());
        if !self.folder.try_exists().map_err(cannot)? {
            return Ok((entries, foreign));
        }
        for entry in std::fs::read_dir(&self.folder).map_err(cannot)? {
            let path = entry.map_err(cannot)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match Label::of_file(&name) {
                Some(label) => entries.push(Entry { path, label }),
                None if Label::looks_like_one(&name) => foreign.push(path),
                None => {}
            }
        }
        foreign.sort();
        Ok((entries, foreign))
    }

    /// Removes what need not be kept.
    fn remove_old(&mut self) -> Result<Vec<Refused>> {
        let mut not_removed = Vec::new();
        let mut failed = |path: PathBuf, error: &std::io::Error| {
            let error = Error::input(format!("{}: cannot be removed: {error}", path.display()));
            not_removed.push(Refused { path, error });
        };
        if !self.cleaned {
            match self.clean() {
                Ok(()) => self.cleaned = true,
                Err(error) => failed(self.folder.clone(), &error),
            }
        }
        let (mut entries, _) = self.entries()?;
        entries.retain(|entry| !self.refused.contains(&entry.path));
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.label.number));
        let scored = entries.iter().filter(|entry| entry.label.score.is_some());
        let best = scored.min_by(|a, b| better(self.options.goal, &a.label, &b.label));
        let best = best.map(|entry| entry.label.number);
        for entry in entries.iter().skip(self.options.keep_last) {
            if Some(entry.label.number) != best {
                match durable::remove(&entry.path) {
                    Ok(()) => _ = durable::remove(&signature_path(&entry.path)),
                    Err(error) => failed(entry.path.clone(), &error),
                }
            }
        }
        Ok(not_removed)
    }

    /// Removes what killed processes left: temporary files, and signatures without their file.
    fn clean(&self) -> std::io::Result<()> {
        durable::clean(&self.folder)?;
        for entry in std::fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let Some(file) = name.strip_suffix(".sig") else { continue };
            if Label::of_file(file).is_some() && !self.folder.join(file).exists() {
                durable::remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The better first; of two as good the older.
fn better(goal: Goal, a: &Label, b: &Label) -> std::cmp::Ordering {
    let score = |label: &Label| {
        let score = label.score.unwrap_or(f64::INFINITY);
        if goal == Goal::Least { score } else { -score }
    };
    score(a).total_cmp(&score(b)).then(a.number.cmp(&b.number))
}
