//! What a run cost, kernel by kernel: the arguments that ask for it, and how it is told.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anygrad::core::{Error, Result};
use anygrad::gpu::{Recorder, Recording};
use anygrad::perf::{Costs, Trace, clock};
use clap::Args;

use crate::files::write_whole;
use crate::tables::{columns, percent};

/// Stands for standard output where a file could be named.
const SHOWN: &str = "-";

/// Longest name of a step that a table shows, in letters: many operators may have been joined.
const LONGEST: usize = 60;

/// What is to be told of the cost of a run.
#[derive(Args, Clone, Debug, Default, PartialEq)]
#[group(skip)]
pub struct Wanted {
    /// Show what each kernel took, or write that to a file; each run then waits for the device
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = SHOWN)]
    pub profile: Option<PathBuf>,
    /// Write every dispatch and what the host did to a file that chrome://tracing and ui.perfetto.dev show
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
}

impl Wanted {
    /// A recorder for the session, where anything is to be told.
    pub fn recorder(&self) -> Option<Recorder> {
        (self.profile.is_some() || self.trace.is_some()).then(|| Recorder::new(clock))
    }

    /// Tells what was recorded. Tables without a file go to standard error where standard output is
    /// for something else.
    ///
    /// # Errors
    /// A file or the output cannot be written.
    pub fn tell(&self, recording: &Recording, adapter: &str, aside: bool) -> Result<()> {
        if self.profile.is_some() {
            let table = table("What ran, kernel by kernel", &Costs::of_all(recording));
            self.show(&format!("{table}{LEGEND}"), aside)?;
        }
        if self.trace.is_some() {
            let mut trace = Trace::new(adapter);
            trace.add(recording);
            self.save(&trace)?;
        }
        Ok(())
    }

    /// Shows tables, or writes them to the file that was named.
    ///
    /// # Errors
    /// The file or the output cannot be written.
    pub fn show(&self, text: &str, aside: bool) -> Result<()> {
        let shown = match &self.profile {
            None => return Ok(()),
            Some(path) if path != Path::new(SHOWN) => return write_whole(path, text.as_bytes()),
            Some(_) if aside => io::stderr().lock().write_all(text.as_bytes()),
            Some(_) => io::stdout().lock().write_all(text.as_bytes()),
        };
        match shown {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            shown => shown.map_err(|error| Error::input(format!("output: {error}"))),
        }
    }

    /// Writes the trace, if one is wanted, and says what it had no room for.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, trace: &Trace) -> Result<()> {
        let Some(path) = &self.trace else { return Ok(()) };
        if trace.left_out() > 0 {
            let _ = writeln!(
                io::stderr(),
                "The trace ends early: it has no room for {} more events.",
                trace.left_out()
            );
        }
        let text = serde_json::to_string(trace).map_err(|error| Error::internal(format!("JSON: {error}")))?;
        write_whole(path, text.as_bytes())
    }
}

/// What one must know to read a [`table`].
pub const LEGEND: &str = "\
A step is an operator of the model, or several joined by + that run as one. Its kernel is what the device
runs for it; `copy` moves memory, `host` is where the processor stands in for a kernel that is excluded.
";

/// Costs as a table under a title.
pub fn table(title: &str, costs: &Costs) -> String {
    if costs.kernels.is_empty() {
        return format!("{title}: nothing ran.\n");
    }
    let total = costs.total_ms();
    let mut rows = vec![["step: kernel", "dispatches", "ms", "share"].map(String::from).to_vec()];
    let mut row = |name: String, dispatches: usize, ms: f64| {
        let share = if total > 0.0 { percent(ms / total) } else { "-".to_owned() };
        rows.push(vec![name, dispatches.to_string(), format!("{ms:.2}"), share]);
    };
    for cost in &costs.kernels {
        row(format!("{}: {}", shortened(&cost.step), cost.kernel), cost.dispatches, cost.ms);
    }
    row("all".to_owned(), costs.kernels.iter().map(|cost| cost.dispatches).sum(), total);
    let mut text =
        format!("{title}, over {}; times: {}.\n{}", counted(costs.runs), costs.source, columns(&rows));
    if costs.first_ms > 0.0 {
        let _ = writeln!(
            text,
            "Not in the table: the first run of each program, in which drivers compile kernels, {:.0} ms.",
            costs.first_ms
        );
    }
    text
}

fn counted(runs: usize) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    name.chars().take(LONGEST - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use anygrad::perf::KernelCost;

    use super::*;

    #[test]
    fn a_table_has_shares_a_sum_and_what_is_not_in_it() {
        let cost = |step: &str, dispatches, ms| KernelCost {
            step: step.into(),
            kernel: "k".into(),
            dispatches,
            ms,
            bytes: 0,
        };
        let kernels = vec![cost("matmul+add", 4, 3.0), cost(&"exp+".repeat(40), 2, 1.0)];
        let costs = Costs { source: "a clock".into(), kernels, runs: 2, first_ms: 40.0 };
        let text = table("What ran", &costs);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "What ran, over 2 runs; times: a clock.");
        assert!(lines[2].starts_with("matmul+add: k ") && lines[2].ends_with("4  3.00   75.0 %"), "{text}");
        assert!(lines[3].contains("...: k") && lines[3].len() < 100, "{text}");
        assert!(lines[4].starts_with("all ") && lines[4].ends_with("6  4.00  100.0 %"), "{text}");
        assert!(text.contains("40 ms"), "{text}");
        assert_eq!(table("What ran", &Costs::default()), "What ran: nothing ran.\n");
    }
}
