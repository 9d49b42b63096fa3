//! `anygrad train`

use std::process::ExitCode;

use anygrad::core::Result;
use anygrad_examples::options::Arguments as ProgramArguments;
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to train
    #[arg(value_parser = anygrad_examples::PROGRAMS)]
    program: String,
    #[command(flatten)]
    arguments: ProgramArguments,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let options = anygrad_examples::defaults(&arguments.program)?.with(arguments.arguments)?;
    let report = pollster::block_on(anygrad_examples::run(&arguments.program, &options))?;
    if options.json {
        output::line(output::json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
