//! What a training will take, before it starts: the programs, states and runs of [`Trainer::fit`] in their
//! order, in a [`Rehearsal`] in the place of a session.

use std::collections::HashMap;

use anygrad_core::{Array, Caps, Context, DType, Error, Result, Shape};
use anygrad_graph::{Graph, Meta};
use anygrad_plan::{Circumstances, Forecast, Purpose, Rehearsal, Roofline, largest_batch};

use super::data::rows;
use super::programs::Kind;
use super::{FitOptions, Trainer, gather};
use crate::scope::STEP;
use crate::{Parameter, Role};

/// The data of a training, by their sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// One row of features, without the batch.
    pub features: Vec<usize>,
    /// Their dtype.
    pub features_dtype: DType,
    /// One row of targets.
    pub targets: Vec<usize>,
    /// Their dtype.
    pub targets_dtype: DType,
    /// Rows that are trained on.
    pub rows: usize,
    /// Rows on which each epoch is evaluated.
    pub validation: Option<usize>,
    /// What comes behind the training, if something does.
    pub test: Option<TestPart>,
}

/// What comes behind a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestPart {
    /// Rows that are evaluated.
    pub rows: usize,
    /// Whether they are predicted, too.
    pub predicts: bool,
}

impl Outline {
    /// That of these data.
    pub(super) fn of((x, y): (&Array, &Array), validation: Option<(&Array, &Array)>) -> Self {
        let row = |array: &Array| array.shape().iter().skip(1).copied().collect();
        Outline {
            features: row(x),
            features_dtype: x.dtype(),
            targets: row(y),
            targets_dtype: y.dtype(),
            rows: rows(x),
            validation: validation.map(|(x, _)| rows(x)),
            test: None,
        }
    }
}

/// Epochs after which nothing changes any more: states stand where all programs need them.
const EPOCHS: usize = 2;

/// A training without a device.
struct Imagined<'t> {
    trainer: &'t Trainer,
    rehearsal: Rehearsal,
    programs: HashMap<(Kind, usize), usize>,
    parameters: Vec<Parameter>,
    /// How often each of the programs of one update runs.
    update: Vec<(usize, u64)>,
}

impl Trainer {
    /// What a training takes that begins with [`Trainer::fit`], in device memory and work, on an adapter that can
    /// do this; no device is asked. It is told for a trainer that has done nothing yet. Bytes of buffers are those
    /// that [`Device::usage`](anygrad_gpu::Device::usage) counts then: at the first step, and at the peak.
    ///
    /// # Errors
    /// The data do not fit the model, the batch is 0 or larger than the data, or a value does not fit the adapter's
    /// limits.
    pub fn forecast(
        &mut self,
        outline: &Outline,
        options: &FitOptions,
        caps: &Caps,
        roofline: Option<Roofline>,
    ) -> Result<Forecast> {
        let imagined = self.imagine(outline, options, caps)?;
        Ok(imagined.rehearsal.forecast(&Circumstances {
            batch: options.batch_size,
            training: true,
            update: &imagined.update,
            checkpoints: options.recover.is_some(),
            roofline,
        }))
    }

    /// What predictions of so many rows at a time take, of a trainer that has done nothing yet.
    ///
    /// # Errors
    /// As [`Trainer::forecast`].
    pub fn forecast_prediction(
        &mut self,
        row_sizes: &[usize],
        dtype: DType,
        batch: usize,
        caps: &Caps,
        roofline: Option<Roofline>,
    ) -> Result<Forecast> {
        self.take_features(Shape::new(row_sizes)?, dtype)?;
        if batch == 0 {
            return Err(Error::input("batches of 0 rows: at least 1"));
        }
        let mut imagined = Imagined::new(self, caps);
        imagined.run(Kind::Predict, batch)?;
        let update = [(0, 1)];
        let known = Circumstances { batch, update: &update, roofline, ..Circumstances::default() };
        Ok(imagined.rehearsal.forecast(&known))
    }

    /// The largest batch with which a training fits: the adapter's limits, and so many bytes of memory where they
    /// are known. None where not even one of 1 row does.
    ///
    /// # Errors
    /// As [`Trainer::forecast`].
    pub fn largest_batch(
        &mut self,
        outline: &Outline,
        options: &FitOptions,
        caps: &Caps,
        memory: Option<u64>,
    ) -> Result<Option<usize>> {
        let fits = |trainer: &mut Trainer, outline: &Outline, batch: usize| {
            let options = FitOptions { batch_size: batch, ..options.clone() };
            match trainer.forecast(outline, &options, caps, None) {
                Ok(forecast) => Ok(memory.is_none_or(|memory| forecast.total() <= memory)),
                Err(error) if error.is_unsupported() => Ok(false),
                Err(error) => Err(error),
            }
        };
        let this = std::cell::RefCell::new(self);
        largest_batch(
            outline.rows,
            |batch| {
                let whole = |rows: usize| if rows > batch { batch } else { rows };
                let outline = Outline {
                    rows: batch,
                    validation: outline.validation.map(whole),
                    test: outline.test.map(|test| TestPart { rows: whole(test.rows), ..test }),
                    ..outline.clone()
                };
                fits(&mut this.borrow_mut(), &outline, batch)
            },
            |batch| fits(&mut this.borrow_mut(), outline, batch),
        )
    }

    fn imagine(&mut self, outline: &Outline, options: &FitOptions, caps: &Caps) -> Result<Imagined<'_>> {
        self.take_features(Shape::new(&outline.features)?, outline.features_dtype)?;
        self.take_targets(Shape::new(&outline.targets)?, outline.targets_dtype)?;
        let (batch, rows) = (options.batch_size, outline.rows);
        if batch == 0 || batch > rows || options.accumulate == 0 {
            return Err(Error::input(format!(
                "{} batches of {batch} of {rows} rows for an update: at least 1, and not more rows than there are",
                options.accumulate
            )));
        }
        let mut imagined = Imagined::new(self, caps);
        imagined.fit(outline, options)?;
        if let Some(test) = outline.test {
            imagined.test(test, batch)?;
        }
        Ok(imagined)
    }
}

impl<'t> Imagined<'t> {
    fn new(trainer: &'t Trainer, caps: &Caps) -> Self {
        Imagined {
            trainer,
            rehearsal: Rehearsal::new(caps.clone()),
            programs: HashMap::new(),
            parameters: Vec::new(),
            update: Vec::new(),
        }
    }

    /// As [`Trainer::prepare`].
    fn prepare(&mut self, kind: Kind, rows: usize) -> Result<usize> {
        if let Some(&program) = self.programs.get(&(kind, rows)) {
            return Ok(program);
        }
        let graph = Graph::new();
        let (scope, outputs) = match kind {
            Kind::Update => self.trainer.update(&graph, &self.parameters),
            _ => self.trainer.finish(kind, rows, self.trainer.forward(&graph, kind, rows)?),
        };
        for parameter in scope.parameters() {
            self.rehearsal.tell(&parameter.name, purpose(parameter.role));
            if parameter.role == Role::Trainable {
                self.rehearsal.tell(&gather::sum_of(&parameter.name), Purpose::Gradients);
            }
        }
        let name = match kind {
            Kind::Train => format!("training, {rows} rows"),
            Kind::Gather => format!("gradients, {rows} rows"),
            Kind::Update => "update".into(),
            Kind::Evaluate => format!("evaluation, {rows} rows"),
            Kind::Predict => format!("prediction, {rows} rows"),
        };
        let program = self.rehearsal.compile(&name, &graph, &outputs, self.trainer.options_of(kind));
        let program = program.context(|| format!("batches of {rows} rows"))?;
        for parameter in scope.parameters() {
            if self.parameters.iter().all(|known| known.name != parameter.name) {
                self.rehearsal.put_state(&parameter.name, Meta::f32(parameter.shape));
                self.parameters.push(parameter.clone());
            }
        }
        self.programs.insert((kind, rows), program);
        Ok(program)
    }

    fn run(&mut self, kind: Kind, rows: usize) -> Result<()> {
        let program = self.prepare(kind, rows)?;
        self.rehearsal.run(program)
    }

    /// As [`Trainer::fit`]: what it prepares before the first step, and the runs of its epochs.
    fn fit(&mut self, outline: &Outline, options: &FitOptions) -> Result<()> {
        let batch = options.batch_size;
        let gathers = options.accumulate > 1;
        let kind = if gathers { Kind::Gather } else { Kind::Train };
        let main = self.prepare(kind, batch)?;
        self.update = vec![(main, options.accumulate as u64)];
        if gathers {
            let update = self.prepare(Kind::Update, 0)?;
            self.update.push((update, 1));
        }
        let validation = outline.validation.filter(|&rows| rows > 0);
        if let Some(rows) = validation {
            self.prepare(Kind::Evaluate, batch.min(rows))?;
        }
        self.rehearsal.mark_ready();
        for _ in 0..options.epochs.min(EPOCHS) {
            let mut waiting = 0;
            for first in (0..outline.rows).step_by(batch) {
                let rows = batch.min(outline.rows - first);
                self.run(kind, rows)?;
                waiting += 1;
                if gathers && (waiting == options.accumulate || first + rows == outline.rows) {
                    self.run(Kind::Update, 0)?;
                    waiting = 0;
                }
            }
            if let Some(rows) = validation {
                self.batches(Kind::Evaluate, rows, batch)?;
            }
        }
        Ok(())
    }

    /// The figures of a test part, of a state that was restored.
    fn test(&mut self, test: TestPart, batch: usize) -> Result<()> {
        let whole = Meta { shape: Shape::SCALAR, dtype: DType::U32 };
        for name in [STEP, gather::BATCHES] {
            self.rehearsal.put_state(name, whole);
        }
        self.batches(Kind::Evaluate, test.rows, batch)?;
        if test.predicts {
            self.batches(Kind::Predict, test.rows, batch)?;
        }
        Ok(())
    }

    fn batches(&mut self, kind: Kind, rows: usize, batch: usize) -> Result<()> {
        let batch = batch.min(rows);
        self.prepare(kind, batch)?;
        (0..rows).step_by(batch.max(1)).try_for_each(|first| self.run(kind, batch.min(rows - first)))
    }
}

fn purpose(role: Role) -> Purpose {
    match role {
        Role::Trainable | Role::Fixed => Purpose::Parameters,
        Role::Optimizer => Purpose::Optimizer,
        Role::Carried => Purpose::Activations,
    }
}
