//! `anygrad verify --onnx FOLDER...`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Device, Session};
use anygrad::graph::Graph;
use anygrad::onnx::suite::{self, Outcome, Status};
use anygrad::onnx::{Element, Model};
use pollster::block_on;
use serde::Serialize;

use crate::output;

/// A model against double precision, for inputs that are drawn.
pub(super) fn check_model(
    path: &Path,
    dims: &[(String, usize)],
    choice: &Choice,
    seed: u64,
) -> Result<ExitCode> {
    let model = Model::load(path)?;
    let session = open(choice)?;
    output::line(format_args!("Checking {} on {}", path.display(), session.caps()))?;
    let graph = Graph::new();
    let sizes = crate::models::sizes(&model, dims)?;
    let mut inputs = Vec::new();
    for (port, (name, sizes)) in model.inputs().iter().zip(&sizes) {
        let Some(dtype) = port.element.and_then(Element::dtype) else {
            return Err(Error::unsupported(format!("the input {name:?} is no tensor of numbers")));
        };
        inputs.push((name.as_str(), graph.input(name, sizes, dtype)));
    }
    let outputs: Vec<_> = model.import(&graph, &inputs)?.into_iter().map(|(_, output)| output).collect();
    let report = anygrad::verify::check_graph(&session, &graph, &outputs, seed)?;
    for failure in &report.failures {
        output::line(format_args!("{}: {}", failure.place, failure.finding))?;
    }
    let (compared, uncertain) = (report.compared, report.uncertain);
    output::line(format_args!(
        "{compared} outputs compared in four plans, the worst at {:.1} % of what rounding explains; \
         {uncertain} too uncertain to compare: {}",
        report.worst * 100.0,
        if report.failures.is_empty() { "all hold" } else { "SOME FAILED" },
    ))?;
    Ok(if report.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(choice: &Choice) -> Result<Session> {
    Ok(match choice {
        Choice::Interpreter => Session::interpreter(),
        _ => Session::on(block_on(Device::open(choice))?),
    })
}

/// A case as the report has it.
#[derive(Serialize)]
struct Case<'a> {
    name: &'a str,
    status: String,
    worst_error: Option<f64>,
    reason: &'a str,
}

impl<'a> Case<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        Case {
            name: &outcome.name,
            status: outcome.status.to_string(),
            worst_error: outcome.worst.is_finite().then_some(outcome.worst),
            reason: &outcome.reason,
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    adapter: String,
    passed: usize,
    failed: usize,
    unsupported: usize,
    cases: Vec<Case<'a>>,
}

pub(super) fn run(folders: &[PathBuf], choice: &Choice, json: Option<&Path>) -> Result<ExitCode> {
    let session = open(choice)?;
    output::line(format_args!("Running models on {}", session.caps()))?;
    let bar = super::progress_bar();
    let mut outcomes = Vec::new();
    for folder in folders {
        let cases = suite::find(folder)?;
        bar.inc_length(cases.len() as u64);
        for case in cases {
            let mut outcome = block_on(suite::run(&case, &session));
            let name = case.strip_prefix(folder).unwrap_or(&case);
            outcome.name = if name.as_os_str().is_empty() { folder } else { name }.display().to_string();
            bar.inc(1);
            bar.set_message(outcome.name.clone());
            outcomes.push(outcome);
        }
    }
    bar.finish_and_clear();
    show(&outcomes)?;
    let count = |status| outcomes.iter().filter(|outcome| outcome.status == status).count();
    let (passed, failed, unsupported) =
        (count(Status::Pass), count(Status::Fail), count(Status::Unsupported));
    if let Some(path) = json {
        let cases = outcomes.iter().map(Case::of).collect();
        let report = Report { adapter: session.caps().to_string(), passed, failed, unsupported, cases };
        output::file(path, &output::json(&report)?)?;
    }
    output::line(format_args!(
        "{} models: {passed} pass, {failed} fail, {unsupported} unsupported",
        outcomes.len()
    ))?;
    Ok(if passed == outcomes.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What did not pass, and how many cases of each operator did.
fn show(outcomes: &[Outcome]) -> Result<()> {
    let mut totals: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for outcome in outcomes {
        for operator in &outcome.operators {
            let total = totals.entry(operator).or_default();
            total.0 += usize::from(outcome.status == Status::Pass);
            total.1 += 1;
        }
    }
    let mut text = String::new();
    for (operator, (passed, all)) in &totals {
        text.push_str(&format!("  {operator:<32} {passed:>4} of {all}\n"));
    }
    output::line(format_args!("Operators, and how many of the models with them pass:\n{}", text.trim_end()))?;
    for outcome in outcomes.iter().filter(|outcome| outcome.status != Status::Pass) {
        output::line(format_args!("{} {}: {}", outcome.status, outcome.name, outcome.reason))?;
    }
    Ok(())
}
