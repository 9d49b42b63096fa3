//! `anygrad verify`

mod cases;
mod onnx;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use anygrad::core::Result;
use anygrad::gpu::{Choice, Device, Session};
use anygrad::verify::{Options, Progress, Report, certify};
use anygrad_examples::costs::Wanted;
use anygrad_examples::tables;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pollster::block_on;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only operators whose names start so, separated by commas; `none` for no operator
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    ops: Vec<String>,
    /// One case for each operator and each kernel
    #[arg(long)]
    quick: bool,
    /// Also run this many random graphs
    #[arg(long, default_value_t = 0, value_name = "N")]
    fuzz: usize,
    /// Chooses the numbers that inputs are filled with, and the first random graph
    #[arg(long, default_value_t = 0, value_name = "N")]
    seed: u64,
    /// Run the cases of this folder instead, in the format refcase/1
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["ops", "quick", "fuzz", "html"])]
    cases: Option<PathBuf>,
    /// Run the models below these folders instead: `model.onnx` beside `test_data_set_*/input_*.pb` and `output_*.pb`
    #[arg(long, value_name = "FOLDER", num_args = 1.., conflicts_with_all = ["ops", "quick", "fuzz", "html", "cases"])]
    onnx: Vec<PathBuf>,
    /// Check this ONNX model instead: its outputs for drawn inputs, against double precision
    #[arg(long, value_name = "FILE", conflicts_with_all = ["ops", "quick", "fuzz", "html", "cases", "onnx", "json"])]
    model: Option<PathBuf>,
    /// The size of an axis that the model leaves open [default: 1]
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = crate::models::dim, requires = "model")]
    dims: Vec<(String, usize)>,
    /// A number, `software`, `cpu`, or a part of an adapter's name
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// How many sessions work at once [default: 2 on software adapters, else 1; 1 for a profile]
    #[arg(long, value_name = "N", conflicts_with_all = ["profile", "trace"])]
    jobs: Option<usize>,
    #[command(flatten)]
    costs: Wanted,
    /// Write the whole report to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the report as a page to this file
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Arguments {
    fn choice(&self) -> Choice {
        self.adapter.clone().map_or_else(Choice::from_env, Choice::from)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if let Some(folder) = &arguments.cases {
        return cases::run(folder, &arguments.choice(), arguments.json.as_deref(), &arguments.costs);
    }
    let choice = arguments.choice();
    if !arguments.onnx.is_empty() {
        return onnx::run(&arguments.onnx, &choice, arguments.json.as_deref());
    }
    if let Some(path) = &arguments.model {
        return onnx::check_model(path, &arguments.dims, &choice, arguments.seed);
    }
    let recorder = arguments.costs.recorder();
    // With all kernels, whatever was found earlier.
    let open = || {
        let session = match choice {
            Choice::Interpreter => Session::interpreter(),
            _ => Session::on(block_on(Device::open(&choice))?),
        };
        Ok(recorder.iter().fold(session, |session, recorder| session.recorded_by(recorder)))
    };
    let session = open()?;
    output::line(format_args!("Verifying {}", session.caps()))?;
    let options = Options {
        ops: arguments.ops.clone(),
        seed: arguments.seed,
        quick: arguments.quick,
        fuzz: arguments.fuzz,
        // One at a time has times that are its own.
        jobs: arguments.jobs.unwrap_or(if session.caps().is_cpu() && recorder.is_none() { 2 } else { 1 }),
    };
    let bar = progress_bar();
    let shown = Mutex::new(());
    let report = certify(&open, &options, &|Progress { done, of, name }| {
        let _one_at_a_time = shown.lock();
        bar.set_length(of as u64);
        bar.set_position(done as u64);
        bar.set_message(name.to_owned());
    })?;
    bar.finish_and_clear();
    show(&report)?;
    if !session.is_interpreter() {
        keep(&session, &report)?;
    }
    if let Some(path) = &arguments.json {
        output::file(path, &output::json(&report)?)?;
    }
    if let Some(path) = &arguments.html {
        output::file(path, &report.html()?)?;
    }
    if let Some(recorder) = &recorder {
        arguments.costs.tell(&recorder.take(), &session.caps().to_string(), false)?;
    }
    let verdict = if report.passed() { "all hold" } else { "SOME FAILED" };
    output::line(format_args!(
        "{} cases of {} operators on {} kernels: {verdict}",
        report.cases(),
        report.ops.len(),
        report.kernels.len()
    ))?;
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len}  {eta} left  {msg}") {
        bar.set_style(style);
    }
    bar
}

/// Keeps what sessions on the adapter have to know. A run of some operators adds to what is known;
/// only a whole one can take something back.
fn keep(session: &Session, report: &Report) -> Result<()> {
    let caps = session.caps();
    let mut verdict = report.verdict(caps)?;
    let found = !verdict.excluded.is_empty();
    if !report.complete || report.quick {
        if !found {
            return Ok(());
        }
        if let Some(known) = anygrad::gpu::Verdict::load(caps).unwrap_or_default() {
            verdict.excluded.extend(known.excluded);
            verdict.excluded.sort();
            verdict.excluded.dedup();
        }
    }
    let path = verdict.save(caps)?;
    for exclusion in &report.excluded {
        output::line(format_args!("Done without from now on: {} ({})", exclusion.name, exclusion.because))?;
    }
    match path.as_deref().map(Path::display) {
        Some(path) => output::line(format_args!("Certificate {} in {path}", verdict.certificate)),
        None => output::line(format_args!("Certificate {}", verdict.certificate)),
    }
}

fn show(report: &Report) -> Result<()> {
    output::line(table(report))?;
    for training in &report.trainings {
        let worst = tables::percent(training.worst);
        output::line(format_args!("training of {}: {worst} of what is allowed", training.model))?;
    }
    if let Some(fuzz) = &report.fuzz {
        output::line(format_args!(
            "{} random graphs: {} values compared, {} too uncertain, {} graphs refused; worst {}",
            fuzz.graphs,
            fuzz.compared,
            fuzz.uncertain,
            fuzz.refused,
            tables::percent(fuzz.worst)
        ))?;
    }
    for failure in report.failures() {
        output::line(format_args!("FAILED {failure}\n       again: {}", report.reproduce(failure)))?;
    }
    Ok(())
}

/// One row per operator: its worst errors as shares of what the tolerance allows.
fn table(report: &Report) -> String {
    let head = [
        "operator",
        "cases",
        "forward",
        "backward",
        "worst abs",
        "worst rel",
        "ulps",
        "tolerance",
        "verdict",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for op in &report.ops {
        rows.push(vec![
            op.op.clone(),
            op.cases.to_string(),
            tables::percent(op.errors.forward),
            tables::percent(op.errors.backward),
            format!("{:.1e}", op.errors.absolute),
            format!("{:.1e}", op.errors.relative),
            format!("{:.1}", op.errors.ulps),
            op.tolerance.clone(),
            if op.failures.is_empty() { "ok".into() } else { format!("{} FAILED", op.failures.len()) },
        ]);
    }
    tables::columns(&rows)
}
