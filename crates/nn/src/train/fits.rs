//! A training that does not fit is refused before it starts.

use anygrad_core::{Caps, Error, Result, Shape};
use anygrad_plan::{Forecast, Purpose};

use super::programs::Kind;
use super::{FitOptions, Outline, Trainer};

impl Trainer {
    /// Refuses a training that does not fit the adapter's limits or the memory there is, with the numbers and the batch
    /// that would fit. The memory is the limit of [`Trainer::memory`], within which less is taken where it must be; or
    /// else the machine's, where the device has no other. Elsewhere WebGPU does not tell. [`Trainer::fit`] begins with
    /// it.
    ///
    /// # Errors
    /// The training does not fit, or its data do not fit the model.
    pub fn check_fits(&mut self, outline: &Outline, options: &FitOptions) -> Result<()> {
        self.take_features(Shape::new(&outline.features)?, outline.features_dtype)?;
        self.take_targets(Shape::new(&outline.targets)?, outline.targets_dtype)?;
        self.behind = outline.test;
        self.fitted(outline, options).map(drop)
    }

    /// As [`Trainer::check_fits`]; what was chosen to stay within the limit.
    pub(super) fn fitted(&mut self, outline: &Outline, options: &FitOptions) -> Result<FitOptions> {
        let kind = if options.accumulate == 1 { Kind::Train } else { Kind::Gather };
        // What was compiled has its memory.
        let is_there = self.programs.contains_key(&(kind, options.batch_size));
        if self.session.is_interpreter() || (is_there && !self.has_limit()) {
            return Ok(options.clone());
        }
        let caps = self.planning_caps();
        let memory = self.memory.limit.or_else(|| self.session.memory());
        // Within a limit less is taken where it must be, if that is enough.
        let saved = match self.has_limit() {
            true => match self.choose(options, outline.rows, outline.validation) {
                Err(error) if error.is_out_of_memory() => format!("; {error}"),
                other => return other,
            },
            false => String::new(),
        };
        let refused = match (self.forecast(outline, options, &caps, None), memory) {
            (Ok(forecast), Some(memory)) if forecast.total() > memory => {
                Error::out_of_memory(format!("{}{saved}", told(&forecast, memory)))
            }
            (Err(error), _) if error.is_unsupported() => error,
            (Ok(_), _) => return Ok(options.clone()),
            (Err(error), _) => return Err(error),
        };
        Err(match self.largest_batch(outline, options, &caps, memory)? {
            Some(batch) => refused.context(format!("batches of {batch} rows would fit")),
            None => refused.context("not even batches of 1 row would fit"),
        })
    }

    /// What plans are made for.
    pub(super) fn planning_caps(&self) -> Caps {
        Caps { choices: self.session.choices(), ..self.session.caps().clone() }
    }
}

/// The numbers of what does not fit.
fn told(forecast: &Forecast, memory: u64) -> String {
    let parts = Purpose::ALL.map(|purpose| format!("{} {}", purpose.name(), forecast.memory.of(purpose)));
    format!(
        "training in batches of {} rows takes {} bytes of device memory ({}; uploads {}, reads {}), there are {memory}",
        forecast.batch,
        forecast.total(),
        parts.join(", "),
        forecast.uploads,
        forecast.reads
    )
}
