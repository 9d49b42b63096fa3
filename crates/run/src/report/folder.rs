//! From a folder of a run, and into it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use anygrad_store::audit::{self, AUDIT, CHECKPOINTS};
use anygrad_store::{Checkpoints, Options, write_file};
use serde::de::DeserializeOwned;

use super::{CheckpointFile, Report};
use crate::folder::{HISTORY, RECIPE, RUN, SCORES};

/// The page.
pub const PAGE: &str = "report.html";
/// The folder of the pictures.
pub const PLOTS: &str = "plots";

impl Report {
    /// What a folder of a run holds. What a run that was stopped did not write yet is left out.
    ///
    /// # Errors
    /// There is no recipe; a file cannot be read or is damaged: the message names file, line and column.
    pub fn read(folder: &Path) -> Result<Self> {
        let recipe = folder.join(RECIPE);
        let Some(recipe) = text(&recipe)? else {
            let what = "this is not the folder of a run: there is no recipe.toml";
            return Err(Error::input(format!("{}: {what}", folder.display())));
        };
        let log = folder.join(AUDIT);
        let audit = if log.exists() { audit::check(&log)?.head() } else { None };
        Ok(Report {
            title: name(folder),
            folder: folder.display().to_string(),
            info: json(&folder.join(RUN))?.unwrap_or_default(),
            recipe,
            history: json(&folder.join(HISTORY))?.unwrap_or_default(),
            tested: json(&folder.join(SCORES))?,
            checkpoints: checkpoints(&folder.join(CHECKPOINTS))?,
            audit,
        })
    }

    /// Writes the page and its pictures into a folder, each file whole or not at all. Gives the path of the page.
    ///
    /// # Errors
    /// As [`Report::html`]; a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        let plots = self.plots()?;
        let pictures = folder.join(PLOTS);
        std::fs::create_dir_all(&pictures)
            .map_err(|error| Error::input(format!("{}: cannot be made: {error}", pictures.display())))?;
        for plot in &plots {
            write_file(&pictures.join(format!("{}.png", plot.name)), &plot.png()?)?;
        }
        let page = folder.join(PAGE);
        write_file(&page, self.html_with(&plots)?.as_bytes())?;
        Ok(page)
    }
}

/// The last part of a path, also of `.`.
fn name(folder: &Path) -> String {
    let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    whole.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// The text of a file that may be missing.
fn text(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::input(format!("{}: cannot be read: {error}", path.display()))),
    }
}

/// The value of a file of JSON that may be missing.
fn json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let Some(text) = text(path)? else { return Ok(None) };
    let value = serde_json::from_str(&text);
    value.map(Some).map_err(|error| Error::input(format!("{}: damaged or foreign: {error}", path.display())))
}

fn checkpoints(folder: &Path) -> Result<Vec<CheckpointFile>> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let files = Checkpoints::new(folder, Options::default())?.list()?;
    let file = |(path, label): (PathBuf, anygrad_store::Label)| CheckpointFile {
        name: name_of(&path),
        step: label.step,
        score: label.score,
        // A training that goes on may have removed it since.
        bytes: std::fs::metadata(&path).map_or(0, |found| found.len()),
    };
    Ok(files.into_iter().map(file).collect())
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
