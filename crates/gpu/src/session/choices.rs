//! What the programs of a session go by, where it was measured.

use anygrad_core::{Caps, Choices};

use super::Session;
use crate::guard::lock;

impl Session {
    /// Which ways operators run, where that was measured.
    pub fn choices(&self) -> Choices {
        lock(&self.0.choices).clone()
    }

    /// Has the programs that are compiled from now on go by these choices. Programs that were compiled
    /// stay what they are: nothing changes in the middle of a training.
    pub fn choose(&self, choices: Choices) {
        *lock(&self.0.choices) = choices;
    }

    /// What plans are made for.
    pub(crate) fn plan_caps(&self) -> Caps {
        Caps { choices: self.choices(), ..self.0.caps.clone() }
    }
}
