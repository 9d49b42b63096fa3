//! A run from its beginning, or from where it stands, to its end.

use std::path::Path;

use anygrad_core::{Error, Result};
use anygrad_data::Dataset;
use anygrad_gpu::Session;
use anygrad_nn::{End, FitOptions, History, Observer, Trainer};
use anygrad_recipe::{Loaded, Preprocessing, Recipe};
use anygrad_store::Lock;
use anygrad_store::audit::RESUME;
use serde_json::json;

use crate::folder::{Folder, HISTORY, PREPROCESSING, RUN, SCORES};
use crate::forecast::outline;
use crate::keeper::Keeper;
use crate::lock::FolderLock;
use crate::record::Record;
use crate::report::Report;
use crate::saved::{Which, state_of};
use crate::tested::Exam;
use crate::timing::Timing;
use crate::{Assembly, Outcome, RunInfo, RunOptions, Tested, assemble};

/// A run that is ready to train.
pub struct Run {
    _lock: FolderLock,
    trainer: Trainer,
    loaded: Loaded,
    fit: FitOptions,
    record: Record,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
    save_every: Option<usize>,
    every_epochs: u64,
    resumed: Option<Resumed>,
}

/// Where a run goes on.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// The checkpoint that it goes on from; from the beginning without one.
    pub from: Option<std::path::PathBuf>,
    /// Updates that were done.
    pub steps: u64,
    /// Whole epochs that were done.
    pub epochs: u64,
    /// Checkpoints that would have come before it and cannot be used, and why.
    pub refused: Vec<String>,
}

/// Trains a recipe in a new folder.
///
/// # Errors
/// Those of [`Run::start`] and [`Run::train`].
pub async fn train(
    recipe: &Recipe,
    session: &Session,
    folder: &Path,
    options: RunOptions,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    Run::start(recipe, session, folder, options)?.train(observer).await
}

/// Goes on with the run of a folder. On the same adapter all comes out as if it had never stopped, to
/// the bit.
///
/// # Errors
/// Those of [`Run::resume`] and [`Run::train`].
pub async fn resume(
    folder: &Path,
    session: &Session,
    options: RunOptions,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    Run::resume(folder, session, options)?.train(observer).await
}

impl Run {
    /// A run in a new folder. The recipe is built and its data are read before the folder is made.
    ///
    /// # Errors
    /// Those of [`assemble`](crate::assemble()) and [`Folder::create`]; another process writes to the folder.
    pub fn start(recipe: &Recipe, session: &Session, path: &Path, options: RunOptions) -> Result<Self> {
        let mut assembly = assemble(recipe, session)?;
        if let Some(bytes) = options.memory {
            assembly.trainer = assembly.trainer.memory_limit(bytes);
        }
        // A training that does not fit leaves no folder behind.
        assembly.trainer.check_fits(&outline(recipe, &assembly.loaded), &assembly.options)?;
        let folder = Folder::create(path, recipe)?;
        let lock = FolderLock::take(path)?;
        // What lies there, not what it came from: the paths in it are those a resume sees.
        let recipe = folder.recipe()?;
        let mut run = Run::new(folder, lock, &recipe, session, assembly, options)?;
        let data = json!({
            "recipe": recipe.to_toml(), "data": run.record.info.data.fingerprint,
            "adapter": run.record.info.adapter, "driver": run.record.info.driver,
            "certificate": run.record.info.certificate, "seed": run.record.info.seed,
            "versions": run.record.info.versions,
        });
        run.record.note("start", data)?;
        run.record.write()?;
        Ok(run)
    }

    /// The run of a folder, where its newest checkpoint that is whole stands; from the beginning where
    /// there is none yet.
    ///
    /// # Errors
    /// It is no folder of a run; another process writes to it; its data have changed; there are checkpoints, but none that can be used:
    /// the message names each; the checkpoint is of another recipe, or is encrypted where the next would
    /// not be.
    pub fn resume(path: &Path, session: &Session, options: RunOptions) -> Result<Self> {
        let folder = Folder::open(path)?;
        let lock = FolderLock::take(path)?;
        let recipe = folder.recipe()?;
        let assembly = assemble(&recipe, session)?;
        let in_the_clear = matches!(options.lock, Lock::Open);
        let mut run = Run::new(folder, lock, &recipe, session, assembly, options)?;
        let mut resumed = Resumed { from: None, steps: 0, epochs: 0, refused: Vec::new() };
        let mut event = json!({ "file": null, "adapter": run.record.info.adapter });
        if let Some(found) = run.record.checkpoints.latest()? {
            if in_the_clear && found.path.extension().is_some_and(|end| end == "age") {
                let message =
                    "is encrypted, and what follows would not be: say to whom, or give the passphrase";
                return Err(Error::input(format!("{}: {message}", found.path.display())));
            }
            let state = state_of(&found, &recipe)?;
            run.trainer.restore(&state).map_err(|error| error.context(found.path.display()))?;
            event = found.event();
            event["adapter"] = json!(run.record.info.adapter);
            resumed.refused = found.refused.iter().map(ToString::to_string).collect();
            (resumed.steps, resumed.epochs) = (state.progress.steps, state.progress.epochs);
            resumed.from = Some(found.path.clone());
            run.record.history = history_up_to(&run.record.folder, state.progress.epochs)?;
            run.record.was_saved(found.path, state.progress);
        }
        run.fit.epochs = run.fit.epochs.saturating_sub(resumed.epochs as usize);
        run.record.note(RESUME, event)?;
        run.record.write()?;
        run.resumed = Some(resumed);
        Ok(run)
    }

    fn new(
        folder: Folder,
        lock: FolderLock,
        recipe: &Recipe,
        session: &Session,
        assembly: Assembly,
        options: RunOptions,
    ) -> Result<Self> {
        let Assembly { trainer, loaded, options: fit } = assembly;
        let training = &recipe.settings().training;
        let watched = fit.early_stopping.as_ref().map(|rule| rule.monitor.clone());
        let usual = if loaded.validation.is_some() { "val_loss" } else { "loss" };
        let monitor = watched.unwrap_or_else(|| usual.to_owned());
        let mut info = RunInfo::of(recipe, session, &trainer, &loaded)?;
        info.monitor = Some(monitor.clone());
        if let Some(before) = folder.read_json::<RunInfo>(RUN)? {
            let (was, is) = (&before.data.fingerprint, &info.data.fingerprint);
            if was != is {
                return Err(Error::input(format!(
                    "{}: the data have changed since the run began: their fingerprint was {was}, now it is {is}",
                    folder.file(RUN).display()
                )));
            }
            (info.started, info.seconds) = (before.started, before.seconds);
            (info.device_bytes, info.host_bytes) = (before.device_bytes, before.host_bytes);
            (info.kernels, info.kernel_times) = (before.kernels, before.kernel_times);
        }
        folder.write_json(PREPROCESSING, &loaded.preprocessing)?;
        let sizes = &loaded.sizes;
        let meta = json!({
            "recipe": recipe.to_toml(), "versions": info.versions, "adapter": info.adapter,
            "driver": info.driver, "certificate": info.certificate, "data": info.data.fingerprint,
            "sizes": {
                "features": sizes.features, "dtype": sizes.dtype.to_string(), "outputs": sizes.outputs,
                "vocabulary": sizes.vocabulary, "rows": sizes.rows,
            },
        });
        let (stop, save_every) = (options.stop.clone(), options.save_every);
        let keep = training.checkpoint.keep;
        let record = Record::open(folder, info, meta, monitor, keep, options)?;
        let every_epochs = training.checkpoint.every as u64;
        Ok(Run { _lock: lock, trainer, loaded, fit, record, stop, save_every, every_epochs, resumed: None })
    }

    /// Where it goes on, if it is one that was there.
    pub fn resumed(&self) -> Option<&Resumed> {
        self.resumed.as_ref()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.record.folder.path()
    }

    /// Under what circumstances it runs.
    pub fn info(&self) -> &RunInfo {
        &self.record.info
    }

    /// Trains to the end, or until it is stopped; then takes the figures on the test part.
    ///
    /// # Errors
    /// Those of [`Trainer::fit`]; a file cannot be written. Checkpoints that were there are there still.
    pub async fn train(self, observer: &mut dyn Observer) -> Result<Outcome> {
        let Run { _lock, mut trainer, loaded, fit, mut record, stop, save_every, every_epochs, .. } = self;
        let last_epoch = trainer.epochs() + fit.epochs as u64;
        let mut keeper = Keeper {
            record: &mut record,
            inner: observer,
            stop,
            every_steps: save_every,
            every_epochs,
            last_epoch,
            due: false,
            timing: Some(Timing::new(fit.accumulate)),
            failed: None,
        };
        let pair = |part: &Dataset| (part.features().clone(), part.targets().clone());
        let (training, validation) = (pair(&loaded.training), loaded.validation.as_ref().map(pair));
        let validation = validation.as_ref().map(|(x, y)| (x, y));
        let fitted = trainer.fit((&training.0, &training.1), validation, &fit, &mut keeper).await;
        let (failed, timing) = (keeper.failed.take(), keeper.timing.take());
        let done = match (fitted, failed) {
            (Ok(done), None) => done,
            (Err(error), _) | (Ok(_), Some(error)) => {
                // The log may be what cannot be written: the first error is the one that counts.
                let _ = record.note("failed", json!({ "error": error.to_string() }));
                return Err(error);
            }
        };
        timing.map_or(Ok(()), |timing| record.note_timing(timing))?;
        let held = trainer.session().usage()?.map(|usage| usage.peak);
        record.info.device_bytes = held.max(record.info.device_bytes);
        record.history.end = done.end;
        record.history.restored = done.restored;
        if done.end == End::Stopped {
            let state = trainer.state().await?;
            record.save(&state)?;
        }
        record.write()?;
        let test = match &loaded.test {
            Some(test) if done.end != End::Stopped => {
                Some(test_scores(&mut trainer, &mut record, test, &loaded.preprocessing).await?)
            }
            _ => None,
        };
        if let Some(scores) = &test {
            record.folder.write_json(SCORES, scores)?;
        }
        let (steps, epochs) = (trainer.steps(), trainer.epochs());
        let figures = test.as_ref().map(|tested| &tested.scores);
        record.note("end", json!({ "end": done.end, "steps": steps, "epochs": epochs, "test": figures }))?;
        Report::read(record.folder.path())?.write(record.folder.path())?;
        Ok(Outcome {
            folder: record.folder.path().to_owned(),
            end: done.end,
            checkpoint: record.saved().cloned(),
            test,
            seconds: record.info.seconds,
            history: record.history,
        })
    }
}

/// The figures on the test part, of the best checkpoint; of the model as it stands where checkpoints are
/// encrypted to others, and none can be read here.
async fn test_scores(
    trainer: &mut Trainer,
    record: &mut Record,
    test: &Dataset,
    preprocessing: &Preprocessing,
) -> Result<Tested> {
    let recipe = record.folder.recipe()?;
    let mut checkpoint = None;
    let best = if record.for_others { None } else { Which::Best.find(&mut record.checkpoints)? };
    if let Some(best) = best {
        trainer.restore(&state_of(&best, &recipe)?)?;
        checkpoint = best.path.file_name().map(|name| name.to_string_lossy().into_owned());
    }
    let (recipe, loss) = (&recipe, recipe.loss());
    Exam { trainer, recipe, preprocessing, loss }.take(test, "test", checkpoint).await
}

/// The history of a folder, up to an epoch.
fn history_up_to(folder: &Folder, epochs: u64) -> Result<History> {
    let mut history: History = folder.read_json(HISTORY)?.unwrap_or_default();
    history.epochs.retain(|epoch| epoch.number <= epochs);
    if !history.epochs.iter().map(|epoch| epoch.number).eq(1..=epochs) {
        let (path, found) = (folder.file(HISTORY), history.epochs.len());
        let message = format!("holds {found} of the {epochs} epochs that the checkpoint has behind it");
        return Err(Error::input(format!("{}: {message}", path.display())));
    }
    Ok(history)
}
