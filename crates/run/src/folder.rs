//! The folder of a run: what lies where, each file whole or not at all.

use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use anygrad_recipe::Recipe;
use anygrad_store::write_file;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The recipe as it was resolved: every default filled in, paths absolute.
pub const RECIPE: &str = "recipe.toml";
/// What was learned of the training part: scales, names of classes.
pub const PREPROCESSING: &str = "preprocessing.json";
/// All epochs, over all resumes: a [`History`](anygrad_nn::History).
pub const HISTORY: &str = "history.json";
/// The same as a table.
pub const METRICS: &str = "metrics.csv";
/// Under what circumstances it ran: a [`RunInfo`](crate::RunInfo).
pub const RUN: &str = "run.json";
/// What each kernel took, as a table: [`KernelCost`](crate::KernelCost).
pub const KERNELS: &str = "kernels.csv";
/// The figures on the test part: [`Tested`](crate::Tested).
pub const SCORES: &str = "scores.json";

/// A folder of a run.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new one, with the recipe in it.
    ///
    /// # Errors
    /// There is something of that name already, other than an empty folder; it cannot be written.
    pub fn create(path: &Path, recipe: &Recipe) -> Result<Self> {
        let recipe = recipe.to_toml_elsewhere()?;
        let unreadable = |error| Error::input(format!("{}: cannot be read: {error}", path.display()));
        if path.exists() {
            for entry in std::fs::read_dir(path).map_err(unreadable)? {
                let name = entry.map_err(unreadable)?.file_name();
                // What a process leaves that was killed while it wrote the first file.
                if !name.to_string_lossy().starts_with(".anygrad-") {
                    let message = "is there already, and nothing is overwritten: name another folder, or go on with --resume";
                    return Err(Error::input(format!("{}: {message}", path.display())));
                }
            }
        }
        let folder = Folder(path.to_owned());
        folder.write(RECIPE, &recipe)?;
        Ok(folder)
    }

    /// One that is there.
    ///
    /// # Errors
    /// It holds no recipe.
    pub fn open(path: &Path) -> Result<Self> {
        if !path.is_dir() {
            return Err(Error::input(format!("{}: there is no such folder", path.display())));
        }
        if !path.join(RECIPE).is_file() {
            return Err(Error::input(format!(
                "{}: no folder of a run: it holds no {RECIPE}",
                path.display()
            )));
        }
        Ok(Folder(path.to_owned()))
    }

    /// The first of `NAME-1`, `NAME-2`, ... within `parent` that is not there.
    pub fn next(parent: &Path, name: &str) -> PathBuf {
        let mut number: u64 = 1;
        loop {
            let path = parent.join(format!("{name}-{number}"));
            if !path.exists() {
                return path;
            }
            number += 1;
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Where a file of it is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Its recipe.
    ///
    /// # Errors
    /// Those of [`Recipe::read`].
    pub fn recipe(&self) -> Result<Recipe> {
        Recipe::read(self.file(RECIPE), &[])
    }

    /// Writes a file of it.
    ///
    /// # Errors
    /// It cannot be written; what was there under this name is there still.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        write_file(&self.file(name), text.as_bytes())
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// Those of [`Folder::write`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::internal(format!("{name}: {error}")))?;
        self.write(name, &(text + "\n"))
    }

    /// Reads the text of a file; nothing where there is no such file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<String>> {
        let path = self.file(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::input(format!("{}: cannot be read: {error}", path.display()))),
        }
    }

    /// Reads a value from JSON; nothing where there is no such file.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else: the message names line and column.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        let value = serde_json::from_str(&text);
        let path = self.file(name);
        value
            .map(Some)
            .map_err(|error| Error::input(format!("{}: damaged or foreign: {error}", path.display())))
    }
}
