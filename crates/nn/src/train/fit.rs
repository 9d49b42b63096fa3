use std::ops::ControlFlow;

use anygrad_core::{Array, Error, Random, Result};
use anygrad_gpu::Clock;

use super::programs::Kind;
use super::recover::Kept;
use super::saving::Saving;
use super::sums::PendingSums;
use super::{
    Drawn, End, Epoch, FitOptions, History, Observer, Outline, Position, Scores, Start, Step, Trainer, data,
};
use crate::metrics::Known;
use crate::optim::LR;

/// Sets the orders of rows apart from other draws of the same seed.
const ORDERS: u64 = 0x6F72_6465_7273;

/// What a call of `fit` works on.
struct Job<'a> {
    train: (&'a Array, &'a Array),
    /// With the rows of a batch.
    validation: Option<((&'a Array, &'a Array), usize)>,
    /// With the batches that stay within the limit of memory.
    options: FitOptions,
    last_epoch: u64,
    /// What metrics need of all targets.
    known: [Known; 2],
    /// Whether a larger figure is better for early stopping.
    higher: bool,
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
        let last_epoch = self.epochs + options.epochs as u64;
        let mut kept = Kept::new(options.recover);
        let mut history = History::default();
        loop {
            match self
                .fit_once(train, validation, options, last_epoch, &mut kept, &mut history, observer)
                .await
            {
                Ok(()) => return Ok(history),
                Err(error) => {
                    let epochs = self.recover(&mut kept, error, observer).await?;
                    history.epochs.retain(|epoch| epoch.number <= epochs);
                    history.recoveries += 1;
                }
            }
        }
    }

    /// As long as the device is there.
    #[allow(clippy::too_many_arguments, reason = "what stays when it is not")]
    async fn fit_once(
        &mut self,
        train: (&Array, &Array),
        validation: Option<(&Array, &Array)>,
        options: &FitOptions,
        last_epoch: u64,
        kept: &mut Kept,
        history: &mut History,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        kept.begin(self).await?;
        let job = self.job(train, validation, options, last_epoch)?;
        self.savings().iter().for_each(|text| observer.on_saving(text));
        kept.begin(self).await?;
        history.end = self.epochs_of(&job, kept, history, observer).await?;
        if history.end != End::Stopped {
            history.restored = self.restore_best(options)?;
        }
        Ok(())
    }

    /// Checks everything before anything is trained.
    fn job<'a>(
        &mut self,
        train: (&'a Array, &'a Array),
        validation: Option<(&'a Array, &'a Array)>,
        options: &FitOptions,
        last_epoch: u64,
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
        self.check_pair(train)?;
        let outline = Outline { test: self.behind, ..Outline::of(train, validation) };
        let chosen = self.fitted(&outline, options)?;
        let (options, batch) = (&chosen, chosen.batch_size);
        self.check_position(rows, options)?;
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
            last_epoch,
            known: [known_of(train.1), validation.map_or_else(Known::default, |((_, y), _)| known_of(y))],
            higher,
            options: chosen,
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
    async fn epochs_of(
        &mut self,
        job: &Job<'_>,
        kept: &mut Kept,
        history: &mut History,
        observer: &mut dyn Observer,
    ) -> Result<End> {
        let mut saving = Saving::default();
        let mut end = End::Finished;
        while self.epochs < job.last_epoch {
            if self.has_waited(&job.options) {
                end = End::StoppedEarly;
                break;
            }
            if self.epoch(job, kept, history, &mut saving, observer).await?.is_break() {
                end = End::Stopped;
                break;
            }
        }
        if end == End::Finished && self.has_waited(&job.options) {
            end = End::StoppedEarly;
        }
        saving.deliver(true, observer).await?;
        Ok(end)
    }

    /// One epoch, or what is left of it. `Break` where the observer ended the training.
    async fn epoch(
        &mut self,
        job: &Job<'_>,
        kept: &mut Kept,
        history: &mut History,
        saving: &mut Saving,
        observer: &mut dyn Observer,
    ) -> Result<ControlFlow<()>> {
        let (options, rows) = (&job.options, data::rows(job.train.0));
        let batch = options.batch_size;
        let mut order: Vec<usize> = (0..rows).collect();
        if options.shuffle {
            Random::stream(self.seed ^ ORDERS, self.epochs).shuffle(&mut order);
        }
        let steps_done = self.position.map_or(0, |position| position.batches);
        let number = self.epochs + 1;
        let steps = rows.div_ceil(batch);
        observer.on_epoch_start(&Start {
            epoch: number,
            last_epoch: job.last_epoch,
            steps,
            rows,
            steps_done,
        });
        if self.position.is_none() {
            self.reset_sums(Kind::Train)?;
        }
        let (mut done, mut asked) = ((steps_done * batch).min(rows), None);
        for (step, chosen) in order.chunks(batch).enumerate().skip(steps_done) {
            self.batch(job, step, chosen, step + 1 == steps, observer).await?;
            done += chosen.len();
            self.collecting(Kind::Train).take(false).await?;
            let report = observer.report_every().is_some_and(|every| (step + 1) % every.max(1) == 0);
            if report && asked.is_none() {
                asked = Some(self.ask_for_sums(Kind::Train, done)?);
            }
            let scores = self.take_finished(&mut asked).await?;
            kept.after_step(self).await?;
            observer.on_step(&Step { number: step + 1, rows: done, scores });
            if saving.fulfil(self, observer).await?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let scores = self.read_sums(Kind::Train, rows, &job.known[0]).await?;
        let lr = self.session.read_state(LR).await?.to_f64().first().copied();
        (self.epochs, self.position) = (number, None);
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
        let loss = validation.as_ref().map_or(scores.loss, |validation| validation.loss);
        self.take_note(loss).await?;
        let epoch = Epoch { number, train: scores, validation, lr };
        if let Some(rule) = &options.early_stopping {
            self.watch(rule, job.higher, &epoch).await?;
        }
        kept.after_epoch(self).await?;
        let go_on = observer.on_epoch_end(&epoch);
        history.epochs.push(epoch);
        let wish = saving.fulfil(self, observer).await?;
        Ok(if go_on.is_break() { go_on } else { wish })
    }

    /// One batch: a step of its own, or its part of one.
    async fn batch(
        &mut self,
        job: &Job<'_>,
        number: usize,
        chosen: &[usize],
        is_last: bool,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let options = &job.options;
        let (mut x, mut y) = (job.train.0.take_rows(chosen)?, job.train.1.take_rows(chosen)?);
        if let Some(transform) = &self.transform {
            let drawn = Drawn { seed: self.seed, epoch: self.epochs, batch: number };
            (x, y) = transform(&drawn, x, y)?;
        }
        let kind = if options.accumulate == 1 { Kind::Train } else { Kind::Gather };
        let mut waiting = self.position.map_or(0, |position| position.waiting);
        let clock = if chosen.len() == options.batch_size { observer.timed_by() } else { None };
        self.load(kind, &x, &y)?;
        self.go(kind, chosen.len(), clock, observer).await?;
        if kind == Kind::Train {
            self.steps += 1;
        } else {
            waiting += 1;
            if waiting == options.accumulate || is_last {
                self.set_rate()?;
                self.go(Kind::Update, 0, clock, observer).await?;
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

    /// Runs a program whose inputs are written, timed where there is a clock.
    async fn go(
        &mut self,
        kind: Kind,
        rows: usize,
        clock: Option<Clock>,
        observer: &mut dyn Observer,
    ) -> Result<()> {
        let program = self.program(kind, rows)?;
        let Some(clock) = clock else { return program.run() };
        observer.on_profile(&program.run_profiled(clock).await?);
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
}
