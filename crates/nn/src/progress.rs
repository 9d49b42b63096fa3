//! A progress bar in the terminal.

use std::fmt::Arguments;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use crate::{Epoch, Observer, Recovery, Scores, Start, Step};

/// Shows each epoch as a bar with the loss so far, examples per second and the time left, and
/// leaves a line with the epoch's figures behind.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    report_every: usize,
    width: usize,
    begun: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Progress::new()
    }
}

impl Progress {
    /// A bar that reads the loss every 50 steps.
    pub fn new() -> Self {
        Progress { bar: ProgressBar::hidden(), report_every: 50, width: 1, begun: Instant::now() }
    }

    /// Reads the loss every so many steps; it is shown when the device has it.
    pub fn report_every(mut self, steps: usize) -> Self {
        self.report_every = steps;
        self
    }
}

fn figures(prefix: &str, scores: &Scores) -> String {
    let loss = format!("{prefix}loss {:.4}", scores.loss);
    scores.metrics.iter().fold(loss, |text, (name, value)| format!("{text}  {prefix}{name} {value:.4}"))
}

/// A line on standard error. A training goes on where nobody reads it.
fn say(line: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

impl Observer for Progress {
    fn on_saving(&mut self, text: &str) {
        eprintln!("to save memory, {text}");
    }

    fn on_epoch_start(&mut self, start: &Start) {
        let template = "{prefix} {bar:24} {pos}/{len}  {per_sec}  {eta} left  {msg}";
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = ProgressBar::new(start.rows as u64).with_style(style);
        self.width = start.last_epoch.to_string().len();
        self.begun = Instant::now();
        self.bar.set_prefix(format!("epoch {:>2$}/{}", start.epoch, start.last_epoch, self.width));
    }

    fn on_step(&mut self, step: &Step) {
        if let Some(scores) = &step.scores {
            self.bar.set_message(figures("", scores));
        }
        self.bar.set_position(step.rows as u64);
    }

    fn on_recovery(&mut self, recovery: &Recovery) {
        self.bar.finish_and_clear();
        say(format_args!("{}; going on from step {}", recovery.error, recovery.steps));
    }

    fn report_every(&self) -> Option<usize> {
        Some(self.report_every)
    }

    fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let rows = self.bar.length().unwrap_or(0);
        let mut line = format!("epoch {:>1$}  {2}", epoch.number, self.width, figures("", &epoch.train));
        if let Some(scores) = &epoch.validation {
            line += &format!("  {}", figures("validation ", scores));
        }
        line += &format!("  {seconds:.1} s, {:.0} examples/s", rows as f64 / seconds.max(1e-9));
        self.bar.finish_and_clear();
        say(format_args!("{line}"));
        ControlFlow::Continue(())
    }
}
