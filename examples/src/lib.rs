//! The four programs of anygrad (linear regression, logistic regression, a CNN and an LSTM), and
//! what they share: options, data in parts, tables and plots.

pub mod cnn;
pub mod costs;
pub mod files;
pub mod linear_regression;
pub mod logistic_regression;
pub mod lstm;
pub mod options;
pub mod parts;
pub mod report;
mod run;
pub mod tables;
pub mod trend;
pub mod tuning;

use std::io::Write;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use clap::Parser;

use options::{Arguments, Options};
use report::Report;

/// The names of the programs.
pub const PROGRAMS: [&str; 4] = [linear_regression::NAME, logistic_regression::NAME, cnn::NAME, lstm::NAME];

/// The options of a program that is asked for nothing.
///
/// # Errors
/// There is no such program.
pub fn defaults(program: &str) -> Result<Options> {
    match program {
        linear_regression::NAME => Ok(linear_regression::defaults()),
        logistic_regression::NAME => Ok(logistic_regression::defaults()),
        cnn::NAME => Ok(cnn::defaults()),
        lstm::NAME => Ok(lstm::defaults()),
        _ => Err(Error::input(format!("no program is called {program:?}; there is {}", PROGRAMS.join(", ")))),
    }
}

/// Runs a program, and tells what it cost where the options ask for that.
///
/// # Errors
/// There is no such program, or its own errors.
pub async fn run(program: &str, options: &Options) -> Result<Report> {
    let Some(recorder) = options.costs.recorder() else { return body(program, options).await };
    let options = Options { recorder: Some(recorder.clone()), ..options.clone() };
    let report = body(program, &options).await?;
    options.costs.tell(&recorder.take(), &report.adapter, !options.talks())?;
    Ok(report)
}

async fn body(program: &str, options: &Options) -> Result<Report> {
    match program {
        linear_regression::NAME => linear_regression::run(options).await,
        logistic_regression::NAME => logistic_regression::run(options).await,
        cnn::NAME => cnn::run(options).await,
        lstm::NAME => lstm::run(options).await,
        _ => defaults(program).and(Err(Error::internal("a program without a body"))),
    }
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    arguments: Arguments,
}

/// What a command ends with after an error: 2 for what a person can put right, 1 for what failed on
/// the way.
pub fn exit_code(error: &Error) -> ExitCode {
    ExitCode::from(if error.is_device() || error.is_internal() { 1 } else { 2 })
}

/// Runs a program with the arguments of the command line; see [`exit_code`].
pub fn main_of(program: &str) -> ExitCode {
    let arguments = CommandLine::parse().arguments;
    let result = defaults(program).and_then(|defaults| defaults.with(arguments)).and_then(|options| {
        let report = pollster::block_on(run(program, &options))?;
        if options.json {
            let text = serde_json::to_string(&report).map_err(|e| Error::internal(format!("JSON: {e}")))?;
            writeln!(std::io::stdout(), "{text}")
                .map_err(|e| Error::input(format!("standard output: {e}")))?;
        }
        Ok(())
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            exit_code(&error)
        }
    }
}
