//! Programs: compiled graphs with their buffers, ready to run.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use anygrad_core::{Array, Context, Error, Result};
use anygrad_graph::{Graph, Interpreter, Meta, ValueId};
use anygrad_plan::{Action, Plan, Role, Slot, SlotId, Step};

use super::profile::Work;
use super::recorder::{Recorder, noted};
use super::states::States;
use super::{Pending, check_meta, read_array};
use crate::device::{Command, Device};
use crate::guard::lock;
use crate::host::{HostStep, wait, write_padded};
use crate::region::Region;

/// A compiled graph: write its inputs, run it, read its outputs.
pub struct Program {
    /// Shape of each input, and whether it was written.
    pub(super) inputs: HashMap<String, (Meta, bool)>,
    pub(super) compiled: Compiled,
    /// The part of the model that each step of the plan is due to, by the path of a layer.
    pub(super) layers: Vec<Option<Arc<str>>>,
    /// What a run consists of, once a profile asked for it.
    pub(super) work: Option<Arc<[Work]>>,
    pub(super) recorder: Option<Recorder>,
}

pub(super) enum Compiled {
    Interpreter {
        interpreter: Arc<Mutex<Interpreter>>,
        graph: Graph,
        outputs: Vec<ValueId>,
        results: Option<Vec<Array>>,
    },
    Device(DeviceProgram),
}

pub(super) struct DeviceProgram {
    pub(super) device: Device,
    pub(super) plan: Plan,
    pub(super) states: Arc<Mutex<States>>,
    /// Where each slot stands.
    regions: Vec<Region>,
    /// How often states had moved then.
    moves: u64,
    inputs: HashMap<String, Region>,
    pub(super) parts: Vec<Part>,
    pub(super) was_run: bool,
}

/// What runs in one go.
pub(super) enum Part {
    Device(Vec<Command>),
    Host(HostStep),
}

impl Part {
    /// How many actions it runs.
    fn len(&self) -> usize {
        match self {
            Part::Device(commands) => commands.len(),
            Part::Host(_) => 1,
        }
    }

    pub(super) fn run(&self, device: &Device) -> Result<()> {
        match self {
            Part::Device(commands) => device.submit(commands),
            Part::Host(step) => step.run(device).context(|| format!("{} on the host", step.op.name())),
        }
    }
}

impl Program {
    /// Sets an input for the next runs.
    ///
    /// # Errors
    /// There is no such input, it has another shape or dtype, or the device failed.
    pub fn write(&mut self, name: &str, array: &Array) -> Result<()> {
        let Some((meta, is_written)) = self.inputs.get_mut(name) else {
            let mut names: Vec<&String> = self.inputs.keys().collect();
            names.sort();
            return Err(Error::input(format!("no input is called {name:?}; there is {names:?}")));
        };
        check_meta("input", name, *meta, array)?;
        noted(
            &self.recorder,
            "upload",
            || format!("{name} {meta}"),
            || {
                match &self.compiled {
                    Compiled::Interpreter { interpreter, .. } => lock(interpreter).write(name, array),
                    Compiled::Device(program) => {
                        // Inputs that nothing depends on have no buffer.
                        if let Some(region) = program.inputs.get(name) {
                            write_padded(&program.device, region, array)?;
                        }
                    }
                }
                Ok(())
            },
        )?;
        *is_written = true;
        Ok(())
    }

    /// Runs the program once: one submit on a device, which comes back before it is done. With a
    /// [`Recorder`] it is timed and waited for.
    ///
    /// # Errors
    /// An input was not written, or the device failed.
    pub fn run(&mut self) -> Result<()> {
        if let Some(recorder) = self.recorder.clone() {
            return wait(self.run_profiled(recorder.clock()))?.map(|_| ());
        }
        self.check_inputs()?;
        self.run_written()
    }

    /// Runs the program once, one action after the other: each is done before `after` hears of it and
    /// the next one starts. Results are those of [`Program::run`]; with it a profiler takes times. On
    /// the interpreter there are no actions.
    ///
    /// # Errors
    /// As [`Program::run`].
    pub fn run_step_by_step(&mut self, after: &mut dyn FnMut(&Step, &Action)) -> Result<()> {
        self.check_inputs()?;
        let Compiled::Device(program) = &mut self.compiled else { return self.run_written() };
        let steps = program.plan.steps.iter().enumerate();
        let actions: Vec<(usize, usize)> =
            steps.flat_map(|(step, s)| (0..s.actions.len()).map(move |action| (step, action))).collect();
        let parts = program.parts.iter().enumerate();
        let places: Vec<(usize, usize)> =
            parts.flat_map(|(part, p)| (0..p.len()).map(move |place| (part, place))).collect();
        for ((part, place), (step, action)) in places.into_iter().zip(actions) {
            program.run_one(part, place)?;
            let step = &program.plan.steps[step];
            after(step, &step.actions[action]);
        }
        program.was_run = true;
        Ok(())
    }

    pub(super) fn check_inputs(&self) -> Result<()> {
        match self.inputs.iter().find(|(_, (_, is_written))| !is_written) {
            Some((name, _)) => Err(Error::input(format!("the input {name:?} was not written"))),
            None => Ok(()),
        }
    }

    fn run_written(&mut self) -> Result<()> {
        match &mut self.compiled {
            Compiled::Interpreter { interpreter, graph, outputs, results } => {
                let values = lock(interpreter).run_values(graph, outputs)?;
                *results = Some(values.iter().map(|value| value.to_array()).collect());
            }
            Compiled::Device(program) => {
                let states = Arc::clone(&program.states);
                // States must not move before everything is submitted.
                let mut states = lock(&states);
                program.settle(&mut states)?;
                program.parts.iter().try_for_each(|part| part.run(&program.device))?;
                program.was_run = true;
            }
        }
        Ok(())
    }

    /// An output of the last run, by its place in the list given to [`Session::compile`](crate::Session::compile).
    ///
    /// # Errors
    /// There is no such output, nothing was run yet, or the device failed.
    pub async fn read(&self, output: usize) -> Result<Array> {
        let missing = || Error::input(format!("output {output} does not exist, or nothing was run yet"));
        let _noted = Recorder::note_until_dropped(&self.recorder, "read", || format!("output {output}"));
        match &self.compiled {
            Compiled::Device(program) if program.was_run => {
                let &(meta, slot) = program.plan.outputs.get(output).ok_or_else(missing)?;
                read_array(&program.device, &program.regions[slot], meta).await
            }
            Compiled::Interpreter { results: Some(results), .. } => {
                results.get(output).cloned().ok_or_else(missing)
            }
            _ => Err(missing()),
        }
    }

    /// An output of the last run, as [`Program::read`], without waiting for it: the program may run again
    /// meanwhile.
    ///
    /// # Errors
    /// As [`Program::read`].
    pub fn read_later(&self, output: usize) -> Result<Pending> {
        let missing = || Error::input(format!("output {output} does not exist, or nothing was run yet"));
        match &self.compiled {
            Compiled::Device(program) if program.was_run => {
                let &(meta, slot) = program.plan.outputs.get(output).ok_or_else(missing)?;
                Pending::read(&program.device, &program.regions[slot], meta)
            }
            Compiled::Interpreter { results: Some(results), .. } => {
                results.get(output).cloned().map(Pending::known).ok_or_else(missing)
            }
            _ => Err(missing()),
        }
    }

    /// The plan; none on the interpreter.
    pub fn plan(&self) -> Option<&Plan> {
        match &self.compiled {
            Compiled::Device(program) => Some(&program.plan),
            Compiled::Interpreter { .. } => None,
        }
    }

    /// Has the driver compile all kernels now, not at the first run.
    ///
    /// # Errors
    /// The device failed.
    pub fn warm_up(&self) -> Result<()> {
        match &self.compiled {
            Compiled::Device(program) => program.parts.iter().try_for_each(|part| match part {
                Part::Device(commands) => program.device.warm_up(commands),
                Part::Host(_) => Ok(()),
            }),
            Compiled::Interpreter { .. } => Ok(()),
        }
    }
}

impl DeviceProgram {
    pub(super) fn new(device: &Device, states: &Arc<Mutex<States>>, plan: Plan) -> Result<Self> {
        let states = Arc::clone(states);
        let is_output = |number| plan.outputs.iter().any(|(_, slot)| *slot == number);
        let mut inputs = HashMap::new();
        let mut settled = lock(&states);
        let memory = settled.settle(device, &plan)?;
        let moves = settled.moves();
        drop(settled);
        let regions = regions(&plan, &mut |number, slot| {
            let make = |label: &str| device.buffer(label, slot.bytes).map(Region::from);
            match &slot.role {
                Role::Input(name) => {
                    let region = Region::from(device.shared_buffer(name, slot.bytes)?);
                    inputs.insert(name.clone(), region.clone());
                    Ok(region)
                }
                Role::State(_) | Role::Pack => settled_at(&memory, number),
                Role::Constant(array) => {
                    let region = make(&format!("constant {number}"))?;
                    write_padded(device, &region, array)?;
                    Ok(region)
                }
                Role::Working if is_output(number) => {
                    device.shared_buffer(&format!("slot {number}"), slot.bytes).map(Region::from)
                }
                Role::Working => make(&format!("slot {number}")),
            }
        })?;
        let parts = parts(device, &plan, &regions)?;
        let device = device.clone();
        Ok(DeviceProgram { device, plan, states, regions, moves, inputs, parts, was_run: false })
    }

    /// Runs one action of one part, and waits for it. States may move before the next.
    fn run_one(&mut self, part: usize, place: usize) -> Result<()> {
        let states = Arc::clone(&self.states);
        let mut states = lock(&states);
        self.settle(&mut states)?;
        match &self.parts[part] {
            Part::Device(commands) => self.device.submit(&commands[place..=place])?,
            host @ Part::Host(_) => host.run(&self.device)?,
        }
        self.device.wait()
    }

    /// Binds the states anew where some have moved.
    pub(super) fn settle(&mut self, states: &mut States) -> Result<()> {
        if states.moves() == self.moves {
            return Ok(());
        }
        let memory = states.settle(&self.device, &self.plan)?;
        let regions = regions(&self.plan, &mut |number, slot| match slot.role {
            Role::State(_) | Role::Pack => settled_at(&memory, number),
            _ => Ok(self.regions[number].clone()),
        })?;
        if regions != self.regions {
            self.parts = parts(&self.device, &self.plan, &regions)?;
            self.regions = regions;
        }
        self.moves = states.moves();
        Ok(())
    }
}

fn settled_at(memory: &BTreeMap<SlotId, Region>, slot: SlotId) -> Result<Region> {
    memory.get(&slot).cloned().ok_or_else(|| Error::internal(format!("slot {slot} stands nowhere")))
}

/// Where each slot stands: `make` tells it of those that are no parts of others.
pub(super) fn regions(
    plan: &Plan,
    make: &mut dyn FnMut(SlotId, &Slot) -> Result<Region>,
) -> Result<Vec<Region>> {
    let mut wholes: Vec<Option<Region>> = vec![None; plan.slots.len()];
    for (number, slot) in plan.slots.iter().enumerate().filter(|(_, slot)| slot.part.is_none()) {
        wholes[number] = Some(make(number, slot)?);
    }
    let region = |(number, slot): (SlotId, &Slot)| {
        let whole = wholes[plan.memory_of(number)].as_ref();
        let whole = whole.ok_or_else(|| Error::internal(format!("slot {number} is a part of a part")))?;
        Ok(slot.part.map_or_else(|| whole.clone(), |part| whole.part(part.offset, slot.bytes)))
    };
    plan.slots.iter().enumerate().map(region).collect()
}

/// The plan's actions as commands: one part, unless the host has to do something in between. The
/// parameters of all dispatches stand in one uniform buffer.
pub(super) fn parts(device: &Device, plan: &Plan, regions: &[Region]) -> Result<Vec<Part>> {
    let actions = || plan.steps.iter().flat_map(|step| &step.actions);
    let stride = plan.parameter_stride as usize;
    let mut bytes = Vec::new();
    let mut offsets = Vec::new();
    for action in actions() {
        if let Action::Dispatch { params, .. } = action {
            offsets.push(bytes.len() as u64);
            bytes.extend_from_slice(params);
            bytes.resize(bytes.len().next_multiple_of(stride), 0);
        }
    }
    let uniform = (!bytes.is_empty()).then(|| device.uniform("parameters", &bytes)).transpose()?;
    let mut offsets = offsets.into_iter();
    let mut parts = Vec::new();
    let mut commands = Vec::new();
    for action in actions() {
        match action {
            Action::Dispatch { kernel, wgsl, writes, overrides, params, slots, windows, workgroups } => {
                let pipeline = device.pipeline(kernel, wgsl, writes, overrides)?;
                let storage = slots.iter().zip(windows).map(|(&slot, window)| match window {
                    Some(window) => regions[slot].part(window.offset, window.bytes),
                    None => regions[slot].clone(),
                });
                let storage: Vec<Region> = storage.collect();
                let (Some(uniform), Some(offset)) = (&uniform, offsets.next()) else {
                    return Err(Error::internal(format!("{kernel} has no parameters")));
                };
                let block = (uniform, offset, params.len() as u64);
                let bindings = device.bind_regions(&pipeline, block, &storage)?;
                commands.push(Command::Dispatch { pipeline, bindings, workgroups: *workgroups });
            }
            Action::Copy { from, to, bytes } => {
                let (from, to) = (regions[*from].clone(), regions[*to].clone());
                commands.push(Command::Copy { from, to, bytes: *bytes });
            }
            Action::Host { op, inputs, outputs } => {
                parts.push(Part::Device(std::mem::take(&mut commands)));
                parts.push(Part::Host(HostStep {
                    op: Arc::clone(op),
                    inputs: inputs.iter().map(|&(slot, layout)| (regions[slot].clone(), layout)).collect(),
                    outputs: outputs.iter().map(|&(slot, meta)| (regions[slot].clone(), meta)).collect(),
                }));
            }
        }
    }
    parts.push(Part::Device(commands));
    Ok(parts)
}
