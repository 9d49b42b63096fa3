//! From a folder of a run, and into it.

use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use anygrad_store::audit::{self, AUDIT, CHECKPOINTS};
use anygrad_store::{Checkpoints, Options, write_file};

use super::{CheckpointFile, Report};
use crate::folder::{Folder, HISTORY, RECIPE, RUN, SCORES};

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
        let run = Folder::open(folder)?;
        let log = run.file(AUDIT);
        let audit = if log.exists() { audit::check(&log)?.head() } else { None };
        Ok(Report {
            title: name(folder),
            folder: folder.display().to_string(),
            info: run.read_json(RUN)?.unwrap_or_default(),
            recipe: run.read(RECIPE)?.unwrap_or_default(),
            history: run.read_json(HISTORY)?.unwrap_or_default(),
            tested: run.read_json(SCORES)?,
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
