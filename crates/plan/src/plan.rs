//! The plan: plain data that says what will run, in which memory, and what it costs.

use std::panic::Location;
use std::sync::Arc;

use anygrad_graph::core::{Array, DType};
use anygrad_graph::{Layout, Meta, NodeId, Op};

use crate::window::Window;

/// A slot by its number in [`Plan::slots`].
pub type SlotId = usize;

/// What a slot is for.
#[derive(Clone, Debug)]
pub enum Role {
    /// Written by the user before a run.
    Input(String),
    /// Kept between runs.
    State(String),
    /// States that are updated together: they are parts of it.
    Pack,
    /// Written once.
    Constant(Arc<Array>),
    /// Written by steps, and reused by later ones.
    Working,
}

/// A piece of device memory.
#[derive(Clone, Debug)]
pub struct Slot {
    /// What it is for.
    pub role: Role,
    /// What it holds; the largest of them for a working slot.
    pub bytes: u64,
    /// Where it is no memory of its own but a part of another slot.
    pub part: Option<Part>,
}

/// A place in another slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The other slot, which is no part itself.
    pub of: SlotId,
    /// Where it begins there, in bytes: a multiple of 256.
    pub offset: u64,
}

/// One thing that the device does.
#[derive(Clone, Debug)]
pub enum Action {
    /// A run of a kernel.
    Dispatch {
        /// The kernel's name.
        kernel: &'static str,
        /// Its text, with the hole filled.
        wgsl: Arc<str>,
        /// Whether it writes each storage binding.
        writes: Vec<bool>,
        /// Values of its `override` constants.
        overrides: Vec<(&'static str, f64)>,
        /// The bytes of its parameters.
        params: Vec<u8>,
        /// What its storage bindings show, in order.
        slots: Vec<SlotId>,
        /// For each storage binding the range of its slot that it shows, where that is not all.
        windows: Vec<Option<Window>>,
        /// Workgroups in each dimension.
        workgroups: [u32; 3],
    },
    /// A copy of the first bytes of a slot to the start of another.
    Copy {
        /// Read.
        from: SlotId,
        /// Written.
        to: SlotId,
        /// How many, a multiple of 4.
        bytes: u64,
    },
    /// An operator that the host computes by its reference, because the adapter's kernels for it
    /// are excluded.
    Host {
        /// The operator.
        op: Arc<dyn Op>,
        /// Where each input stands.
        inputs: Vec<(SlotId, Layout)>,
        /// Where each output goes, row-major.
        outputs: Vec<(SlotId, Meta)>,
    },
}

/// What a step, or all of them, cost, roughly, with the kernels that were chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Additions, multiplications and calls of pointwise functions; those with a padding's zeros count.
    pub operations: f64,
    /// Bytes of what is read and written, each once; of parts of sums, which are written and read, twice.
    pub bytes: u64,
    /// Bytes that would be written and read in between if the operators had not been joined.
    pub saved: u64,
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| Cost {
            operations: sum.operations + cost.operations,
            bytes: sum.bytes + cost.bytes,
            saved: sum.saved + cost.saved,
        })
    }
}

/// An operator, or several that were joined.
#[derive(Clone, Debug)]
pub struct Step {
    /// The names of the operators, joined by `+`.
    pub name: String,
    /// The line of the model, where there is one.
    pub line: Option<&'static Location<'static>>,
    /// The node of the graph that it computes, where there is one; the last one of several.
    pub node: Option<NodeId>,
    /// What was joined to the kernel, as an expression.
    pub epilogue: Option<String>,
    /// The pointwise functions that are called.
    pub functions: Vec<String>,
    /// Read slots.
    pub reads: Vec<SlotId>,
    /// Written slots.
    pub writes: Vec<SlotId>,
    /// What is written and how it stands, slot by slot.
    pub results: Vec<Layout>,
    /// What it needs for itself: slots, and how many of their bytes.
    pub scratch: Vec<(SlotId, u64)>,
    /// What the device does.
    pub actions: Vec<Action>,
    /// What that costs.
    pub cost: Cost,
    /// Whether it runs a second time, for the gradients, so that its result need not be held in between.
    pub again: bool,
}

/// Device memory in bytes, by what it is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Inputs.
    pub inputs: u64,
    /// Parameters and other state.
    pub states: u64,
    /// Constants.
    pub constants: u64,
    /// Results in between and outputs; this is the peak.
    pub working: u64,
    /// Parameters of dispatches.
    pub parameters: u64,
}

impl Memory {
    /// All together.
    pub fn total(&self) -> u64 {
        self.inputs + self.states + self.constants + self.working + self.parameters
    }
}

/// What was done so that a plan takes less memory; see [`Recompute`](crate::Recompute).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Saving {
    /// How many values are computed again for the gradients.
    pub recomputed: usize,
    /// In how many segments; 0 where nothing is.
    pub segments: usize,
    /// What the values are stored as that the gradients read.
    pub activations: DType,
    /// How many of them are rounded to that.
    pub rounded: usize,
    /// Working bytes without any of this.
    pub working_before: u64,
}

/// A compiled program.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Device memory.
    pub slots: Vec<Slot>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// Where the outputs stand, row-major, in the order they were asked for.
    pub outputs: Vec<(Meta, SlotId)>,
    /// The parameters of each dispatch begin at a multiple of this, in bytes.
    pub parameter_stride: u64,
    /// What was done to take less memory, where that was asked for.
    pub saving: Option<Saving>,
}

impl Plan {
    /// The number of dispatches of one run.
    pub fn dispatches(&self) -> usize {
        let actions = self.steps.iter().flat_map(|step| &step.actions);
        actions.filter(|action| matches!(action, Action::Dispatch { .. })).count()
    }

    /// What one run costs.
    pub fn cost(&self) -> Cost {
        self.steps.iter().map(|step| step.cost).sum()
    }

    /// What was done to take less memory, and what came of it, in a line; none where nothing was asked for.
    pub fn saving_text(&self) -> Option<String> {
        self.saving.as_ref().map(|saving| crate::display::saved(self, saving))
    }

    /// Operations of steps that run again, as a share of those of all others.
    pub fn more_operations(&self) -> f64 {
        let of = |again| {
            let steps = self.steps.iter().filter(|step| step.again == again);
            steps.map(|step| step.cost.operations).sum::<f64>()
        };
        of(true) / of(false).max(1.0)
    }

    /// The kernels that run, each named once.
    pub fn kernels(&self) -> Vec<&'static str> {
        let actions = self.steps.iter().flat_map(|step| &step.actions);
        let mut kernels: Vec<_> = actions
            .filter_map(|action| match action {
                Action::Dispatch { kernel, .. } => Some(*kernel),
                Action::Copy { .. } | Action::Host { .. } => None,
            })
            .collect();
        kernels.sort_unstable();
        kernels.dedup();
        kernels
    }

    /// The pointwise functions that are called, each named once.
    pub fn functions(&self) -> Vec<&str> {
        let mut functions: Vec<_> =
            self.steps.iter().flat_map(|step| &step.functions).map(String::as_str).collect();
        functions.sort_unstable();
        functions.dedup();
        functions
    }

    /// The slot whose memory a slot is or is a part of. One dispatch cannot read and write parts of it.
    pub fn memory_of(&self, slot: SlotId) -> SlotId {
        self.slots[slot].part.map_or(slot, |part| part.of)
    }

    /// The slots that are parts of one, in the order in which they stand there.
    pub fn parts_of(&self, slot: SlotId) -> Vec<(SlotId, Part)> {
        let parts = self.slots.iter().enumerate().filter_map(|(at, slot)| Some((at, slot.part?)));
        let mut parts: Vec<_> = parts.filter(|(_, part)| part.of == slot).collect();
        parts.sort_by_key(|(_, part)| part.offset);
        parts
    }

    /// Device memory that a session allocates for this plan. State that several plans of a session
    /// share is counted in each.
    pub fn memory(&self) -> Memory {
        let mut memory = Memory::default();
        for action in self.steps.iter().flat_map(|step| &step.actions) {
            if let Action::Dispatch { params, .. } = action {
                memory.parameters += (params.len() as u64).next_multiple_of(self.parameter_stride);
            }
        }
        for slot in self.slots.iter().filter(|slot| slot.part.is_none()) {
            *match slot.role {
                Role::Input(_) => &mut memory.inputs,
                Role::State(_) | Role::Pack => &mut memory.states,
                Role::Constant(_) => &mut memory.constants,
                Role::Working => &mut memory.working,
            } += slot.bytes;
        }
        memory
    }
}
