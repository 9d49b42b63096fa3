//! `anygrad bench`

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Device, Session, TuneReport};
use anygrad::perf::{
    KernelCost, Measured, Options, Rooflines, Workload, measure, profile, rooflines, tune, workloads,
};
use anygrad_examples::{tables, tuning::text as tuned_text};
use clap::Args;
use pollster::block_on;
use serde::Serialize;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only workloads whose names contain one of these, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    only: Vec<String>,
    /// Show what each kernel of each workload takes
    #[arg(long)]
    profile: bool,
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
    rooflines: Rooflines,
    workloads: Vec<Measured>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tuning: Vec<TuneReport>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let choice = arguments.adapter.clone().map_or_else(Choice::from_env, Choice::from);
    let chosen = choose(&arguments.only)?;
    let device = block_on(Device::open(&choice))?;
    output::line(format_args!("Measuring {}", device.caps()))?;
    let rooflines = rooflines(&device)?;
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
    let mut measured = Vec::new();
    for workload in &chosen {
        measured.push(measure(&session, workload, options)?);
    }
    output::line(table(&measured, &rooflines, is_cpu))?;
    output::line(
        "Of the roofline: the share of what arithmetic or memory, whichever takes longer, would allow at best.",
    )?;
    if is_cpu {
        output::line("Goals are for a software adapter on two cores: at least, and outstanding.")?;
    }
    if arguments.profile {
        for workload in &chosen {
            show_profile(workload, &profile(&session, workload, options)?)?;
        }
    }
    if let Some(path) = &arguments.json {
        let report =
            Report { adapter, version: env!("CARGO_PKG_VERSION"), rooflines, workloads: measured, tuning };
        output::file(path, &output::json(&report)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The kernels of a workload, the dearest first.
fn show_profile(workload: &Workload, costs: &[KernelCost]) -> Result<()> {
    let total: f64 = costs.iter().map(|cost| cost.ms).sum();
    let mut rows = vec![["step and kernel", "dispatches", "ms", "share"].map(String::from).to_vec()];
    rows.extend(costs.iter().map(|cost| {
        vec![
            format!("{}: {}", cost.step, cost.kernel),
            cost.dispatches.to_string(),
            format!("{:.2}", cost.ms),
            tables::percent(cost.ms / total),
        ]
    }));
    output::line(format_args!("\n{}, each kernel alone:\n{}", workload.name, tables::columns(&rows)))
}

fn choose(names: &[String]) -> Result<Vec<Workload>> {
    let all = workloads();
    let known: Vec<&str> = all.iter().map(|workload| workload.name).collect();
    let matches = |workload: &str, name: &String| workload.to_lowercase().contains(&name.to_lowercase());
    if let Some(name) = names.iter().find(|name| !known.iter().any(|workload| matches(workload, name))) {
        return Err(Error::input(format!("no workload is called {name:?}; there is {}", known.join("; "))));
    }
    let wanted =
        |workload: &Workload| names.is_empty() || names.iter().any(|name| matches(workload.name, name));
    Ok(all.into_iter().filter(wanted).collect())
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
