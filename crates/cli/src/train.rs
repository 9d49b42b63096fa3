//! `anygrad train`

use std::process::ExitCode;

use anygrad::core::Result;
use anygrad_examples::options::Arguments as ProgramArguments;
use clap::{Args, ValueEnum};

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to train
    program: Program,
    #[command(flatten)]
    arguments: ProgramArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Program {
    LinearRegression,
    LogisticRegression,
    Cnn,
    Lstm,
}

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let name = match arguments.program {
        Program::LinearRegression => "linear-regression",
        Program::LogisticRegression => "logistic-regression",
        Program::Cnn => "cnn",
        Program::Lstm => "lstm",
    };
    let options = anygrad_examples::defaults(name)?.with(arguments.arguments)?;
    let report = pollster::block_on(anygrad_examples::run(name, &options))?;
    if options.json {
        output::line(output::json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}
