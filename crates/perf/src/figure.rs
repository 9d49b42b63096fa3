//! What anygrad costs beside its kernels: the host's share of a step, the way to the first step of a
//! new process, the size of the program.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anygrad_core::{Context, Error, Result};
use anygrad_gpu::{CACHE_VARIABLE, Session};
use serde::Serialize;

use crate::measure::prepare;
use crate::workload::{Workload, training_steps};

/// A figure with what it should be at most.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: &'static str,
    /// How much: the least of all runs.
    pub value: f64,
    /// Of `value` and of the goals.
    pub unit: &'static str,
    /// What it must keep below.
    pub goal: f64,
    /// What would be outstanding.
    pub moonshot: f64,
    /// Runs that were timed.
    pub runs: usize,
}

/// The name of [`submit`]'s figure.
pub const SUBMIT: &str = "record and submit a CNN step";
/// The names of [`cold_start`]'s figures.
pub const COLD_START: [&str; 2] = ["cold start, nothing cached", "cold start, driver cache warm"];
/// The name of [`binary_size`]'s figure.
pub const BINARY_SIZE: &str = "size of the binary";

/// The variables by which drivers take the folder of their caches: Mesa's, NVIDIA's.
const DRIVER_CACHES: [&str; 2] = ["MESA_SHADER_CACHE_DIR", "__GL_SHADER_DISK_CACHE_PATH"];

/// Recording and submitting one training step of a CNN on an idle device: the time from the start of
/// [`Program::run`](anygrad_gpu::Program::run) to its return, which waits for nothing. Of many runs
/// the least is that of a thread that nothing held up, its own time.
///
/// # Errors
/// The device failed.
pub fn submit(session: &Session, runs: usize) -> Result<Figure> {
    let (session, mut program) = prepare(session, &cnn()?)?;
    let mut least = f64::INFINITY;
    // The first run compiles kernels.
    for run in 0..=runs.max(1) {
        session.wait()?;
        let start = Instant::now();
        program.run()?;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        least = if run == 0 { least } else { least.min(ms) };
    }
    session.wait()?;
    Ok(Figure { name: SUBMIT, value: least, unit: "ms", goal: 0.4, moonshot: 0.1, runs })
}

/// One training step of a CNN, from nothing but a session; its loss. A child process of
/// [`cold_start`] does this and writes a line.
///
/// # Errors
/// The device failed.
pub async fn first_step(session: &Session) -> Result<f32> {
    let (_session, mut program) = prepare(session, &cnn()?)?;
    program.run()?;
    let loss = program.read(0).await?;
    loss.as_f32()?.first().copied().ok_or_else(|| Error::internal("a loss without a number"))
}

/// The time from starting a process until it has done the first training step of a CNN, with caches
/// that are empty and with those that this filled. `command` makes the process: it must do
/// [`first_step`] and then write a line.
///
/// Drivers other than Mesa's and NVIDIA's keep their caches where they like, and may have them filled.
///
/// # Errors
/// The process does not start, or fails.
pub fn cold_start(command: &dyn Fn() -> Result<Command>, runs: usize) -> Result<[Figure; 2]> {
    let (mut cold, mut warm) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..runs.max(1) {
        let caches = Caches::new()?;
        cold = cold.min(caches.seconds_to_line(command()?)?);
        warm = warm.min(caches.seconds_to_line(command()?)?);
    }
    let figure = |name, value, goal, moonshot| Figure { name, value, unit: "s", goal, moonshot, runs };
    Ok([figure(COLD_START[0], cold, 4.0, 2.0), figure(COLD_START[1], warm, 1.0, 0.4)])
}

/// The size of the running program, in millions of bytes.
///
/// # Errors
/// The system does not tell.
pub fn binary_size() -> Result<Figure> {
    let size = std::env::current_exe().and_then(std::fs::metadata).map_err(Error::input);
    let value = size.context(|| "the size of this program")?.len() as f64 / 1e6;
    Ok(Figure { name: BINARY_SIZE, value, unit: "MB", goal: 20.0, moonshot: 10.0, runs: 1 })
}

fn cnn() -> Result<Workload> {
    training_steps().into_iter().next().ok_or_else(|| Error::internal("no training step"))
}

/// A folder for caches, at first empty, that goes when it is dropped.
pub struct Caches(PathBuf);

impl Caches {
    /// An empty folder among the system's temporary files.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn new() -> Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("anygrad-caches-{}-{number}", std::process::id()));
        let made = std::fs::create_dir(&path).map_err(Error::input);
        made.context(|| format!("making {}", path.display()))?;
        Ok(Caches(path))
    }

    /// The seconds from before the start of a process, whose caches and driver's caches are here,
    /// until its first line.
    ///
    /// # Errors
    /// The process does not start, writes no line, or fails.
    pub fn seconds_to_line(&self, mut command: Command) -> Result<f64> {
        for variable in DRIVER_CACHES.iter().chain(&[CACHE_VARIABLE]) {
            command.env(variable, &self.0);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed =
            |error: &dyn std::fmt::Display| Error::input(format!("the process of a first step: {error}"));
        let start = Instant::now();
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).map_err(|error| failed(&error))?;
        }
        let seconds = start.elapsed().as_secs_f64();
        let ended = child.wait_with_output().map_err(|error| failed(&error))?;
        if !ended.status.success() || line.is_empty() {
            let reason = String::from_utf8_lossy(&ended.stderr);
            return Err(failed(&format_args!("{}, {}", ended.status, reason.trim())));
        }
        Ok(seconds)
    }
}

impl Drop for Caches {
    fn drop(&mut self) {
        // What is left among temporary files does no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_step_has_a_loss_near_that_of_guessing() {
        let loss = pollster::block_on(first_step(&Session::interpreter())).unwrap();
        // ln 10, before anything was learned.
        assert!((loss - 2.303).abs() < 0.3, "{loss}");
    }

    #[cfg(unix)]
    #[test]
    fn a_process_is_timed_until_its_line_and_its_caches_go() {
        let shell = |script: &str| {
            let script = script.to_owned();
            move || {
                let mut command = Command::new("sh");
                command.args(["-c", &script]);
                Ok(command)
            }
        };
        // The first of two finds no cache and takes longer; what follows the line does not count.
        let script = "cd \"$MESA_SHADER_CACHE_DIR\"; [ -f kept ] && { echo done; exit; }; touch kept; \
            sleep 1; echo done; exec >&-; sleep 2";
        let [cold, warm] = cold_start(&shell(script), 1).unwrap();
        assert!(cold.value >= 1.0 && cold.value < 3.0, "{cold:?}");
        assert!(warm.value < 1.0, "{warm:?}");
        let error = cold_start(&shell("echo no adapter >&2; exit 3"), 1).unwrap_err().to_string();
        assert!(error.contains("no adapter") && error.contains('3'), "{error}");
        let left = std::env::temp_dir().join(format!("anygrad-caches-{}-0", std::process::id()));
        assert!(!left.exists());
    }
}
