//! `anygrad predict`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use clap::Args;

use crate::evaluate::Model;
use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    model: Model,
    /// Rows in the format of the recipe; targets may be missing
    #[arg(long, value_name = "PATH")]
    input: PathBuf,
    /// Where the predictions go, as CSV; standard output unless given
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut saved = arguments.model.open()?;
    let predictions = pollster::block_on(saved.predict(&arguments.input))?;
    let text = predictions.to_csv();
    match &arguments.output {
        Some(path) => {
            output::file(path, &text)?;
            output::line(format_args!("{} predictions: {}", predictions.rows.len(), path.display()))?;
        }
        None => output::line(text.trim_end())?,
    }
    Ok(ExitCode::SUCCESS)
}
