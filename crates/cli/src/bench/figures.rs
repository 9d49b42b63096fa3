//! What is measured beside workloads: the host's share of a step, cold starts, the size of the binary.

use std::process::{Command, ExitCode};

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Session};
use anygrad::perf::{BINARY_SIZE, COLD_START, Figure, SUBMIT, binary_size, cold_start, first_step, submit};
use anygrad_examples::tables;
use clap::Args;
use pollster::block_on;

use crate::output;

/// What there is.
pub(super) const NAMES: [&str; 4] = [SUBMIT, COLD_START[0], COLD_START[1], BINARY_SIZE];

/// How often: the least of all counts.
struct Runs {
    submits: usize,
    starts: usize,
}

/// Measures those of these names.
pub(super) fn measure(
    names: &[&str],
    session: &Session,
    adapter: Option<&str>,
    quick: bool,
) -> Result<Vec<Figure>> {
    let runs = if quick { Runs { submits: 20, starts: 1 } } else { Runs { submits: 60, starts: 3 } };
    let mut figures = Vec::new();
    if names.contains(&SUBMIT) {
        figures.push(submit(session, runs.submits)?);
    }
    if COLD_START.iter().any(|name| names.contains(name)) {
        let start = || {
            let program =
                std::env::current_exe().map_err(|error| Error::input(format!("this program: {error}")))?;
            let mut command = Command::new(program);
            command.arg("first-step").args(adapter.iter().flat_map(|adapter| ["--adapter", adapter]));
            Ok(command)
        };
        let both = cold_start(&start, runs.starts)?;
        figures.extend(both.into_iter().filter(|figure| names.contains(&figure.name)));
    }
    if names.contains(&BINARY_SIZE) {
        figures.push(binary_size()?);
    }
    Ok(figures)
}

/// One row for each figure.
pub(super) fn table(figures: &[Figure]) -> String {
    let mut rows = vec![
        ["beside the kernels", "least", "unit", "goal", "reached", "outstanding"].map(String::from).to_vec(),
    ];
    rows.extend(figures.iter().map(|figure| {
        vec![
            figure.name.to_owned(),
            tables::number(figure.value),
            figure.unit.to_owned(),
            tables::number(figure.goal),
            format!("{:.2}x", figure.goal / figure.value),
            tables::number(figure.moonshot),
        ]
    }));
    tables::columns(&rows)
}

/// The arguments of the process that a cold start is measured with.
#[derive(Args)]
pub(crate) struct FirstStep {
    /// As for `bench`
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
}

/// Does the first training step of a CNN, and writes its loss.
pub(crate) fn run_first_step(arguments: &FirstStep) -> Result<ExitCode> {
    let choice = arguments.adapter.clone().map_or_else(Choice::from_env, Choice::from);
    let session = block_on(Session::open(&choice))?;
    output::line(block_on(first_step(&session))?)?;
    Ok(ExitCode::SUCCESS)
}
