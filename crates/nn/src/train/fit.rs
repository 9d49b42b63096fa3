use anygrad_core::{Array, Error, Random, Result};
use anygrad_gpu::Pending;

use super::programs::Kind;
use crate::optim::LR;

use super::{Epoch, History, Observer, Scores, Start, Step, Trainer, data};

/// How to train.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FitOptions {
    /// How often all rows are used.
    pub epochs: usize,
    /// Rows per step; the last step of an epoch takes what is left.
    pub batch_size: usize,
    /// Whether each epoch takes the rows in another order, which depends on the trainer's seed and
    /// the epoch alone.
    pub shuffle: bool,
    /// Whether training goes on when an epoch's loss is NaN or infinite.
    pub allow_nan: bool,
}

impl Default for FitOptions {
    /// One epoch of shuffled batches of 32.
    fn default() -> Self {
        FitOptions { epochs: 1, batch_size: 32, shuffle: true, allow_nan: false }
    }
}

/// Sets the orders of rows apart from other draws of the same seed.
const ORDERS: u64 = 0x6F72_6465_7273;

impl Trainer {
    /// Trains on features `[n, ...]` and targets `[n, ...]`, and evaluates on the validation data
    /// after each epoch. The loss of an epoch is the mean over its rows, each batch before its step.
    ///
    /// # Errors
    /// A batch of 0 or of more rows than there are; shapes that do not fit; features that are not
    /// finite; targets that the loss does not take; a loss that is not finite; a device that failed.
    pub async fn fit(
        &mut self,
        train: (&Array, &Array),
        validation: Option<(&Array, &Array)>,
        options: &FitOptions,
        observer: &mut dyn Observer,
    ) -> Result<History> {
        let rows = data::rows(train.0);
        let batch = options.batch_size;
        if batch == 0 || batch > rows {
            return Err(Error::input(format!(
                "a batch of {batch} cannot be drawn from {rows} rows: take 1 to {rows}"
            )));
        }
        self.check_pair(train)?;
        self.prepare(Kind::Train, batch, Some(train.1))?;
        self.check_numbers(train).map_err(|error| error.context("training data"))?;
        let validation_batch = match validation {
            Some(pair) => {
                let checked = self.check_pair(pair).and_then(|()| {
                    let batch = data::batch_within(batch, data::rows(pair.0))?;
                    self.prepare(Kind::Evaluate, batch, Some(pair.1))?;
                    self.check_numbers(pair)?;
                    Ok(batch)
                });
                checked.map_err(|error| error.context("validation data"))?
            }
            None => 0,
        };

        let mut history = History::default();
        let last_epoch = self.epochs + options.epochs as u64;
        let mut order: Vec<usize> = (0..rows).collect();
        while self.epochs < last_epoch {
            if options.shuffle {
                // From the same start each time, so that the order does not depend on the epochs before.
                order.sort_unstable();
                Random::stream(self.seed ^ ORDERS, self.epochs).shuffle(&mut order);
            }
            let number = self.epochs + 1;
            observer.on_epoch_start(&Start { epoch: number, last_epoch, steps: rows.div_ceil(batch), rows });
            self.reset_sums(Kind::Train)?;
            let (mut done, mut asked) = (0, None);
            for (step, chosen) in order.chunks(batch).enumerate() {
                self.step(&train.0.take_rows(chosen)?, &train.1.take_rows(chosen)?)?;
                done += chosen.len();
                let report = observer.report_every().is_some_and(|every| (step + 1) % every.max(1) == 0);
                if report && asked.is_none() {
                    asked = Some((self.ask_for_sums(Kind::Train)?, done));
                }
                let scores = self.take_finished(&mut asked).await?;
                observer.on_step(&Step { number: step + 1, rows: done, scores });
            }
            let scores = self.read_sums(Kind::Train, rows).await?;
            self.epochs = number;
            if !scores.loss.is_finite() && !options.allow_nan {
                return Err(Error::input(format!(
                    "the loss of epoch {number} is {}: lower the learning rate, clip the gradients or scale the data; Trainer::find_nonfinite finds where it arises",
                    scores.loss
                )));
            }
            let validation = match validation {
                Some(pair) => Some(self.evaluate_checked(pair, validation_batch).await?),
                None => None,
            };
            let loss = validation.as_ref().map_or(scores.loss, |validation| validation.loss);
            self.take_note(loss).await?;
            let epoch = Epoch { number, train: scores, validation };
            let go_on = observer.on_epoch_end(&epoch);
            history.epochs.push(epoch);
            if go_on.is_break() {
                break;
            }
        }
        Ok(history)
    }

    /// The means that were asked for after so many rows, once the device has them.
    async fn take_finished(&self, asked: &mut Option<(Pending, usize)>) -> Result<Option<Scores>> {
        let is_ready = match asked {
            Some((sums, _)) => sums.is_ready()?,
            None => false,
        };
        match asked.take_if(|_| is_ready) {
            Some((sums, rows)) => Ok(Some(self.scores(&sums.take().await?, rows))),
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
}
