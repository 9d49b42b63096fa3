//! `anygrad verify`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::Result;
use anygrad::gpu::{Choice, Session};
use anygrad::verify::ops::{Options, Report, verify};
use anygrad_examples::tables;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only operators whose names start so, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    ops: Vec<String>,
    /// Chooses the numbers that inputs are filled with
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// A number, `software`, `cpu`, or a part of an adapter's name
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Write the whole report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let choice = arguments.adapter.clone().map_or_else(Choice::from_env, Choice::from);
    let session = pollster::block_on(Session::open(&choice))?;
    output::line(format_args!("Verifying {}", session.caps()))?;
    let options = Options { ops: &arguments.ops, seed: arguments.seed, ..Options::default() };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {eta} left  {msg}") {
        bar.set_style(style);
    }
    let report = pollster::block_on(verify(&session, &options, &mut |done, cases, name| {
        bar.set_length(cases as u64);
        bar.set_position(done as u64);
        bar.set_message(name.to_owned());
    }))?;
    bar.finish_and_clear();
    output::line(table(&report))?;
    for failure in report.ops.iter().flat_map(|op| &op.failures) {
        output::line(format_args!("FAILED {failure}"))?;
    }
    if let Some(path) = &arguments.json {
        output::file(path, &output::json(&report)?)?;
    }
    let verdict = if report.passed() { "all hold" } else { "SOME FAILED" };
    output::line(format_args!("{} cases of {} operators: {verdict}", report.cases(), report.ops.len()))?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// One row per operator: its worst errors as shares of what the tolerance allows.
fn table(report: &Report) -> String {
    let head = ["operator", "cases", "forward", "backward", "worst abs", "worst rel", "tolerance", "verdict"];
    let mut rows = vec![head.map(String::from).to_vec()];
    for op in &report.ops {
        rows.push(vec![
            op.op.clone(),
            op.cases.to_string(),
            tables::percent(op.forward),
            tables::percent(op.backward),
            format!("{:.1e}", op.absolute_error),
            format!("{:.1e}", op.relative_error),
            op.tolerance.clone(),
            if op.failures.is_empty() { "ok".into() } else { format!("{} FAILED", op.failures.len()) },
        ]);
    }
    tables::columns(&rows)
}
