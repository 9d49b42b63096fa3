//! A model from the folder of its run, without the data that it was trained on.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::Session;
use anygrad_nn::{Loss, TrainProgress, TrainState, Trainer};
use anygrad_recipe::{Preprocessing, Recipe, Sizes};
use anygrad_store::audit::CHECKPOINTS;
use anygrad_store::{Checkpoints, Goal, Keys, Loaded, Options, PublicKey};
use serde::Deserialize;

use crate::assemble::{Made, trainer_of};
use crate::folder::{Folder, PREPROCESSING, RUN};
use crate::record::{PROGRESS, goal};
use crate::{Assembly, RunInfo, assemble};

/// Which checkpoint of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The best by the figure that is watched; the newest where none has one.
    #[default]
    Best,
    /// The newest.
    Latest,
}

impl FromStr for Which {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "best" => Ok(Which::Best),
            "latest" => Ok(Which::Latest),
            _ => Err(Error::input(format!("{text:?} is no checkpoint: takes best or latest"))),
        }
    }
}

impl Which {
    pub(crate) fn find(self, checkpoints: &mut Checkpoints) -> Result<Option<Loaded>> {
        let best = if self == Which::Best { checkpoints.best()? } else { None };
        if best.is_some() { Ok(best) } else { checkpoints.latest() }
    }
}

/// A trained model of a run.
pub struct Saved {
    /// The model, with the parameters of the checkpoint.
    pub trainer: Trainer,
    /// What it was trained by.
    pub recipe: Recipe,
    /// What was learned of the data.
    pub preprocessing: Preprocessing,
    /// The loss that it was trained with.
    pub loss: Loss,
    /// What the model knows of its data.
    pub sizes: Sizes,
    /// Under what circumstances it was trained.
    pub info: RunInfo,
    /// The checkpoint.
    pub checkpoint: PathBuf,
    /// Checkpoints that would have come before it and cannot be used, and why.
    pub refused: Vec<String>,
}

impl Saved {
    /// The model of a run's folder.
    ///
    /// # Errors
    /// It is no folder of a run; there is no checkpoint, or none that is whole, that these keys open and
    /// that the required key signed; it is of another recipe.
    pub fn open(
        path: &Path,
        session: &Session,
        which: Which,
        keys: Keys,
        require: Option<PublicKey>,
    ) -> Result<Self> {
        let (folder, recipe, info, found) = find(path, which, keys, require)?;
        let state = state_of(&found, &recipe)?;
        let sizes = sizes_of(&found)?;
        let missing = || Error::input(format!("{}: is not there", folder.file(PREPROCESSING).display()));
        let preprocessing = folder.read_json(PREPROCESSING)?.ok_or_else(missing)?;
        let Made { mut trainer, loss, .. } = trainer_of(&recipe, session, &sizes)?;
        trainer.restore(&state).map_err(|error| error.context(found.path.display()))?;
        let refused = found.refused.iter().map(ToString::to_string).collect();
        Ok(Saved { trainer, recipe, preprocessing, loss, sizes, info, checkpoint: found.path, refused })
    }
}

/// A folder's recipe, circumstances and checkpoint.
fn find(
    path: &Path,
    which: Which,
    keys: Keys,
    require: Option<PublicKey>,
) -> Result<(Folder, Recipe, RunInfo, Loaded)> {
    let folder = Folder::open(path)?;
    let recipe = folder.recipe()?;
    let info: RunInfo = folder.read_json(RUN)?.unwrap_or_default();
    let goal = info.monitor.as_deref().map_or(Goal::Least, goal);
    let options = Options { goal, keys, require, ..Options::default() };
    let mut checkpoints = Checkpoints::new(folder.file(CHECKPOINTS), options)?;
    let none = || Error::input(format!("{}: there is no checkpoint yet", folder.file(CHECKPOINTS).display()));
    let found = which.find(&mut checkpoints)?.ok_or_else(none)?;
    Ok((folder, recipe, info, found))
}

/// The recipe of a run folder and its trainer as the best checkpoint has it, or the newest where none has a
/// score, with the data of the recipe; and the checkpoints that would have come before it and cannot be used.
///
/// # Errors
/// Those of [`Saved::open`] and [`assemble()`](crate::assemble()); the data have changed since.
pub fn load_trainer(
    path: &Path,
    session: &Session,
    keys: Keys,
    require: Option<PublicKey>,
) -> Result<(Recipe, Assembly, Vec<String>)> {
    let (_, recipe, info, found) = find(path, Which::Best, keys, require)?;
    let mut assembly = assemble(&recipe, session)?;
    let loaded = &assembly.loaded;
    info.data.check("training", Some(&loaded.training))?;
    info.data.check("validation", loaded.validation.as_ref())?;
    info.data.check("test", loaded.test.as_ref())?;
    let restored = assembly.trainer.restore(&state_of(&found, &recipe)?);
    restored.map_err(|error| error.context(found.path.display()))?;
    Ok((recipe, assembly, found.refused.iter().map(ToString::to_string).collect()))
}

/// The state in a checkpoint of this recipe.
pub(crate) fn state_of(found: &Loaded, recipe: &Recipe) -> Result<TrainState> {
    let meta = &found.checkpoint.meta;
    let path = found.path.display();
    let (own, of) = (recipe.to_toml(), meta["recipe"].as_str().unwrap_or_default());
    if own != of {
        let differs = own.lines().zip(of.lines()).find(|(own, of)| own != of);
        let what = differs.map_or_else(
            || "it has another number of lines".to_owned(),
            |(own, of)| format!("the folder's has {own:?}, the checkpoint's {of:?}"),
        );
        return Err(Error::input(format!("{path}: is of another recipe: {what}")));
    }
    let progress = TrainProgress::deserialize(&meta[PROGRESS])
        .map_err(|error| Error::input(format!("{path}: {PROGRESS} in the metadata: {error}")))?;
    Ok(TrainState { tensors: found.checkpoint.tensors.clone(), progress })
}

/// The sizes in a checkpoint.
fn sizes_of(found: &Loaded) -> Result<Sizes> {
    #[derive(Deserialize)]
    struct Noted {
        features: Vec<usize>,
        dtype: String,
        outputs: usize,
        vocabulary: Option<usize>,
        rows: usize,
    }
    let wrong = |why: String| Error::input(format!("{}: sizes in the metadata: {why}", found.path.display()));
    let noted =
        Noted::deserialize(&found.checkpoint.meta["sizes"]).map_err(|error| wrong(error.to_string()))?;
    let dtype = [DType::F32, DType::I32].into_iter().find(|dtype| dtype.to_string() == noted.dtype);
    let Noted { features, outputs, vocabulary, rows, dtype: ref name } = noted;
    let dtype = dtype.ok_or_else(|| wrong(format!("dtype {name:?}")))?;
    Ok(Sizes { features, dtype, outputs, vocabulary, rows })
}
