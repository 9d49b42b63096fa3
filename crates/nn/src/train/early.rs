//! What follows from an epoch's figures: a plateau lowers the learning rate, early stopping ends the training.

use anygrad_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Epoch, FitOptions, Trainer};
use crate::optim::LR;
use crate::{Metric, Role};

/// Ends a training when a figure no longer improves, as Keras's callback of that name.
#[derive(Clone, Debug, PartialEq)]
pub struct EarlyStopping {
    /// The figure: `loss` or the name of a metric, on the validation data with `val_` before it.
    pub monitor: String,
    /// So many epochs in a row without improvement end the training; at least 1.
    pub patience: u64,
    /// What a figure must be better by than the best so far.
    pub min_delta: f64,
    /// Whether the model gets the parameters of the best epoch when `fit` ends, unless the observer
    /// stopped it.
    pub restore_best: bool,
}

impl EarlyStopping {
    /// Ends after so many epochs in which the loss on the validation data has not improved, and restores
    /// the best parameters.
    pub fn new(patience: u64) -> Self {
        EarlyStopping { monitor: "val_loss".into(), patience, min_delta: 0.0, restore_best: true }
    }

    /// Watches another figure.
    pub fn monitor(mut self, monitor: impl Into<String>) -> Self {
        self.monitor = monitor.into();
        self
    }

    /// What a figure must be better by.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.min_delta = min_delta;
        self
    }

    /// Whether the best parameters are restored.
    pub fn restore_best(mut self, restore_best: bool) -> Self {
        self.restore_best = restore_best;
        self
    }

    /// The name of the figure, and whether it is that of the validation data.
    fn figure(&self) -> (&str, bool) {
        match self.monitor.strip_prefix("val_") {
            Some(name) => (name, true),
            None => (&self.monitor, false),
        }
    }

    /// Whether there is such a figure; whether a larger one is better.
    pub(super) fn check(&self, metrics: &[Metric], validates: bool) -> Result<bool> {
        let (name, on_validation) = self.figure();
        let figures: Vec<&Metric> = metrics.iter().filter(|metric| metric.is_figure()).collect();
        let found = figures.iter().find(|metric| metric.name() == name);
        if on_validation && !validates {
            let message = format!("early stopping watches {:?}, there is no validation data", self.monitor);
            return Err(Error::input(message));
        }
        if self.patience == 0 || !self.min_delta.is_finite() || self.min_delta < 0.0 {
            return Err(Error::input(format!(
                "early stopping: a patience of {} and a min_delta of {}: wanted at least 1, and a number from 0",
                self.patience, self.min_delta
            )));
        }
        match found {
            _ if name == "loss" => Ok(false),
            Some(metric) => Ok(metric.higher_is_better()),
            None => {
                let names: Vec<String> = figures.iter().map(|metric| metric.name()).collect();
                Err(Error::input(format!(
                    "early stopping watches {:?}; there is loss{}{}, each also with val_ before it",
                    self.monitor,
                    if names.is_empty() { "" } else { ", " },
                    names.join(", ")
                )))
            }
        }
    }

    /// The figure of an epoch; NaN where it has none.
    pub(super) fn of(&self, epoch: &Epoch) -> f64 {
        let (name, on_validation) = self.figure();
        let scores = if on_validation { epoch.validation.as_ref() } else { Some(&epoch.train) };
        scores.and_then(|scores| scores.figure(name)).unwrap_or(f64::NAN)
    }
}

/// How the figure that early stopping watches has gone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// Its name.
    pub monitor: String,
    /// The best so far, once there was one that is finite.
    pub best: Option<f64>,
    /// The epoch of the best.
    pub best_epoch: u64,
    /// Epochs since.
    pub waited: u64,
}

impl Watch {
    /// Takes an epoch's figure; whether it is the best.
    pub(super) fn observe(&mut self, rule: &EarlyStopping, higher: bool, epoch: u64, figure: f64) -> bool {
        let better = match self.best {
            _ if !figure.is_finite() => false,
            None => true,
            Some(best) if higher => figure > best + rule.min_delta,
            Some(best) => figure < best - rule.min_delta,
        };
        if better {
            (self.best, self.best_epoch, self.waited) = (Some(figure), epoch, 0);
        } else {
            self.waited += 1;
        }
        better
    }
}

impl Trainer {
    /// Tells the plateau of an epoch's loss. A schedule looks at its scale in each step.
    pub(super) async fn take_note(&mut self, loss: f64) -> Result<()> {
        let Some(plateau) = &mut self.plateau else { return Ok(()) };
        let change = plateau.scale().recip() * plateau.observe(loss);
        if change != 1.0 && change.is_finite() && self.schedule.is_none() {
            let lr = self.session.read_state(LR).await?.to_f64();
            self.set_lr(lr.first().copied().unwrap_or(0.0) * change)?;
        }
        Ok(())
    }

    /// Tells early stopping of an epoch, and keeps the parameters of the best.
    pub(super) async fn watch(&mut self, rule: &EarlyStopping, higher: bool, epoch: &Epoch) -> Result<()> {
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

    pub(super) fn has_waited(&self, options: &FitOptions) -> bool {
        match (&options.early_stopping, &self.watch) {
            (Some(rule), Some(watch)) => watch.monitor == rule.monitor && watch.waited >= rule.patience,
            _ => false,
        }
    }

    /// Gives the model the parameters of the best epoch, where they were kept; which epoch that was. The
    /// next call of `fit` watches anew.
    pub(super) fn restore_best(&mut self, options: &FitOptions) -> Result<Option<u64>> {
        let (best, watch) = (std::mem::take(&mut self.best), self.watch.take());
        if !options.early_stopping.as_ref().is_some_and(|rule| rule.restore_best) {
            return Ok(None);
        }
        for (name, value) in &best {
            self.session.write_state(name, value)?;
        }
        Ok(watch.filter(|_| !best.is_empty()).map(|watch| watch.best_epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_without_improvement_are_counted() {
        let rule = EarlyStopping::new(2).min_delta(0.1);
        let mut watch = Watch::default();
        let figures = [f64::NAN, 1.0, 0.95, 0.85, f64::NAN, 0.8];
        let seen: Vec<(bool, u64)> = (1..)
            .zip(figures)
            .map(|(epoch, figure)| (watch.observe(&rule, false, epoch, figure), watch.waited))
            .collect();
        assert_eq!(seen, [(false, 1), (true, 0), (false, 1), (true, 0), (false, 1), (false, 2)]);
        assert_eq!((watch.best, watch.best_epoch), (Some(0.85), 4));
        let mut rising = Watch::default();
        assert!(rising.observe(&rule, true, 1, 0.5) && rising.observe(&rule, true, 2, 0.7));
        assert!(!rising.observe(&rule, true, 3, 0.75));
    }

    #[test]
    fn only_figures_that_there_are() {
        let metrics = [Metric::Accuracy, Metric::ConfusionMatrix];
        let rule = |monitor: &str| EarlyStopping::new(1).monitor(monitor);
        assert!(rule("val_accuracy").check(&metrics, true).unwrap());
        assert!(!rule("loss").check(&metrics, false).unwrap());
        let error = rule("val_loss").check(&metrics, false).unwrap_err().to_string();
        assert!(error.contains("no validation data"), "{error}");
        let error = rule("confusion_matrix").check(&metrics, true).unwrap_err().to_string();
        assert!(error.contains("there is loss, accuracy, each"), "{error}");
        assert!(EarlyStopping::new(0).check(&metrics, true).is_err());
    }
}
