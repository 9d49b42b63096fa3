//! assemble: placed steps become actions on slots, within the adapter's limits.

use std::collections::BTreeSet;
use std::sync::Arc;

use anygrad_graph::core::{Caps, Error, Result};
use anygrad_graph::shaders::{self, Kernel, PointwiseParams};
use anygrad_graph::{Dispatch, Meta, Operand, workgroups};

use crate::body::{Body, Load};
use crate::lower::{KernelWork, Source, Step as Lowered, StorageId, Work};
use crate::place::Placed;
use crate::plan::{Action, Cost, Part, Plan, Role, Saving, Slot, SlotId, Step};
use crate::slots::Slots;
use crate::wgsl::{Kind, hole};
use crate::window::{Window, is_aligned, range};

/// Buffers are whole groups of four elements, so that kernels may read and write them as such.
const GROUP_BYTES: u64 = 16;

pub(crate) fn assemble(placed: Placed, working: Slots, saving: Option<Saving>, caps: &Caps) -> Result<Plan> {
    let mut assembly = Assembly {
        slot_of_home: vec![None; placed.program.storages.len()],
        plan: Plan {
            slots: working
                .bytes
                .iter()
                .map(|&bytes| Slot { role: Role::Working, bytes: padded(bytes), part: None })
                .collect(),
            steps: Vec::new(),
            outputs: Vec::new(),
            parameter_stride: u64::from(caps.uniform_alignment.max(16)),
            saving,
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

pub(crate) fn padded(bytes: u64) -> u64 {
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
        let bytes = padded(storage.meta().bytes());
        let limit = self.caps.max_buffer_bytes;
        if bytes > limit {
            return Err(Error::unsupported(format!(
                "{} takes {bytes} bytes, the adapter's largest buffer has {limit}",
                storage.meta()
            )));
        }
        if let Some(slot) = self.slot_of_home[home] {
            return Ok(slot);
        }
        let mut part = None;
        if let Some(&(whole, offset)) = self.placed.part.get(&home) {
            part = Some(Part { of: self.slot(whole)?, offset });
            // The slot of a pack makes those of its states.
            if let Some(slot) = self.slot_of_home[home] {
                return Ok(slot);
            }
        }
        let role = match &storage.source {
            Source::Input(name) => Role::Input(name.clone()),
            Source::State(name) => Role::State(name.clone()),
            Source::Constant(array) => Role::Constant(Arc::clone(array)),
            Source::Pack => Role::Pack,
            Source::Step if part.is_some() => Role::Working,
            Source::Step => {
                let slot = self.working.slot_of_storage[home];
                return slot.ok_or_else(|| Error::internal("a value was given no memory"));
            }
        };
        self.plan.slots.push(Slot { role, bytes, part });
        let slot = self.plan.slots.len() - 1;
        self.slot_of_home[home] = Some(slot);
        if matches!(self.placed.program.storages[home].source, Source::Pack) {
            let parts = self.placed.part.iter().filter(|(_, (whole, _))| *whole == home);
            let mut members: Vec<(u64, StorageId)> =
                parts.map(|(&member, &(_, offset))| (offset, member)).collect();
            members.sort_unstable();
            members.into_iter().try_for_each(|(_, member)| self.slot(member).map(|_| ()))?;
        }
        Ok(slot)
    }

    fn slots(&mut self, storages: &[StorageId]) -> Result<Vec<SlotId>> {
        storages.iter().map(|&storage| self.slot(storage)).collect()
    }

    fn step(&mut self, step: &Lowered) -> Result<Step> {
        let is_empty = |storage: &StorageId| self.placed.program.storages[*storage].meta().bytes() == 0;
        let actions = match &step.work {
            // A result without elements takes no work, and code for it could not be written.
            _ if step.outputs.iter().all(is_empty) => Vec::new(),
            Work::Pointwise(body) => self.pointwise(body, step.outputs[0])?,
            Work::Kernels(work) => self.kernels(work, step)?,
            Work::Copy => {
                let bytes = self.placed.program.storages[step.outputs[0]].meta().bytes();
                let (from, to) = (self.slot(step.inputs[0])?, self.slot(step.outputs[0])?);
                vec![Action::Copy { from, to, bytes: bytes.next_multiple_of(4) }]
            }
            Work::Host(op, layouts) => {
                let inputs = self.slots(&step.inputs)?.into_iter().zip(layouts.iter().copied()).collect();
                let metas = step.outputs.iter().map(|&y| self.placed.program.storages[y].meta());
                let metas: Vec<Meta> = metas.collect();
                let outputs = self.slots(&step.outputs)?.into_iter().zip(metas).collect();
                vec![Action::Host { op: Arc::clone(op), inputs, outputs }]
            }
        };
        let reads: Vec<StorageId> = step.reads().collect();
        let bytes = step.scratch().iter().map(|&s| padded(self.placed.program.storages[s].meta().bytes()));
        let bytes: Vec<u64> = bytes.collect();
        let scratch = self.slots(step.scratch())?.into_iter().zip(bytes).collect();
        Ok(Step {
            name: step.name.clone(),
            line: step.line,
            node: step.node,
            epilogue: step.body().map(Body::to_string),
            functions: step.body().map_or(Vec::new(), Body::functions),
            reads: self.slots(&reads)?,
            writes: self.slots(&step.outputs)?,
            results: step.outputs.iter().map(|&output| self.placed.program.storages[output].layout).collect(),
            scratch,
            actions,
            cost: self.cost(step, &reads),
            again: step.again,
        })
    }

    fn cost(&self, step: &Lowered, reads: &[StorageId]) -> Cost {
        let storages = &self.placed.program.storages;
        let read: BTreeSet<StorageId> = reads.iter().copied().collect();
        let moved = read.into_iter().chain(step.outputs.iter().copied());
        // Parts of sums are written, and read again.
        let parts = step.scratch().iter().flat_map(|&storage| [storage; 2]);
        let results = step.outputs.first().map_or(0, |&y| storages[y].meta().shape.elements());
        Cost {
            operations: step.operations + (step.body().map_or(0, Body::calls) * results) as f64,
            bytes: moved.chain(parts).map(|storage| storages[storage].meta().bytes()).sum(),
            saved: step.saved,
        }
    }

    fn pointwise(&mut self, body: &Body, output: StorageId) -> Result<Vec<Action>> {
        let kernel = &shaders::POINTWISE;
        let storages = &self.placed.program.storages;
        let meta = storages[output].meta();
        let home = self.placed.home[output];
        let lanes = lanes(kernel);
        let groups = meta.shape.elements().div_ceil(lanes);
        // Bytes of a group of each storage that is read or written group by group, in ranges.
        let limit = self.caps.max_binding_bytes;
        let fits = |storage: StorageId| padded(storages[storage].meta().bytes()) <= limit;
        let group_bytes = |meta: Meta| (lanes * meta.dtype.size()) as u64;
        let in_step = |load: &Load| {
            load.layout.is_dense()
                && load.layout.shape().elements() == meta.shape.elements()
                && is_aligned((load.layout.offset * load.layout.meta.dtype.size()) as u64)
        };
        let whole = fits(output) && body.loads.iter().all(|load| fits(load.storage));
        let ranges = if whole {
            groups.max(1)
        } else {
            let loads = body.loads.iter().filter(|load| in_step(load)).map(|load| load.layout.meta);
            let bytes: Vec<u64> = loads.chain([meta]).map(group_bytes).collect();
            // A binding ends at a whole group of 16 bytes.
            range(&bytes, limit.saturating_sub(GROUP_BYTES)).unwrap_or(groups)
        };
        let cut = |load: &Load| !whole && in_step(load);
        let first_binding = kernel.bindings.len() + 1;
        let hole = hole(
            body,
            &Kind::Value { whole },
            meta.dtype,
            lanes,
            first_binding,
            &self.placed.home,
            home,
            &cut,
        );
        let per_workgroup = (kernel.constant("SIZE") * kernel.constant("ITEMS")) as usize;
        let wgsl: Arc<str> = kernel.shader(Some(&hole.code)).into();
        let bound = [&[output][..], &hole.storages].concat();
        let slots = self.slots(&bound)?;
        let mut writes = vec![false; slots.len()];
        writes[0] = true;
        let mut actions = Vec::new();
        for first in (0..groups).step_by(ranges) {
            let count = ranges.min(groups - first);
            let window = |meta: Meta, offset: u64| Window {
                offset: offset + first as u64 * group_bytes(meta),
                bytes: (count as u64 * group_bytes(meta)).next_multiple_of(GROUP_BYTES),
            };
            let mut windows = vec![(!whole).then(|| window(meta, 0))];
            windows.extend(hole.cuts.iter().map(|cut| {
                let layout = (*cut)?;
                Some(window(layout.meta, (layout.offset * layout.meta.dtype.size()) as u64))
            }));
            actions.push(self.checked(Action::Dispatch {
                kernel: kernel.name,
                wgsl: Arc::clone(&wgsl),
                writes: writes.clone(),
                overrides: self.overrides(kernel, &[]),
                params: PointwiseParams { count: count_of(count)?, first: count_of(first)? }.bytes(),
                slots: slots.clone(),
                windows: self.windows(&bound, &slots, windows),
                workgroups: workgroups(count.div_ceil(per_workgroup)),
            })?);
        }
        Ok(actions)
    }

    fn kernels(&mut self, work: &KernelWork, step: &Lowered) -> Result<Vec<Action>> {
        let last = work.kernels.dispatches.len().saturating_sub(1);
        let dispatches = work.kernels.dispatches.iter().enumerate();
        dispatches
            .map(|(index, dispatch)| {
                let epilogue = work.epilogue.as_ref().filter(|_| index == last);
                let windows = work.windows.get(index).cloned().unwrap_or_default();
                self.dispatch(dispatch, work, step, epilogue, windows)
            })
            .collect()
    }

    fn dispatch(
        &mut self,
        dispatch: &Dispatch,
        work: &KernelWork,
        step: &Lowered,
        epilogue: Option<&Body>,
        mut windows: Vec<Option<Window>>,
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
                let dtype = self.placed.program.storages[step.outputs[0]].meta().dtype;
                let first = kernel.bindings.len() + 1;
                let home = &self.placed.home;
                let whole = |_: &Load| false;
                let hole = hole(body, &Kind::Epilogue, dtype, lanes(kernel), first, home, own, &whole);
                storages.extend(hole.storages);
                writes.resize(storages.len(), false);
                kernel.shader(Some(&hole.code))
            }
        };
        windows.resize(storages.len(), None);
        let slots = self.slots(&storages)?;
        let action = Action::Dispatch {
            kernel: kernel.name,
            wgsl: wgsl.into(),
            writes,
            overrides: self.overrides(kernel, &dispatch.overrides),
            params: dispatch.params.clone(),
            windows: self.windows(&storages, &slots, windows),
            slots,
            workgroups: dispatch.workgroups,
        };
        self.checked(action)
    }

    /// These windows, and one for each value whose slot, made for a larger one, does not fit a binding.
    fn windows(
        &self,
        storages: &[StorageId],
        slots: &[SlotId],
        mut windows: Vec<Option<Window>>,
    ) -> Vec<Option<Window>> {
        for ((storage, slot), window) in storages.iter().zip(slots).zip(&mut windows) {
            let bytes = padded(self.placed.program.storages[*storage].meta().bytes());
            if window.is_none() && self.plan.slots[*slot].bytes > self.caps.max_binding_bytes {
                *window = Some(Window { offset: 0, bytes });
            }
        }
        windows
    }

    /// What an operator asks for, and what depends on the sort of adapter alone.
    fn overrides(&self, kernel: &Kernel, asked: &[(&'static str, f64)]) -> Vec<(&'static str, f64)> {
        const CONTIGUOUS: &str = "CONTIGUOUS";
        let mut overrides = asked.to_vec();
        if self.caps.is_cpu() && kernel.overrides.contains(&CONTIGUOUS) {
            overrides.push((CONTIGUOUS, 1.0));
        }
        overrides
    }

    /// Refuses what the adapter cannot do, with the numbers.
    fn checked(&self, action: Action) -> Result<Action> {
        let Action::Dispatch { kernel, slots, windows, writes, workgroups, .. } = &action else {
            return Ok(action);
        };
        let caps = self.caps;
        for (slot, window) in slots.iter().zip(windows) {
            let bytes = window.map_or(self.plan.slots[*slot].bytes, |window| window.bytes);
            if bytes > caps.max_binding_bytes {
                return Err(Error::unsupported(format!(
                    "{kernel} reads or writes a value of {bytes} bytes as a whole, one binding of the adapter \
                     shows {} at most",
                    caps.max_binding_bytes
                )));
            }
        }
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
        let memory: Vec<SlotId> = slots.iter().map(|&slot| self.plan.memory_of(slot)).collect();
        let is_shared =
            |i: usize, j: usize| i != j && memory[i] == memory[j] && !(writes[j] && slots[i] != slots[j]);
        let clash = |i: usize| writes[i] && (0..slots.len()).any(|j| is_shared(i, j));
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

fn count_of(elements: usize) -> Result<u32> {
    u32::try_from(elements)
        .map_err(|_| Error::unsupported(format!("{elements} elements are more than a kernel can count")))
}
