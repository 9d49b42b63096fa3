//! Training: programs by batch size, epochs, evaluation, prediction, and the state that going on needs.

mod data;
mod debug;
mod early;
mod fit;
mod fits;
mod forecast;
mod gather;
mod history;
mod memory;
mod options;
mod predict;
mod programs;
mod recover;
mod restore;
mod saving;
mod scores;
mod state;
mod summary;
mod sums;
#[cfg(not(target_arch = "wasm32"))]
mod tune;

pub use early::{EarlyStopping, Watch};
pub use forecast::{Outline, TestPart};
pub use history::{End, Epoch, History, Observer, Recovery, Silent, Start, Step, Wish, higher_is_better};
pub use memory::MemoryOptions;
pub use options::{Drawn, FitOptions};
pub use recover::Recover;
pub use scores::Scores;
pub use state::{Position, RowShape, TrainProgress, TrainState};

use std::collections::{BTreeMap, HashMap};

use anygrad_core::{Array, DType, Error, Result, Shape};
pub use anygrad_gpu::plan::Recompute;
use anygrad_gpu::{Program, Session};

use crate::metrics::Tally;
use crate::optim::LR;
use crate::{Layer, Loss, Metric, Optimizer, Parameter, Plateau, Role, Schedule};
use options::Transform;
use programs::Kind;
use sums::Collecting;

/// A model with all that is needed to train it.
///
/// Its parameters and optimizer state are state of the session, under the parameters' names: give
/// each trainer a session of its own. The same seed, data and adapter give the same bits.
pub struct Trainer {
    session: Session,
    model: Box<dyn Layer>,
    loss: Loss,
    optimizer: Box<dyn Optimizer>,
    metrics: Vec<Metric>,
    schedule: Option<Schedule>,
    plateau: Option<Plateau>,
    transform: Option<Box<Transform>>,
    seed: u64,
    memory: MemoryOptions,
    /// What was chosen to stay within a limit of memory.
    recompute: Option<Recompute>,
    /// What comes behind a training, as the check of its memory was told.
    behind: Option<TestPart>,
    /// The rows of a batch and of the parts that it is taken in, for the same reason.
    parts: Option<(usize, usize)>,
    /// Compiled when first needed; the last batch of an epoch has a size of its own.
    programs: HashMap<(Kind, usize), Program>,
    /// Shape of one row of features, and their dtype, once known.
    features: Option<(Shape, DType)>,
    /// The same of targets.
    targets: Option<(Shape, DType)>,
    /// Shape of one row of predictions, once known.
    predictions: Option<Shape>,
    /// What the features must stay below, where they are indices.
    vocabulary: Option<usize>,
    /// The state whose starting values were written.
    parameters: Vec<Parameter>,
    /// What is summed over batches, once the model is built.
    tally: Option<Tally>,
    /// Scores of the rows of training and of evaluation.
    collecting: [Collecting; 2],
    steps: u64,
    epochs: u64,
    /// Where in an epoch the training stands, if not between two.
    position: Option<Position>,
    /// Whether there is state of the optimizer.
    trained: bool,
    /// Batch sizes that a restored state had state of stateful layers for.
    carried: Vec<usize>,
    /// How early stopping stands, and the parameters of the best epoch.
    watch: Option<Watch>,
    best: BTreeMap<String, Array>,
}

impl Trainer {
    /// A trainer of seed 0 without metrics.
    pub fn new(
        session: Session,
        model: impl Layer + 'static,
        loss: Loss,
        optimizer: impl Optimizer + 'static,
    ) -> Self {
        Trainer {
            session,
            model: Box::new(model),
            loss,
            optimizer: Box::new(optimizer),
            metrics: Vec::new(),
            schedule: None,
            plateau: None,
            transform: None,
            seed: 0,
            memory: MemoryOptions::default(),
            behind: None,
            recompute: None,
            parts: None,
            programs: HashMap::new(),
            features: None,
            targets: None,
            predictions: None,
            vocabulary: None,
            parameters: Vec::new(),
            tally: None,
            collecting: Default::default(),
            steps: 0,
            epochs: 0,
            position: None,
            trained: false,
            carried: Vec::new(),
            watch: None,
            best: BTreeMap::new(),
        }
    }

    /// What initial parameters, the order of rows and dropout depend on.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Figures to report beside the loss.
    pub fn metrics(mut self, metrics: &[Metric]) -> Self {
        self.metrics = metrics.to_vec();
        self
    }

    /// Changes the learning rate from step to step; it takes the place of the optimizer's own.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.schedule = Some(schedule);
        self
    }

    /// Multiplies the learning rate, the schedule's or the optimizer's, by a factor that shrinks when the
    /// loss of the epochs of [`Trainer::fit`] no longer improves: on the validation data if there are any.
    pub fn plateau(mut self, plateau: Plateau) -> Self {
        self.plateau = Some(plateau);
        self
    }

    /// Changes each batch of [`Trainer::fit`] before its step, as augmentation does: a function of what
    /// [`Drawn`] tells, so that a training that goes on draws as one that never stopped. Shapes stay.
    pub fn transform(
        mut self,
        transform: impl Fn(&Drawn, Array, Array) -> Result<(Array, Array)> + Send + Sync + 'static,
    ) -> Self {
        self.transform = Some(Box::new(transform));
        self
    }

    /// The session that the model runs on.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The model that is trained.
    pub fn model(&self) -> &dyn Layer {
        &*self.model
    }

    /// The number of training steps done.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The number of whole epochs of [`Trainer::fit`] done.
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// The parameters of the model, without the optimizer's state and what stateful layers keep, in
    /// the order of the layers. None before the model is built.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|p| !matches!(p.role, Role::Optimizer | Role::Carried))
    }

    /// A parameter as it stands.
    ///
    /// # Errors
    /// There is none of that name, the model is not built yet, or the device failed.
    pub async fn read_parameter(&self, name: &str) -> Result<Array> {
        self.known(name)?;
        self.session.read_state(name).await
    }

    /// Sets a parameter.
    ///
    /// # Errors
    /// There is none of that name, the model is not built yet, the shape differs, or the device
    /// failed.
    pub fn write_parameter(&mut self, name: &str, array: &Array) -> Result<()> {
        self.known(name)?;
        self.session.write_state(name, array)
    }

    fn known(&self, name: &str) -> Result<()> {
        if self.parameters.iter().any(|p| p.name == name) {
            return Ok(());
        }
        let names: Vec<&str> = self.parameters.iter().map(|p| p.name.as_str()).collect();
        Err(Error::input(if names.is_empty() {
            format!("parameter {name:?}: the model is not built yet; call build, fit or predict first")
        } else {
            format!("there is no parameter {name:?} among {}", names.join(", "))
        }))
    }

    /// Makes the states of stateful layers 0, as before the first batch.
    ///
    /// # Errors
    /// The device failed.
    pub fn reset_states(&mut self) -> Result<()> {
        for parameter in self.parameters.iter().filter(|p| p.role == Role::Carried) {
            self.session.write_state(&parameter.name, &Array::zeros(parameter.shape, DType::F32))?;
        }
        Ok(())
    }

    /// Sets the learning rate of the next steps. A schedule, if there is one, sets it again.
    ///
    /// # Errors
    /// The training program is not built yet, or the device failed.
    pub fn set_lr(&mut self, lr: f64) -> Result<()> {
        self.known(LR)?;
        self.session.write_state(LR, &Array::scalar(lr as f32))
    }

    /// Compiles the model for prediction on rows of these sizes, without the batch, and gives the
    /// parameters their starting values.
    ///
    /// # Errors
    /// The sizes do not fit the model, or the device failed.
    pub fn build(&mut self, row_sizes: &[usize], dtype: DType) -> Result<()> {
        self.take_features(Shape::new(row_sizes)?, dtype)?;
        self.prepare(Kind::Predict, 1)
    }

    /// One training step on a batch: features `[n, ...]` and targets `[n, ...]`. It returns before a
    /// device is done, and does not look at the numbers.
    ///
    /// # Errors
    /// The shapes do not fit the model, or the device failed.
    pub fn step(&mut self, features: &Array, targets: &Array) -> Result<()> {
        self.check_pair((features, targets))?;
        self.choose_for_step(data::rows(features))?;
        self.load(Kind::Train, features, targets)?;
        self.program(Kind::Train, data::rows(features))?.run()?;
        self.steps += 1;
        Ok(())
    }

    /// Has a batch ready to run.
    fn load(&mut self, kind: Kind, features: &Array, targets: &Array) -> Result<()> {
        self.check_pair((features, targets))?;
        self.prepare(kind, data::rows(features))?;
        if kind == Kind::Train {
            self.set_rate()?;
        }
        self.write(kind, features, Some(targets))
    }

    /// Sets the learning rate of the next update where a schedule tells it.
    fn set_rate(&self) -> Result<()> {
        let Some(schedule) = &self.schedule else { return Ok(()) };
        let scale = self.plateau.as_ref().map_or(1.0, Plateau::scale);
        self.session.write_state(LR, &Array::scalar((schedule.lr(self.steps) * scale) as f32))
    }

    /// One training step, and the loss of the batch before it.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub async fn step_loss(&mut self, features: &Array, targets: &Array) -> Result<f32> {
        self.step(features, targets)?;
        let program = self.program(Kind::Train, data::rows(features))?;
        let loss = program.read(0).await?;
        Ok(loss.as_f32()?.first().copied().unwrap_or(f32::NAN))
    }
}
