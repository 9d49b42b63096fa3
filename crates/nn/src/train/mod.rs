//! Training: programs by batch size, epochs, evaluation, prediction.

mod data;
mod debug;
mod fit;
mod history;
mod programs;
mod summary;
#[cfg(not(target_arch = "wasm32"))]
mod tune;

pub use fit::FitOptions;
pub use history::{Epoch, History, Observer, Scores, Silent, Start, Step};

use std::collections::HashMap;

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_gpu::{Program, Session};

use crate::optim::LR;
use crate::{Layer, Loss, Metric, Optimizer, Parameter, Plateau, Role, Schedule};
use programs::Kind;

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
    seed: u64,
    /// Compiled when first needed; the last batch of an epoch has a size of its own.
    programs: HashMap<(Kind, usize), Program>,
    /// Shape of one row of features, and their dtype, once known.
    features: Option<(Shape, DType)>,
    /// Shape of one row of predictions, once known.
    predictions: Option<Shape>,
    /// What the features must stay below, where they are indices.
    vocabulary: Option<usize>,
    /// The state whose starting values were written.
    parameters: Vec<Parameter>,
    steps: u64,
    epochs: u64,
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
            seed: 0,
            programs: HashMap::new(),
            features: None,
            predictions: None,
            vocabulary: None,
            parameters: Vec::new(),
            steps: 0,
            epochs: 0,
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

    /// The session that the model runs on.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The number of training steps done.
    pub fn steps(&self) -> u64 {
        self.steps
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
        self.prepare(Kind::Predict, 1, None)
    }

    /// One training step on a batch: features `[n, ...]` and targets `[n, ...]`. It returns before a
    /// device is done, and does not look at the numbers.
    ///
    /// # Errors
    /// The shapes do not fit the model, or the device failed.
    pub fn step(&mut self, features: &Array, targets: &Array) -> Result<()> {
        self.check_features(features)?;
        let rows = data::rows(features);
        self.prepare(Kind::Train, rows, Some(targets))?;
        if let Some(schedule) = &self.schedule {
            let scale = self.plateau.as_ref().map_or(1.0, Plateau::scale);
            self.session.write_state(LR, &Array::scalar((schedule.lr(self.steps) * scale) as f32))?;
        }
        self.run(Kind::Train, features, Some(targets))?;
        self.steps += 1;
        Ok(())
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

    /// Predictions `[n, ...]` for features `[n, ...]`, so many rows at a time.
    ///
    /// # Errors
    /// The features do not fit the model, a number is not finite, the batch is 0, or the device
    /// failed.
    pub async fn predict(&mut self, features: &Array, batch_size: usize) -> Result<Array> {
        let rows = data::rows(features);
        let batch = data::batch_within(batch_size, rows)?;
        self.check_features(features)?;
        self.prepare(Kind::Predict, batch, None)?;
        self.check_feature_numbers(features)?;
        let mut numbers = Vec::new();
        for first in (0..rows).step_by(batch) {
            let order: Vec<usize> = (first..rows.min(first + batch)).collect();
            self.prepare(Kind::Predict, order.len(), None)?;
            self.run(Kind::Predict, &features.take_rows(&order)?, None)?;
            let part = self.program(Kind::Predict, order.len())?.read(0).await?;
            numbers.extend_from_slice(part.as_f32()?);
        }
        let row = self.predictions.map_or(Vec::new(), |shape| shape.to_vec());
        Array::f32(&[&[rows], row.as_slice()].concat(), numbers)
    }

    /// Loss and metrics on other data, so many rows at a time; nothing is learned.
    ///
    /// # Errors
    /// The data do not fit the model, a number is not finite, the batch is 0, or the device failed.
    pub async fn evaluate(&mut self, data: (&Array, &Array), batch_size: usize) -> Result<Scores> {
        let rows = data::rows(data.0);
        let batch = data::batch_within(batch_size, rows)?;
        self.check_pair(data)?;
        self.prepare(Kind::Evaluate, batch, Some(data.1))?;
        self.check_numbers(data)?;
        self.evaluate_checked(data, batch).await
    }

    async fn evaluate_checked(&mut self, (x, y): (&Array, &Array), batch: usize) -> Result<Scores> {
        let rows = data::rows(x);
        self.reset_sums(Kind::Evaluate)?;
        for first in (0..rows).step_by(batch) {
            let order: Vec<usize> = (first..rows.min(first + batch)).collect();
            let (x, y) = (x.take_rows(&order)?, y.take_rows(&order)?);
            self.prepare(Kind::Evaluate, order.len(), Some(&y))?;
            self.run(Kind::Evaluate, &x, Some(&y))?;
        }
        self.read_sums(Kind::Evaluate, rows).await
    }
}
