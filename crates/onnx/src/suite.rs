//! Folders of models with inputs and the outputs they must give, in the layout of the official backend tests:
//! `model.onnx` beside `test_data_set_*/input_*.pb` and `output_*.pb`; or `NAME.onnx` beside `NAME_output_0.pb`,
//! whose inputs are made by a formula.

mod compare;
mod files;

use std::fmt;
use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use anygrad_gpu::Session;

use crate::{Item, Model, Runner};
pub use compare::Bounds;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every output is as wanted.
    Pass,
    /// An output is wrong, or the run failed.
    Fail,
    /// The model was refused before it ran.
    Unsupported,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Status::Pass => "pass",
            Status::Fail => "fail",
            Status::Unsupported => "unsupported",
        })
    }
}

/// What came of one case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The case: its path below the folder that was asked for.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// The largest error, as a share of what is allowed; of a case that did not run 0.
    pub worst: f64,
    /// Why it did not pass.
    pub reason: String,
    /// The operators of the model.
    pub operators: Vec<String>,
}

/// The cases below a folder, sorted: folders with a `model.onnx`, and models with an output beside them.
///
/// # Errors
/// A folder cannot be read.
pub fn find(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let (mut open, mut seen) = (vec![folder.to_owned()], 0);
    while let Some(folder) = open.pop() {
        let named = |error: std::io::Error| Error::input(error).context(format!("{}", folder.display()));
        for entry in std::fs::read_dir(&folder).map_err(named)? {
            let entry = entry.map_err(named)?;
            let path = entry.path();
            seen += 1;
            // Links are not followed: they may lead in a circle.
            if entry.file_type().map_err(named)?.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name == "model.onnx") {
                found.push(folder.clone());
            } else if files::light_output(&path, 0).is_some_and(|output| output.exists()) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(Error::input(format!("{}: no case among {seen} files", folder.display())));
    }
    found.sort();
    Ok(found)
}

/// Runs one case of [`find`] on a session.
pub async fn run(case: &Path, session: &Session) -> Outcome {
    let mut outcome = Outcome {
        name: case.display().to_string(),
        status: Status::Pass,
        worst: 0.0,
        reason: String::new(),
        operators: Vec::new(),
    };
    if let Err(error) = check(case, session, &mut outcome).await {
        outcome.status = if error.is_unsupported() { Status::Unsupported } else { Status::Fail };
        outcome.reason = error.to_string();
    }
    outcome
}

async fn check(case: &Path, session: &Session, outcome: &mut Outcome) -> Result<()> {
    let is_light = case.extension().is_some();
    let model = Model::load(if is_light { case.to_owned() } else { case.join("model.onnx") })?;
    outcome.operators = model.operators().into_keys().collect();
    let bounds = Bounds::of(case)?;
    let sets = if is_light { vec![files::light(&model, case)?] } else { files::sets(&model, case)? };
    let mut runner = Runner::new(model, session.clone())?;
    for set in sets {
        let inputs: Vec<(&str, Item)> =
            set.inputs.iter().map(|(name, item)| (name.as_str(), item.clone())).collect();
        let outputs = runner.run(&inputs).await?;
        for (index, want) in set.outputs.iter().enumerate() {
            let Some((name, got)) = outputs.get(index) else {
                return Err(Error::input(format!("{}: there is no output {index}", set.name)));
            };
            let worst = compare::items(got, want, &bounds)
                .map_err(|error| error.context(format!("{}: output {name:?}", set.name)))?;
            outcome.worst = outcome.worst.max(worst.share);
            if worst.share > 1.0 && outcome.status == Status::Pass {
                outcome.status = Status::Fail;
                outcome.reason = format!("{}: output {name:?}: {}", set.name, worst.text);
            }
        }
    }
    Ok(())
}
