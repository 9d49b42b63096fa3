//! The plan: plain data that says what will run, in which memory, and what it costs.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use anygrad_graph::core::{Array, Caps, Error, Result};
use anygrad_graph::shaders::{self, Kernel, PointwiseParams};
use anygrad_graph::{Dispatch, Layout, Meta, Op, Operand, workgroups};

use crate::body::Body;
use crate::lower::{KernelWork, Source, Step as Lowered, StorageId, Work};
use crate::place::Placed;
use crate::slots::Slots;
use crate::wgsl::{Kind, hole};

/// A slot by its number in [`Plan::slots`].
pub type SlotId = usize;

/// What a slot is for.
#[derive(Clone, Debug)]
pub enum Role {
    /// Written by the user before a run.
    Input(String),
    /// Kept between runs.
    State(String),
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

/// An operator, or several that were joined.
#[derive(Clone, Debug)]
pub struct Step {
    /// The names of the operators, joined by `+`.
    pub name: String,
    /// The line of the model, where there is one.
    pub line: Option<&'static Location<'static>>,
    /// What was joined to the kernel, as an expression.
    pub epilogue: Option<String>,
    /// The pointwise functions that are called.
    pub functions: Vec<String>,
    /// Read slots.
    pub reads: Vec<SlotId>,
    /// Written slots.
    pub writes: Vec<SlotId>,
    /// What the device does.
    pub actions: Vec<Action>,
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

/// A compiled program.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Device memory.
    pub slots: Vec<Slot>,
    /// What runs, in order.
    pub steps: Vec<Step>,
    /// Where the outputs stand, row-major, in the order they were asked for.
    pub outputs: Vec<(Meta, SlotId)>,
    /// Distance between the parameters of two dispatches, in bytes.
    pub parameter_stride: u64,
}

impl Plan {
    /// The number of dispatches of one run.
    pub fn dispatches(&self) -> usize {
        let actions = self.steps.iter().flat_map(|step| &step.actions);
        actions.filter(|action| matches!(action, Action::Dispatch { .. })).count()
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

    /// Device memory that a session allocates for this plan. State that several plans of a session
    /// share is counted in each.
    pub fn memory(&self) -> Memory {
        let mut memory =
            Memory { parameters: self.dispatches() as u64 * self.parameter_stride, ..Memory::default() };
        for slot in &self.slots {
            *match slot.role {
                Role::Input(_) => &mut memory.inputs,
                Role::State(_) => &mut memory.states,
                Role::Constant(_) => &mut memory.constants,
                Role::Working => &mut memory.working,
            } += slot.bytes;
        }
        memory
    }
}

/// Buffers are whole groups of four elements, so that kernels may read and write them as such.
const GROUP_BYTES: u64 = 16;

pub(crate) fn assemble(placed: Placed, working: Slots, caps: &Caps) -> Result<Plan> {
    let mut assembly = Assembly {
        slot_of_home: vec![None; placed.program.storages.len()],
        plan: Plan {
            slots: working
                .bytes
                .iter()
                .map(|&bytes| Slot { role: Role::Working, bytes: padded(bytes) })
                .collect(),
            steps: Vec::new(),
            outputs: Vec::new(),
            parameter_stride: u64::from(caps.uniform_alignment.max(16)),
        },
        placed: &placed,
        working: &working,
        caps,
    };
    for step in &placed.program.steps {
        let at = |error: Error| {
            let error = error.context(&step.name);
            if let Some(line) = step.line { error.at(line) } else { error }
        };
        let step = assembly.step(step).map_err(at)?;
        if !step.actions.is_empty() {
            assembly.plan.steps.push(step);
        }
    }
    for &(meta, storage) in &placed.program.outputs {
        let slot = assembly.slot(storage)?;
        assembly.plan.outputs.push((meta, slot));
    }
    Ok(assembly.plan)
}

fn padded(bytes: u64) -> u64 {
    bytes.max(1).next_multiple_of(GROUP_BYTES)
}

struct Assembly<'a> {
    placed: &'a Placed,
    working: &'a Slots,
    caps: &'a Caps,
    slot_of_home: Vec<Option<SlotId>>,
    plan: Plan,
}

impl Assembly<'_> {
    /// The slot of a storage, made when it is first asked for.
    fn slot(&mut self, storage: StorageId) -> Result<SlotId> {
        let home = self.placed.home[storage];
        let storage = &self.placed.program.storages[home];
        let bytes = padded(storage.meta.bytes());
        let limit = self.caps.max_binding_bytes.min(self.caps.max_buffer_bytes);
        if bytes > limit {
            return Err(Error::unsupported(format!(
                "{} takes {bytes} bytes, one binding of the adapter shows {limit} at most",
                storage.meta
            )));
        }
        if let Some(slot) = self.slot_of_home[home] {
            return Ok(slot);
        }
        let role = match &storage.source {
            Source::Input(name) => Role::Input(name.clone()),
            Source::State(name) => Role::State(name.clone()),
            Source::Constant(array) => Role::Constant(Arc::clone(array)),
            Source::Step => {
                let slot = self.working.slot_of_storage[home];
                return slot.ok_or_else(|| Error::internal("a value was given no memory"));
            }
        };
        self.plan.slots.push(Slot { role, bytes });
        let slot = self.plan.slots.len() - 1;
        self.slot_of_home[home] = Some(slot);
        Ok(slot)
    }

    fn slots(&mut self, storages: &[StorageId]) -> Result<Vec<SlotId>> {
        storages.iter().map(|&storage| self.slot(storage)).collect()
    }

    fn step(&mut self, step: &Lowered) -> Result<Step> {
        let is_empty = |storage: &StorageId| self.placed.program.storages[*storage].meta.bytes() == 0;
        let actions = match &step.work {
            // A result without elements takes no work, and code for it could not be written.
            _ if step.outputs.iter().all(is_empty) => Vec::new(),
            Work::Pointwise(body) => vec![self.pointwise(body, step.outputs[0])?],
            Work::Kernels(work) => self.kernels(work, step)?,
            Work::Copy => {
                let bytes = self.placed.program.storages[step.outputs[0]].meta.bytes();
                let (from, to) = (self.slot(step.inputs[0])?, self.slot(step.outputs[0])?);
                vec![Action::Copy { from, to, bytes: bytes.next_multiple_of(4) }]
            }
            Work::Host(op, layouts) => {
                let inputs = self.slots(&step.inputs)?.into_iter().zip(layouts.iter().copied()).collect();
                let metas = step.outputs.iter().map(|&y| self.placed.program.storages[y].meta);
                let metas: Vec<Meta> = metas.collect();
                let outputs = self.slots(&step.outputs)?.into_iter().zip(metas).collect();
                vec![Action::Host { op: Arc::clone(op), inputs, outputs }]
            }
        };
        let reads: Vec<StorageId> = step.reads().collect();
        Ok(Step {
            name: step.name.clone(),
            line: step.line,
            epilogue: step.body().map(Body::to_string),
            functions: step.body().map_or(Vec::new(), Body::functions),
            reads: self.slots(&reads)?,
            writes: self.slots(&step.outputs)?,
            actions,
        })
    }

    fn pointwise(&mut self, body: &Body, output: StorageId) -> Result<Action> {
        let kernel = &shaders::POINTWISE;
        let meta = self.placed.program.storages[output].meta;
        let home = self.placed.home[output];
        let first = kernel.bindings.len() + 1;
        let hole = hole(body, &Kind::Value, meta.dtype, lanes(kernel), first, &self.placed.home, home);
        let groups = meta.shape.elements().div_ceil(lanes(kernel));
        let per_workgroup = (kernel.constant("SIZE") * kernel.constant("ITEMS")) as usize;
        let mut storages = vec![output];
        storages.extend(hole.storages);
        let mut writes = vec![false; storages.len()];
        writes[0] = true;
        let action = Action::Dispatch {
            kernel: kernel.name,
            wgsl: kernel.shader(Some(&hole.code)).into(),
            writes,
            overrides: Vec::new(),
            params: PointwiseParams { count: count(groups)? }.bytes(),
            slots: self.slots(&storages)?,
            workgroups: workgroups(groups.div_ceil(per_workgroup)),
        };
        self.checked(action)
    }

    fn kernels(&mut self, work: &KernelWork, step: &Lowered) -> Result<Vec<Action>> {
        let last = work.kernels.dispatches.len().saturating_sub(1);
        let dispatches = work.kernels.dispatches.iter().enumerate();
        dispatches
            .map(|(index, dispatch)| {
                let epilogue = work.epilogue.as_ref().filter(|_| index == last);
                self.dispatch(dispatch, work, step, epilogue)
            })
            .collect()
    }

    fn dispatch(
        &mut self,
        dispatch: &Dispatch,
        work: &KernelWork,
        step: &Lowered,
        epilogue: Option<&Body>,
    ) -> Result<Action> {
        let kernel = dispatch.kernel;
        let operand = |operand: &Operand| match *operand {
            Operand::Input(i) => step.inputs[i],
            Operand::Output(i) => step.outputs[i],
            Operand::Scratch(i) => work.scratch[i],
        };
        let mut storages: Vec<StorageId> = dispatch.bindings.iter().map(operand).collect();
        let mut writes: Vec<bool> = kernel.bindings.iter().map(|binding| binding.writes).collect();
        if storages.len() != writes.len() {
            return Err(Error::internal(format!(
                "{} has {} bindings, {} were given",
                kernel.name,
                writes.len(),
                storages.len()
            )));
        }
        let wgsl = match epilogue {
            None => kernel.shader(None),
            Some(body) => {
                let own = self.placed.home[step.outputs[0]];
                let dtype = self.placed.program.storages[step.outputs[0]].meta.dtype;
                let first = kernel.bindings.len() + 1;
                let home = &self.placed.home;
                let hole = hole(body, &Kind::Epilogue, dtype, lanes(kernel), first, home, own);
                storages.extend(hole.storages);
                writes.resize(storages.len(), false);
                kernel.shader(Some(&hole.code))
            }
        };
        let action = Action::Dispatch {
            kernel: kernel.name,
            wgsl: wgsl.into(),
            writes,
            overrides: dispatch.overrides.clone(),
            params: dispatch.params.clone(),
            slots: self.slots(&storages)?,
            workgroups: dispatch.workgroups,
        };
        self.checked(action)
    }

    /// Refuses what the adapter cannot do, with the numbers.
    fn checked(&self, action: Action) -> Result<Action> {
        let Action::Dispatch { kernel, slots, writes, workgroups, .. } = &action else { return Ok(action) };
        let caps = self.caps;
        if slots.len() > caps.max_storage_buffers as usize {
            return Err(Error::unsupported(format!(
                "{kernel} binds {} storage buffers, the adapter binds {}",
                slots.len(),
                caps.max_storage_buffers
            )));
        }
        if workgroups.iter().any(|&n| n > caps.max_workgroups) {
            return Err(Error::unsupported(format!(
                "{kernel} takes {workgroups:?} workgroups, the adapter {} in each dimension",
                caps.max_workgroups
            )));
        }
        let clash =
            |i: usize| writes[i] && slots.iter().enumerate().any(|(j, slot)| i != j && *slot == slots[i]);
        if (0..slots.len()).any(clash) {
            return Err(Error::internal(format!("{kernel} would read and write slots {slots:?} at once")));
        }
        Ok(action)
    }
}

/// How many elements one T of a kernel holds.
pub(crate) fn lanes(kernel: &Kernel) -> usize {
    if kernel.source.contains("const LANES = 4u") { 4 } else { 1 }
}

fn count(elements: usize) -> Result<u32> {
    u32::try_from(elements)
        .map_err(|_| Error::unsupported(format!("{elements} elements are more than a kernel can count")))
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |slot: &SlotId| match &self.slots[*slot].role {
            Role::Input(name) | Role::State(name) => name.clone(),
            Role::Constant(_) => format!("c{slot}"),
            Role::Working => format!("s{slot}"),
        };
        let names = |slots: &[SlotId]| slots.iter().map(name).collect::<Vec<_>>().join(", ");
        for (index, step) in self.steps.iter().enumerate() {
            write!(f, "{index:4}  {}  [{}] -> {}", step.name, names(&step.reads), names(&step.writes))?;
            if let Some(epilogue) = &step.epilogue {
                write!(f, "  {epilogue}")?;
            }
            for action in &step.actions {
                match action {
                    Action::Dispatch { kernel, workgroups: [x, y, z], .. } => {
                        write!(f, "\n        {kernel} ({x}, {y}, {z})")?;
                    }
                    Action::Copy { bytes, .. } => write!(f, "\n        copy {bytes} bytes")?,
                    Action::Host { op, .. } => write!(f, "\n        {} on the host", op.name())?,
                }
            }
            writeln!(f)?;
        }
        let memory = self.memory();
        writeln!(
            f,
            "{} dispatches; bytes: inputs {}, states {}, constants {}, working {} in {} slots, parameters {}, total {}",
            self.dispatches(),
            memory.inputs,
            memory.states,
            memory.constants,
            memory.working,
            self.slots.iter().filter(|slot| matches!(slot.role, Role::Working)).count(),
            memory.parameters,
            memory.total()
        )
    }
}
