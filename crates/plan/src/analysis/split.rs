//! Bytes by what they are for.

use std::ops::{Add, AddAssign};

use serde::Serialize;

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// The model: what is learned, what is frozen, running statistics.
    Parameters,
    /// Gradients of parameters.
    Gradients,
    /// What the optimizer keeps, counters, and sums over batches.
    Optimizer,
    /// Results of the forward pass.
    Activations,
    /// Gradients of activations, parts of sums, memory that is not in use, parameters of dispatches.
    Workspace,
    /// What is written before each run.
    Inputs,
    /// What the graph knows from the start.
    Constants,
}

impl Purpose {
    /// All, in the order in which they are told.
    pub const ALL: [Purpose; 7] = [
        Purpose::Parameters,
        Purpose::Gradients,
        Purpose::Optimizer,
        Purpose::Activations,
        Purpose::Workspace,
        Purpose::Inputs,
        Purpose::Constants,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Parameters => "parameters",
            Purpose::Gradients => "gradients",
            Purpose::Optimizer => "optimizer state",
            Purpose::Activations => "activations",
            Purpose::Workspace => "workspace",
            Purpose::Inputs => "inputs",
            Purpose::Constants => "constants",
        }
    }
}

/// Bytes of device memory by what they are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Split {
    /// See [`Purpose::Parameters`].
    pub parameters: u64,
    /// See [`Purpose::Gradients`].
    pub gradients: u64,
    /// See [`Purpose::Optimizer`].
    pub optimizer: u64,
    /// See [`Purpose::Activations`].
    pub activations: u64,
    /// See [`Purpose::Workspace`].
    pub workspace: u64,
    /// See [`Purpose::Inputs`].
    pub inputs: u64,
    /// See [`Purpose::Constants`].
    pub constants: u64,
}

impl Split {
    /// All together.
    pub fn total(&self) -> u64 {
        Purpose::ALL.into_iter().map(|purpose| self.of(purpose)).sum()
    }

    /// The bytes for one purpose.
    pub fn of(&self, purpose: Purpose) -> u64 {
        match purpose {
            Purpose::Parameters => self.parameters,
            Purpose::Gradients => self.gradients,
            Purpose::Optimizer => self.optimizer,
            Purpose::Activations => self.activations,
            Purpose::Workspace => self.workspace,
            Purpose::Inputs => self.inputs,
            Purpose::Constants => self.constants,
        }
    }

    /// Adds bytes for a purpose.
    pub fn add(&mut self, purpose: Purpose, bytes: u64) {
        *self.of_mut(purpose) += bytes;
    }

    /// What is left without a part of it.
    pub(super) fn without(mut self, part: &Split) -> Split {
        Purpose::ALL.into_iter().for_each(|purpose| *self.of_mut(purpose) -= part.of(purpose));
        self
    }

    fn of_mut(&mut self, purpose: Purpose) -> &mut u64 {
        match purpose {
            Purpose::Parameters => &mut self.parameters,
            Purpose::Gradients => &mut self.gradients,
            Purpose::Optimizer => &mut self.optimizer,
            Purpose::Activations => &mut self.activations,
            Purpose::Workspace => &mut self.workspace,
            Purpose::Inputs => &mut self.inputs,
            Purpose::Constants => &mut self.constants,
        }
    }
}

impl Add for Split {
    type Output = Split;

    fn add(mut self, other: Split) -> Split {
        self += other;
        self
    }
}

impl AddAssign for Split {
    fn add_assign(&mut self, other: Split) {
        Purpose::ALL.into_iter().for_each(|purpose| self.add(purpose, other.of(purpose)));
    }
}
