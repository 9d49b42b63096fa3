//! `anygrad report`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::run::report::Report;
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The folder of a run
    run: PathBuf,
    /// Writes the page alone to this file, in place of report.html and plots/ in the folder
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let report = Report::read(&arguments.run)?;
    let page = match &arguments.output {
        Some(file) => {
            output::file(file, &report.html()?)?;
            file.clone()
        }
        None => report.write(&arguments.run)?,
    };
    output::line(page.display())?;
    Ok(ExitCode::SUCCESS)
}
