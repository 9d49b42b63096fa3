//! `anygrad crossval`, `anygrad sweep` and `anygrad generate`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anygrad::core::{Error, Result};
use anygrad::gpu::Session;
use anygrad::nn::Progress;
use anygrad::recipe::Recipe;
use anygrad::recipe::sweep as many;
use anygrad::run::generate::Sampling;
use anygrad::run::{Assembly, Saved, Which, assemble, crossval, generate, load_trainer, sweep};
use clap::Args;

use crate::protect::Reading;
use crate::{interrupt, output, session};

/// What all of them take.
#[derive(Args)]
pub(crate) struct Given {
    /// A value in the place of the recipe's, as training.epochs=3; several times, the last counts
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) sets: Vec<String>,
    /// A number, `software`, `cpu`, or a part of an adapter's name; the variable ANYGRAD_ADAPTER or
    /// the best one without it
    #[arg(long, value_name = "ADAPTER")]
    adapter: Option<String>,
}

impl Given {
    pub(crate) fn session(&self) -> Result<Session> {
        session::open(self.adapter.as_deref())
    }
}

#[derive(Args)]
pub(crate) struct Crossval {
    /// The recipe
    recipe: PathBuf,
    /// How many parts are held out, one after the other
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    #[command(flatten)]
    given: Given,
    /// Where the figures go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the table goes as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub(crate) fn crossval(arguments: &Crossval) -> Result<ExitCode> {
    let recipe = Recipe::read(&arguments.recipe, &arguments.given.sets)?;
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::listen(Arc::clone(&stop))?;
    let session = arguments.given.session()?;
    let found = pollster::block_on(async {
        let mut told = |fold: &crossval::FoldScores| {
            let (number, loss) = (fold.fold, fold.scores.loss);
            output::aside(format_args!("fold {number} of {}: loss {loss:.4}", arguments.folds));
        };
        crossval::cross_validate(&recipe, arguments.folds, &session, &stop, &mut told).await
    })?;
    tell(&found.table(), &found, arguments.json.as_deref(), arguments.csv.as_deref())?;
    done(found.done.len(), found.folds, "folds")
}

#[derive(Args)]
pub(crate) struct Sweep {
    /// The recipe
    recipe: PathBuf,
    /// A key and its values, as optimizer.lr=1e-3,1e-2; several times for all combinations
    #[arg(long, value_name = "KEY=VALUES", required_unless_present = "random", conflicts_with = "random")]
    grid: Vec<String>,
    /// So many draws, of keys and their ranges behind it, as 20 "optimizer.lr=1e-4..1e-1(log)"
    #[arg(long, value_names = ["N", "KEY=RANGE"], num_args = 2..)]
    random: Vec<String>,
    #[command(flatten)]
    given: Given,
    /// Where the runs go as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where the table goes as CSV
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub(crate) fn sweep(arguments: &Sweep) -> Result<ExitCode> {
    let recipe = Recipe::read(&arguments.recipe, &arguments.given.sets)?;
    let axes = |texts: &[String]| texts.iter().map(|text| sweep::axis(text)).collect::<Result<Vec<_>>>();
    let variants = match &arguments.random[..] {
        [count, ranges @ ..] => {
            let draws = count.parse().map_err(|_| {
                Error::input(format!("--random {count}: takes a number of draws, then keys and ranges"))
            })?;
            many::random(&recipe, &axes(ranges)?, draws, recipe.settings().training.seed)?
        }
        [] => many::grid(&recipe, &axes(&arguments.grid)?)?,
    };
    let stop = Arc::new(AtomicBool::new(false));
    interrupt::listen(Arc::clone(&stop))?;
    let session = arguments.given.session()?;
    let found = pollster::block_on(async {
        let mut told = |run: &sweep::Run| {
            let outcome = match (&run.error, run.figure) {
                (Some(error), _) => format!("failed: {error}"),
                (None, Some(figure)) => format!("{figure:.4}"),
                (None, None) => "no number".to_owned(),
            };
            let (number, of, sets) = (run.number, variants.len(), run.sets.join(" "));
            output::aside(format_args!("run {number} of {of}: {sets}: {outcome}"));
        };
        sweep::sweep(&recipe, &variants, &session, &stop, &mut told).await
    })?;
    tell(&found.table(), &found, arguments.json.as_deref(), arguments.csv.as_deref())?;
    done(found.runs.len(), found.variants, "runs")
}

/// Writes a table and its files.
fn tell(
    table: &anygrad::run::Table,
    all: &impl serde::Serialize,
    json: Option<&Path>,
    csv: Option<&Path>,
) -> Result<()> {
    output::line(table)?;
    if let Some(path) = json {
        output::file(path, &(output::json(all)? + "\n"))?;
    }
    csv.map_or(Ok(()), |path| output::file(path, &table.to_csv()))
}

/// What was stopped ends as a program that was interrupted does.
fn done(done: usize, wanted: usize, what: &str) -> Result<ExitCode> {
    if done == wanted {
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format_args!("stopped: {done} of {wanted} {what} are done"))?;
    Ok(interrupt::code())
}

/// A run is what it is.
fn refuse(sets: &[String]) -> Result<()> {
    match sets.first() {
        Some(set) => Err(Error::input(format!("--set {set}: the run in a folder is what it is"))),
        None => Ok(()),
    }
}

fn not_used(refused: &[String]) {
    refused.iter().for_each(|refused| output::aside(format_args!("not used: {refused}")));
}

/// The trained model of a run folder, without its data.
pub(crate) fn saved(run: &Path, sets: &[String], reading: &Reading, session: &Session) -> Result<Saved> {
    refuse(sets)?;
    let saved = Saved::open(run, session, Which::Best, reading.keys()?, reading.required()?)?;
    not_used(&saved.refused);
    Ok(saved)
}

/// A trained model: that of a run folder, or of a recipe, which is trained here.
pub(crate) async fn trained(
    run: &Path,
    sets: &[String],
    reading: &Reading,
    session: &Session,
) -> Result<(Recipe, Assembly)> {
    if run.is_dir() {
        refuse(sets)?;
        let (recipe, assembly, refused) = load_trainer(run, session, reading.keys()?, reading.required()?)?;
        not_used(&refused);
        return Ok((recipe, assembly));
    }
    let recipe = Recipe::read(run, sets)?;
    let mut assembly = assemble(&recipe, session)?;
    let Assembly { trainer, loaded, options } = &mut assembly;
    let training = (loaded.training.features(), loaded.training.targets());
    let validation = loaded.validation.as_ref().map(|part| (part.features(), part.targets()));
    trainer.fit(training, validation, options, &mut Progress::new()).await?;
    Ok((recipe, assembly))
}

#[derive(Args)]
pub(crate) struct Generate {
    /// The folder of a run of the task language, or a recipe, which is trained first
    run: PathBuf,
    /// What the text begins with
    #[arg(long, value_name = "TEXT")]
    prompt: String,
    /// Characters behind the prompt
    #[arg(long, value_name = "N", default_value_t = 200)]
    length: usize,
    /// Below 1 likely characters become likelier; 0 always takes the likeliest
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    temperature: f64,
    /// Draw among the K likeliest characters
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// The same seed gives the same text
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    reading: Reading,
    #[command(flatten)]
    given: Given,
}

pub(crate) fn generate(arguments: &Generate) -> Result<ExitCode> {
    let how = Sampling {
        length: arguments.length,
        temperature: arguments.temperature,
        top_k: arguments.top_k,
        seed: arguments.seed,
    };
    let session = arguments.given.session()?;
    let text = pollster::block_on(async {
        let (run, sets, reading) = (&arguments.run, &arguments.given.sets, &arguments.reading);
        if run.is_dir() {
            let mut saved = saved(run, sets, reading, &session)?;
            return generate::generate(&mut saved, &arguments.prompt, &how).await;
        }
        let (recipe, mut assembly) = trained(run, sets, reading, &session).await?;
        generate::generate((&recipe, &mut assembly), &arguments.prompt, &how).await
    })?;
    output::line(format_args!("{}{text}", arguments.prompt))?;
    Ok(ExitCode::SUCCESS)
}
