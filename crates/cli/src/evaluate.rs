//! `anygrad evaluate`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::run::{Saved, Tested, Which};
use clap::Args;

use crate::protect::Reading;
use crate::{output, session};

/// A trained run, and how it is read.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Model {
    /// The folder of the run
    run: PathBuf,
    /// Which checkpoint: best or latest
    #[arg(long, default_value = "best", value_name = "WHICH")]
    checkpoint: Which,
    /// A number, `software`, `cpu`, or a part of an adapter's name
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    #[command(flatten)]
    reading: Reading,
}

impl Model {
    pub(crate) fn open(&self) -> Result<Saved> {
        let session = session::open(self.adapter.as_deref())?;
        let (keys, require) = (self.reading.keys()?, self.reading.required()?);
        let saved = Saved::open(&self.run, &session, self.checkpoint, keys, require)?;
        for refused in &saved.refused {
            output::aside(format_args!("not used: {refused}"));
        }
        Ok(saved)
    }
}

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: Model,
    /// Other data in the format of the recipe, with targets; the recipe's test part unless given
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Write the figures as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut saved = arguments.model.open()?;
    let (data, part) = match &arguments.data {
        Some(path) => (saved.labelled(path)?, path.display().to_string()),
        None => (saved.test_part()?, "test".to_owned()),
    };
    let scores = pollster::block_on(saved.evaluate(&data, &part))?;
    match arguments.json {
        true => output::line(output::json(&scores)?)?,
        false => output::line(text(&scores))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Figures on a line.
pub(crate) fn text(scores: &Tested) -> String {
    let mut text = format!("{}: {} rows  loss {:.4}", scores.part, scores.rows, scores.scores.loss);
    for (name, figure) in &scores.scores.metrics {
        text += &format!("  {name} {figure:.4}");
    }
    if let Some(checkpoint) = &scores.checkpoint {
        text += &format!("  ({checkpoint})");
    }
    text
}
