//! `anygrad bench`

mod figures;

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Device, MeasuredRoofline, Session, TuneReport};
use anygrad::perf::{
    Costs, Figure, Measured, Options, Rooflines, Trace, Workload, large_workloads, measure, profile,
    rooflines, tune, workloads,
};
use anygrad_examples::costs::{self, Wanted};
use anygrad_examples::{tables, tuning::text as tuned_text};
use clap::Args;
use pollster::block_on;
use serde::Serialize;

use crate::output;

pub(crate) use figures::{FirstStep, run_first_step};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only what has one of these in its name, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    #[command(flatten)]
    costs: Wanted,
    /// First measure in which ways the operators of the workloads run fastest, and remember it
    #[arg(long)]
    tune: bool,
    /// A third of the time
    #[arg(long)]
    quick: bool,
    /// A number, `software`, or a part of an adapter's name
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Serialize)]
struct Report {
    adapter: String,
    version: &'static str,
    /// `release` or `debug`.
    build: &'static str,
    rooflines: Rooflines,
    workloads: Vec<Measured>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tuning: Vec<TuneReport>,
    figures: Vec<Figure>,
    /// Where profiles were asked for: those of the workloads, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<Costs>,
}

const BUILD: &str = if cfg!(debug_assertions) { "debug" } else { "release" };

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let choice = arguments.adapter.clone().map_or_else(Choice::from_env, Choice::from);
    let device = block_on(Device::open(&choice))?;
    let all = if device.caps().is_cpu() { workloads() } else { large_workloads() };
    let (chosen, names) = choose(all, &arguments.only)?;
    output::line(format_args!("Measuring {}", device.caps()))?;
    if BUILD == "debug" {
        output::line("This is a debug build: its figures are not those of a release build.")?;
    }
    let rooflines = rooflines(&device)?;
    // `anygrad plan` tells times by it.
    MeasuredRoofline::new(device.caps(), rooflines.into()).save(device.caps())?;
    output::line(format_args!(
        "At most: {:.1} GFLOP/s of multiply-adds, {:.1} GB/s copied, {:.1} us a dispatch, {:.0} us a submit",
        rooflines.gflops, rooflines.gbytes, rooflines.dispatch_us, rooflines.submit_us
    ))?;
    let (is_cpu, adapter) = (device.caps().is_cpu(), device.caps().to_string());
    let session = Session::on(device);
    let options = if arguments.quick { Options::quick() } else { Options::default() };
    let mut tuning = Vec::new();
    if arguments.tune {
        for workload in &chosen {
            let report = block_on(tune(&session, workload))?;
            output::line(format_args!("{}:\n{}", workload.name, tuned_text(&report)))?;
            tuning.push(report);
        }
        if let Some(path) = session.remember()? {
            output::line(format_args!("Remembered in {}", path.display()))?;
        }
    }
    let mut workloads = Vec::new();
    for workload in &chosen {
        workloads.push(measure(&session, workload, options)?);
    }
    if !workloads.is_empty() {
        output::line(table(&workloads, &rooflines, is_cpu))?;
        output::line(
            "Of the roofline: the share of what arithmetic or memory, whichever takes longer, would allow at best.",
        )?;
    }
    let figures = figures::measure(&names, &session, arguments.adapter.as_deref(), arguments.quick)?;
    if !figures.is_empty() {
        output::line(format_args!("\n{}", figures::table(&figures)))?;
    }
    if is_cpu {
        output::line("Goals are for a software adapter on two cores: at least, and outstanding.")?;
    }
    let profiles = profiles(&session, &chosen, options, &arguments.costs, &adapter)?;
    if let Some(path) = &arguments.json {
        let version = env!("CARGO_PKG_VERSION");
        let report =
            Report { adapter, version, build: BUILD, rooflines, workloads, tuning, figures, profiles };
        output::file(path, &output::json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Profiles of workloads, where they are wanted: shown as tables, and all together as a trace.
fn profiles(
    session: &Session,
    chosen: &[Workload],
    options: Options,
    wanted: &Wanted,
    adapter: &str,
) -> Result<Vec<Costs>> {
    if wanted.recorder().is_none() {
        return Ok(Vec::new());
    }
    let (mut text, mut all, mut trace) = (String::new(), Vec::new(), Trace::new(adapter));
    for workload in chosen {
        let recording = profile(session, workload, options)?;
        let costs = Costs::of_one_run(&recording);
        text += &format!(
            "\n{}",
            costs::table(&format!("{}, each action in its fastest run", workload.name), &costs)
        );
        trace.add(&recording);
        all.push(costs);
    }
    wanted.show(&format!("{text}{}", costs::LEGEND), false)?;
    wanted.save(&trace)?;
    Ok(all)
}

/// Workloads and figures whose names are asked for.
fn choose(all: Vec<Workload>, names: &[String]) -> Result<(Vec<Workload>, Vec<&'static str>)> {
    let known: Vec<&str> = all.iter().map(|workload| workload.name).chain(figures::NAMES).collect();
    let matches = |known: &str, name: &String| known.to_lowercase().contains(&name.to_lowercase());
    if let Some(name) = names.iter().find(|name| !known.iter().any(|known| matches(known, name))) {
        return Err(Error::input(format!(
            "nothing to measure is called {name:?}; there is {}",
            known.join("; ")
        )));
    }
    let wanted = |known: &str| names.is_empty() || names.iter().any(|name| matches(known, name));
    let workloads = all.into_iter().filter(|workload| wanted(workload.name)).collect();
    Ok((workloads, figures::NAMES.into_iter().filter(|name| wanted(name)).collect()))
}

/// One row per workload.
fn table(measured: &[Measured], rooflines: &Rooflines, is_cpu: bool) -> String {
    let mut head =
        vec!["workload", "best ms", "median", "first", "dispatches", "MiB", "GFLOP/s", "of roofline"];
    if is_cpu {
        head.extend(["goal ms", "reached", "outstanding"]);
    }
    let mut rows = vec![head.into_iter().map(String::from).collect::<Vec<_>>()];
    for work in measured {
        let least_ms = (work.gflops / rooflines.gflops).max(work.gbytes / rooflines.gbytes);
        let gflops = if work.gflops > 0.0 { format!("{:.1}", work.gflops) } else { "-".into() };
        let mut row = vec![
            work.name.to_owned(),
            format!("{:.2}", work.best_ms),
            format!("{:.2}", work.median_ms),
            format!("{:.0}", work.first_ms),
            work.dispatches.to_string(),
            format!("{:.1}", work.memory as f64 / f64::from(1 << 20)),
            gflops,
            tables::percent(least_ms),
        ];
        if let (true, Some(goal)) = (is_cpu, work.goal) {
            let reached = format!("{:.2}x", goal.at_least_ms / work.best_ms);
            row.extend([format!("{}", goal.at_least_ms), reached, format!("{}", goal.moonshot_ms)]);
        }
        rows.push(row);
    }
    tables::columns(&rows)
}
