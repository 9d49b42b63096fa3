//! `anygrad train RECIPE.toml`, `--resume FOLDER` and `--print-recipe KIND`

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anygrad::core::{Error, Result};
use anygrad::nn::{End, Epoch, Observer, Progress, Recovery, Silent, Start};
use anygrad::recipe::{Recipe, print_recipe};
use anygrad::run::{Folder, Outcome, Run};
use anygrad_examples::options::Arguments as ProgramArguments;
use clap::Args;

use crate::protect::Writing;
use crate::{interrupt, output, session};

#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub(crate) struct Arguments {
    /// The folder of the run; runs/NAME-1, -2, ... unless given. Nothing is overwritten
    #[arg(long, value_name = "FOLDER")]
    run: Option<PathBuf>,
    /// A setting in the place of the recipe's: training.epochs=3, model.0.units=64
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Go on with the run of a folder
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["run", "set", "program", "epochs", "batch_size", "seed"])]
    pub(crate) resume: Option<PathBuf>,
    /// Print a recipe to begin with
    #[arg(long, value_name = "KIND", conflicts_with_all = ["run", "set", "program", "resume"])]
    pub(crate) print_recipe: Option<String>,
    /// Write an object for each epoch, as JSON, a line each
    #[arg(long, conflicts_with_all = ["quiet", "json"])]
    json_lines: bool,
    /// Steps between two checkpoints within an epoch; at ends of epochs only unless given
    #[arg(long, value_name = "N")]
    save_every: Option<usize>,
    /// Device memory that the training may take, as 8GiB: within it less is taken where it must be; what takes more
    /// all the same is refused with the batch that would fit
    #[arg(long, value_name = "SIZE", value_parser = crate::plan::size)]
    memory: Option<u64>,
    /// Write the figures of each epoch as event files for TensorBoard, too; --resume goes on with them
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    writing: Writing,
}

impl Arguments {
    /// Whether anything was asked for that only recipes offer.
    pub(crate) fn is_given(&self) -> bool {
        let of_run = self.run.is_some() || !self.set.is_empty() || self.save_every.is_some();
        let of_run = of_run || self.memory.is_some() || self.tensorboard;
        of_run || self.json_lines || self.writing.is_given()
    }
}

pub(crate) fn print(kind: &str) -> Result<ExitCode> {
    output::line(print_recipe(kind)?.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

/// Trains the recipe of a file, or goes on with a run.
pub(crate) fn run(
    recipe: Option<&Path>,
    arguments: &Arguments,
    program: &ProgramArguments,
) -> Result<ExitCode> {
    refuse(program)?;
    let mut options = arguments.writing.options()?;
    (options.save_every, options.tensorboard) = (arguments.save_every, arguments.tensorboard);
    options.memory = arguments.memory;
    interrupt::listen(options.stop.clone())?;
    let talks = !program.quiet && !program.json && !arguments.json_lines;
    let session = || session::open(program.adapter.as_deref());
    let run = match (recipe, &arguments.resume) {
        (Some(path), _) => {
            let recipe = Recipe::read(path, &sets(arguments, program))?;
            let name = path.file_stem().map_or("run".into(), |name| name.to_string_lossy().into_owned());
            let folder = arguments.run.clone().unwrap_or_else(|| Folder::next(Path::new("runs"), &name));
            Run::start(&recipe, &session()?, &folder, options)?
        }
        (None, Some(folder)) => Run::resume(folder, &session()?, options)?,
        (None, None) => return Err(Error::input("nothing to train: name a recipe or a program")),
    };
    let folder = run.folder().to_owned();
    let go_on = || {
        let folder = folder.display();
        output::aside(format_args!(
            "what was saved is in {folder}; go on with: anygrad train --resume {folder}"
        ));
    };
    if talks && let Err(error) = announce(&run) {
        return Ok(closed(&error, go_on));
    }
    let (mut bar, mut lines) = (Progress::new(), Lines { begun: Instant::now(), failed: None });
    let observer: &mut dyn Observer = match talks {
        true => &mut bar,
        false if arguments.json_lines => &mut lines,
        false => &mut Silent,
    };
    let outcome = pollster::block_on(run.train(observer)).inspect_err(|_| go_on())?;
    if let Some(error) = lines.failed {
        return Ok(closed(&error, go_on));
    }
    tell(&outcome, talks, program.json || arguments.json_lines)
}

/// Tells that a training ended, or did not begin, because nobody reads what it says.
fn closed(error: &io::Error, go_on: impl FnOnce()) -> ExitCode {
    output::aside(format_args!("error: standard output: {error}"));
    go_on();
    output::code_of(error)
}

/// Arguments that are settings of the recipe under another name.
fn sets(arguments: &Arguments, program: &ProgramArguments) -> Vec<String> {
    let numbers = [
        ("training.epochs", program.epochs.map(|n| n as u64)),
        ("training.batch_size", program.batch_size.map(|n| n as u64)),
        ("training.seed", program.seed),
    ];
    let named = numbers.into_iter().filter_map(|(key, value)| value.map(|value| format!("{key}={value}")));
    arguments.set.iter().cloned().chain(named).collect()
}

/// Arguments of the four programs that say nothing of a recipe.
fn refuse(program: &ProgramArguments) -> Result<()> {
    let given = [
        ("--data", program.data.is_some()),
        ("--plot", program.plot.is_some()),
        ("--no-plot", program.no_plot),
        ("--tune", program.tune),
        ("--profile", program.costs.profile.is_some()),
        ("--trace", program.costs.trace.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        Some((name, _)) => Err(Error::input(format!("{name} is for the four programs, not for a recipe"))),
        None => Ok(()),
    }
}

fn announce(run: &Run) -> io::Result<()> {
    let info = run.info();
    let parts: Vec<String> =
        info.data.parts.iter().map(|part| format!("{} {}", part.name, part.rows)).collect();
    output::try_line(format_args!("Adapter: {} ({}, {})", info.adapter, info.backend, info.driver))?;
    output::try_line(format_args!("Rows: {}", parts.join(", ")))?;
    if let Some(missing) = &info.data.missing {
        output::try_line(format_args!("Gaps: {missing}"))?;
    }
    output::try_line(info.model.trim_end())?;
    output::try_line(format_args!("Run: {}", run.folder().display()))?;
    let Some(resumed) = run.resumed() else { return Ok(()) };
    for refused in &resumed.refused {
        output::try_line(format_args!("not used: {refused}"))?;
    }
    match &resumed.from {
        Some(path) => output::try_line(format_args!(
            "going on from {}: {} epochs and {} steps are done",
            path.display(),
            resumed.epochs,
            resumed.steps
        )),
        None => output::try_line("there is no checkpoint yet: it begins anew"),
    }
}

fn tell(outcome: &Outcome, talks: bool, json: bool) -> Result<ExitCode> {
    let folder = outcome.folder.display();
    if json {
        let object = serde_json::json!({
            "run": outcome.folder, "end": outcome.end, "epochs": outcome.history.epochs.len(),
            "restored": outcome.history.restored, "checkpoint": outcome.checkpoint, "test": outcome.test,
            "seconds": outcome.seconds,
        });
        output::line(object)?;
    }
    if outcome.end == End::Stopped {
        if talks {
            let saved = outcome.checkpoint.as_ref().map(|path| path.display().to_string());
            output::line(format_args!("Stopped; the state is in {}", saved.unwrap_or_default()))?;
            output::line(format_args!("Go on with: anygrad train --resume {folder}"))?;
        }
        return Ok(interrupt::code());
    }
    if talks {
        if outcome.end == End::StoppedEarly {
            output::line("Stopped early: what is watched no longer improved")?;
        }
        if let Some(test) = &outcome.test {
            output::line(crate::evaluate::text(test))?;
        }
        output::line(format_args!("Done in {:.1} s: {folder}", outcome.seconds))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// An object for each epoch.
struct Lines {
    begun: Instant,
    /// Why an object could not be written; training ends then.
    failed: Option<io::Error>,
}

impl Observer for Lines {
    fn on_saving(&mut self, text: &str) {
        eprintln!("to save memory, {text}");
    }

    fn on_epoch_start(&mut self, _: &Start) {
        self.begun = Instant::now();
    }

    fn on_recovery(&mut self, recovery: &Recovery) {
        output::aside(format_args!("{}; going on from step {}", recovery.error, recovery.steps));
    }

    fn on_epoch_end(&mut self, epoch: &Epoch) -> ControlFlow<()> {
        let seconds = self.begun.elapsed().as_secs_f64();
        let object = serde_json::json!({
            "epoch": epoch.number, "train": epoch.train, "validation": epoch.validation, "seconds": seconds,
        });
        self.failed = output::try_line(object).err();
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
