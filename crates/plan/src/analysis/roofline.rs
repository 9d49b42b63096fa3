//! How long steps take at least, by what an adapter can do at most.

use serde::{Deserialize, Serialize};

use super::StepForecast;

/// The most that an adapter was seen to do, or is said to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roofline {
    /// Additions and multiplications a second, in `f32`.
    pub operations: f64,
    /// Bytes a second, read and written together.
    pub bytes: f64,
    /// Seconds that a dispatch costs beside its work.
    pub dispatch: f64,
    /// Seconds that a submit costs beside its work.
    pub submit: f64,
}

impl Roofline {
    /// Seconds of a step: arithmetic or memory, whichever takes longer, and its dispatches.
    pub fn seconds(&self, step: &StepForecast) -> f64 {
        let work = (step.operations / self.operations).max(step.bytes as f64 / self.bytes);
        work + self.dispatch * step.dispatches as f64
    }
}
