use std::ops::ControlFlow;

use anygrad_core::{Array, Error, Random, Result};

use super::programs::Kind;
use super::recover::Kept;
use super::state::PendingState;
use super::sums::PendingSums;
use super::{
    EarlyStopping, End, Epoch, History, Observer, Position, Recover, Scores, Start, Step, Trainer, Watch, Wish,
    data,
};
use crate::metrics::Known;
use crate::optim::LR;
use crate::Role;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct FitOptions {
    /// How often all rows are used. Where a restored state stands in the midst of an epoch, the rest of
    /// that is the first.
    pub epochs: usize,
    /// Rows per batch; the last batch of an epoch takes what is left.
    pub batch_size: usize,
    /// Batches per update of the parameters, which is by the gradient of all their rows together; the
    /// last update of an epoch takes what is left.
    pub accumulate: usize,
    /// Whether each epoch takes the rows in another order, which depends on the trainer's seed and
    /// the epoch alone.
    pub shuffle: bool,
    /// Whether training goes on when an epoch's loss is NaN or infinite.
    pub allow_nan: bool,
    /// Whether training ends when a figure no longer improves.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether training goes on by itself when the device is lost.
    pub recover: Option<Recover>,
}

impl Default for FitOptions {
    /// One epoch of shuffled batches of 32, each a step.
    fn default() -> Self {
        FitOptions {
            epochs: 1,
            batch_size: 32,
            accumulate: 1,
            shuffle: true,
            allow_nan: false,
            early_stopping: None,
            recover: None,
        }
    }
}

/// Which batch was drawn; see [`Trainer::transform`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The trainer's seed.
    pub seed: u64,
    /// Whole epochs before this one.
    pub epoch: u64,
    /// Batches of the epoch before this one.
    pub batch: usize,
}

/// What is done to a batch before its step.
pub(super) type Transform = dyn Fn(&Drawn, Array, Array) -> Result<(Array, Array)> + Send + Sync;

/// Sets the orders of rows apart from other draws of the same seed.
const ORDERS: u64 = 0x6F72_6465_7273;

/// What a call of `fit` works on.
struct Job<'a> {
    train: (&'a Array, &'a Array),
    /// With the rows of a batch.
    validation: Option<((&'a Array, &'a Array), usize)>,
    options: &'a FitOptions,
    last_epoch: u64,
    /// What metrics need of all targets.
    known: [Known; 2],
    /// Whether a larger figure is better for early stopping.
    higher: bool,
    kept: Kept,
    history: History,
}

impl Trainer {
    /// Trains on features `[n, ...]` and targets `[n, ...]`, and evaluates on the validation data
    /// after each epoch. The loss of an epoch is the mean over its rows, each batch before its step.
    ///
    /// After [`Trainer::restore`] it goes on from there, in the midst of an epoch too.
    ///
    /// # Errors
    /// A batch of 0 or of more rows than there are; shapes that do not fit; features that are not
    /// finite; targets that the loss does not take; metrics that do not fit the predictions; a loss that is
    /// not finite; a position in an epoch of other data; a device that failed.
    pub async fn fit(
        &mut self,
        train: (&Array, &Array),
        validation: Option<(&Array, &Array)>,
        options: &FitOptions,
        observer: &mut dyn Observer,
    ) -> Result<History> {
        let mut job = self.job(train, validation, options)?;
        let end = loop {
            match self.epochs_of(&mut job, observer).await {
                Ok(end) => break end,
                Err(error) => {
                    let epochs = self.recover(&mut job.kept, error, observer).await?;
                    job.history.epochs.retain(|epoch| epoch.number <= epochs);
                    job.history.recoveries += 1;
                }
            }
        };
        job.history.end = end;
        if end != End::Stopped {
            job.history.restored = self.restore_best()?;
        }
        Ok(job.history)
    }

    /// Checks everything before anything is trained.
    fn job<'a>(
        &mut self,
        train: (&'a Array, &'a Array),
        validation: Option<(&'a Array, &'a Array)>,
        options: &'a FitOptions,
    ) -> Result<Job<'a>> {
        let rows = data::rows(train.0);
        let batch = options.batch_size;
        if batch == 0 || batch > rows {
            return Err(Error::input(format!(
                "a batch of {batch} cannot be drawn from {rows} rows: take 1 to {rows}"
            )));
        }
        if options.accumulate == 0 {
            return Err(Error::input("updates of 0 batches: accumulate must be at least 1"));
        }
        let higher = match &options.early_stopping {
            Some(rule) => rule.check(&self.metrics, validation.is_some())?,
            None => false,
        };
        self.check_position(rows, options)?;
        self.check_pair(train)?;
        self.prepare_steps(batch, options)?;
        self.check_numbers(train).map_err(|error| error.context("training data"))?;
        let validation = match validation {
            Some(pair) => {
                let checked = self.check_pair(pair).and_then(|()| {
                    let batch = data::batch_within(batch, data::rows(pair.0))?;
                    self.prepare(Kind::Evaluate, batch)?;
                    self.check_numbers(pair)?;
                    Ok(batch)
                });
                Some((pair, checked.map_err(|error| error.context("validation data"))?))
            }
            None => None,
        };
        let known_of = |targets: &Array| Known::of(&self.metrics, targets);
        Ok(Job {
            train,
            validation,
            options,
            last_epoch: self.epochs + options.epochs as u64,
            known: [known_of(train.1), validation.map_or_else(Known::default, |((_, y), _)| known_of(y))],
            higher,
            kept: Kept::new(options.recover),
            history: History::default(),
        })
    }

    /// Whether the place in an epoch, if there is one, is one of these data.
    fn check_position(&self, rows: usize, options: &FitOptions) -> Result<()> {
        let Some(at) = self.position else { return Ok(()) };
        let (batch_size, accumulate, shuffle) = (options.batch_size, options.accumulate, options.shuffle);
        if (at.rows, at.batch_size, at.accumulate, at.shuffle) == (rows, batch_size, accumulate, shuffle) {
            return Ok(());
        }
        let text = |rows: usize, batch: usize, accumulate: usize, shuffle: bool| {
            let order = if shuffle { "shuffled" } else { "in order" };
            format!("{rows} rows {order} in batches of {batch}, {accumulate} for an update")
        };
        Err(Error::input(format!(
            "the training stands after batch {} of an epoch of {}; it cannot go on with {}",
            at.batches,
            text(at.rows, at.batch_size, at.accumulate, at.shuffle),
            text(rows, batch_size, accumulate, shuffle)
        )))
    }

    fn prepare_steps(&mut self, batch: usize, options: &FitOptions) -> Result<()> {
        if options.accumulate == 1 {
            return self.prepare(Kind::Train, batch);
        }
        self.prepare(Kind::Gather, batch)?;
        self.prepare(Kind::Update, 0)
    }

    /// All epochs that are left.
    async fn epochs_of(&mut self, job: &mut Job<'_>, observer: &mut dyn Observer) -> Result<End> {
        // After a lost device nothing is compiled.
        self.prepare_steps(job.options.batch_size, job.options)?;
        job.kept.begin(self).await?;
        let mut saving = Saving::default();
        let mut end = End::Finished;
        while self.epochs < job.last_epoch {
            if self.has_waited(job.options) {
                end = End::StoppedEarly;
                break;
            }
            if self.epoch(job, &mut saving, observer).await?.is_break() {
                end = End::Stopped;
                break;
            }
        }
        if end == End::Finished && self.has_waited(job.options) {
            end = End::StoppedEarly;
        }
        saving.deliver(true, observer).await?;
        Ok(end)
    }

    /// One epoch, or what is left of it. `Break` where the observer ended the training.
    async fn epoch(
        &mut self,
        job: &mut Job<'_>,
        saving: &mut Saving,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        let (options, rows) = (job.options, data::rows(job.train.0));
        let batch = options.batch_size;
        let mut order: Vec<usize> = (0..rows).collect();
        if options.shuffle {
            Random::stream(self.seed ^ ORDERS, self.epochs).shuffle(&mut order);
        }
        let steps_done = self.position.map_or(0, |position| position.batches);
        let number = self.epochs + 1;
        let steps = rows.div_ceil(batch);
        observer.on_epoch_start(&Start { epoch: number, last_epoch: job.last_epoch, steps, rows, steps_done });
        if self.position.is_none() {
            self.reset_sums(Kind::Train)?;
        }
        let (mut done, mut asked) = ((steps_done * batch).min(rows), None);
        for (step, chosen) in order.chunks(batch).enumerate().skip(steps_done) {
            self.batch(job, step, chosen, step + 1 == steps)?;
            done += chosen.len();
            self.collecting(Kind::Train).take(false).await?;
            let report = observer.report_every().is_some_and(|every| (step + 1) % every.max(1) == 0);
            if report && asked.is_none() {
                asked = Some(self.ask_for_sums(Kind::Train, done)?);
            }
            let scores = self.take_finished(&mut asked).await?;
            job.kept.after_step(self).await?;
            observer.on_step(&Step { number: step + 1, rows: done, scores });
            if saving.fulfil(self, observer).await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let scores = self.read_sums(Kind::Train, rows, &job.known[0]).await?;
        if !scores.loss.is_finite() && !options.allow_nan {
            return Err(Error::input(format!(
                "the loss of epoch {number} is {}: lower the learning rate, clip the gradients or scale the data; Trainer::find_nonfinite finds where it arises",
                scores.loss
            )));
        }
        let validation = match job.validation {
            Some((pair, batch)) => Some(self.evaluate_checked(pair, batch, &job.known[1]).await?),
            None => None,
        };
        (self.epochs, self.position) = (number, None);
        let loss = validation.as_ref().map_or(scores.loss, |validation| validation.loss);
        self.take_note(loss).await?;
        let epoch = Epoch { number, train: scores, validation };
        if let Some(rule) = &options.early_stopping {
            self.watch(rule, job.higher, &epoch).await?;
        }
        job.kept.after_epoch(self).await?;
        let go_on = observer.on_epoch_end(&epoch);
        job.history.epochs.push(epoch);
        let wish = saving.fulfil(self, observer).await?;
        Ok(if go_on.is_break() { go_on } else { wish })
    }

    /// One batch: a step of its own, or its part of one.
    fn batch(&mut self, job: &Job<'_>, number: usize, chosen: &[usize], is_last: bool) -> Result<()> {
        let options = job.options;
        let (mut x, mut y) = (job.train.0.take_rows(chosen)?, job.train.1.take_rows(chosen)?);
        if let Some(transform) = &self.transform {
            let drawn = Drawn { seed: self.seed, epoch: self.epochs, batch: number };
            (x, y) = transform(&drawn, x, y)?;
        }
        let kind = if options.accumulate == 1 { Kind::Train } else { Kind::Gather };
        let mut waiting = self.position.map_or(0, |position| position.waiting);
        if kind == Kind::Train {
            self.step(&x, &y)?;
        } else {
            self.check_pair((&x, &y))?;
            self.prepare(Kind::Gather, data::rows(&x))?;
            self.run(Kind::Gather, &x, Some(&y))?;
            waiting += 1;
            if waiting == options.accumulate || is_last {
                self.set_rate()?;
                self.program(Kind::Update, 0)?.run()?;
                self.steps += 1;
                waiting = 0;
            }
        }
        self.collect(kind, &y)?;
        self.position = Some(Position {
            batches: number + 1,
            waiting,
            rows: data::rows(job.train.0),
            batch_size: options.batch_size,
            accumulate: options.accumulate,
            shuffle: options.shuffle,
        });
        Ok(())
    }

    /// The means that were asked for, once the device has them.
    async fn take_finished(&self, asked: &mut Option<PendingSums>) -> Result<Option<Scores>> {
        let is_ready = match asked {
            Some(sums) => sums.is_ready()?,
            None => false,
        };
        match asked.take_if(|_| is_ready) {
            Some(sums) => Ok(Some(self.take_sums(sums).await?)),
            None => Ok(None),
        }
    }

    /// Tells the plateau of an epoch's loss. A schedule looks at its scale in each step.
    async fn take_note(&mut self, loss: f64) -> Result<()> {
        let Some(plateau) = &mut self.plateau else { return Ok(()) };
        let change = plateau.scale().recip() * plateau.observe(loss);
        if change != 1.0 && change.is_finite() && self.schedule.is_none() {
            let lr = self.session.read_state(LR).await?.to_f64();
            self.set_lr(lr.first().copied().unwrap_or(0.0) * change)?;
        }
        Ok(())
    }

    /// Tells early stopping of an epoch, and keeps the parameters of the best.
    async fn watch(&mut self, rule: &EarlyStopping, higher: bool, epoch: &Epoch) -> Result<()> {
        let fresh = || Watch { monitor: rule.monitor.clone(), ..Watch::default() };
        let mut watch = self.watch.take().filter(|watch| watch.monitor == rule.monitor).unwrap_or_else(fresh);
        let is_best = watch.observe(rule, higher, epoch.number, rule.of(epoch));
        self.watch = Some(watch);
        if is_best && rule.restore_best {
            for parameter in &self.parameters {
                if matches!(parameter.role, Role::Trainable | Role::Fixed) {
                    let value = self.session.read_state(&parameter.name).await?;
                    self.best.insert(parameter.name.clone(), value);
                }
            }
        }
        Ok(())
    }

    fn has_waited(&self, options: &FitOptions) -> bool {
        match (&options.early_stopping, &self.watch) {
            (Some(rule), Some(watch)) => watch.monitor == rule.monitor && watch.waited >= rule.patience,
            _ => false,
        }
    }

    /// Gives the model the parameters of the best epoch, where they were kept; which epoch that was. The
    /// next call of `fit` watches anew.
    fn restore_best(&mut self) -> Result<Option<u64>> {
        let (best, watch) = (std::mem::take(&mut self.best), self.watch.take());
        for (name, value) in &best {
            self.session.write_state(name, value)?;
        }
        Ok(watch.filter(|_| !best.is_empty()).map(|watch| watch.best_epoch))
    }
}

/// A state that the observer wished for.
#[derive(Default)]
struct Saving(Option<PendingState>);

impl Saving {
    /// Hands over what has come and asks for the observer's wish. `Break` where that is to stop.
    async fn fulfil(&mut self, trainer: &mut Trainer, observer: &mut dyn Observer) -> Result<ControlFlow<()>> {
        self.deliver(false, observer).await?;
        match observer.wish() {
            Wish::GoOn => {}
            Wish::Stop => return Ok(ControlFlow::Break(())),
            Wish::Save => {
                self.deliver(true, observer).await?;
                self.0 = Some(trainer.state_later().await?);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    async fn deliver(&mut self, wait: bool, observer: &mut dyn Observer) -> Result<()> {
        let is_ready = match &self.0 {
            Some(coming) => wait || coming.is_ready()?,
            None => false,
        };
        match self.0.take_if(|_| is_ready) {
            Some(coming) => observer.on_state(&coming.take().await?),
            None => Ok(()),
        }
    }
}
