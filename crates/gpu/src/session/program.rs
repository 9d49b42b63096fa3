//! Programs: compiled graphs with their buffers, ready to run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anygrad_core::{Array, Context, Error, Result};
use anygrad_graph::{Graph, Interpreter, Meta, ValueId};
use anygrad_plan::{Action, Plan, Role, SlotId, Step};

use super::profile::Work;
use super::recorder::{Recorder, noted};
use super::{check_meta, read_array, state_buffer};
use crate::buffer::Buffer;
use crate::device::{Command, Device};
use crate::guard::lock;
use crate::host::{HostStep, wait, write_padded};

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
    inputs: HashMap<String, Buffer>,
    outputs: Vec<Buffer>,
    pub(super) parts: Vec<Part>,
    pub(super) was_run: bool,
}

/// What runs in one go.
pub(super) enum Part {
    Device(Vec<Command>),
    Host(HostStep),
}

impl Part {
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
                        if let Some(buffer) = program.inputs.get(name) {
                            write_padded(&program.device, buffer, array)?;
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
        let mut actions =
            program.plan.steps.iter().flat_map(|step| step.actions.iter().map(move |action| (step, action)));
        let mut done = || {
            if let Some((step, action)) = actions.next() {
                after(step, action);
            }
        };
        for part in &program.parts {
            match part {
                Part::Device(commands) => {
                    for command in commands {
                        program.device.submit(std::slice::from_ref(command))?;
                        program.device.wait()?;
                        done();
                    }
                }
                Part::Host(_) => {
                    part.run(&program.device)?;
                    done();
                }
            }
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
                let buffer = program.outputs.get(output).ok_or_else(missing)?;
                read_array(&program.device, buffer, program.plan.outputs[output].0).await
            }
            Compiled::Interpreter { results: Some(results), .. } => {
                results.get(output).cloned().ok_or_else(missing)
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
    pub(super) fn new(device: &Device, states: &Mutex<HashMap<String, Buffer>>, plan: Plan) -> Result<Self> {
        let mut inputs = HashMap::new();
        let mut buffers: Vec<Buffer> = Vec::with_capacity(plan.slots.len());
        for (number, slot) in plan.slots.iter().enumerate() {
            buffers.push(match &slot.role {
                Role::Input(name) => {
                    let buffer = device.buffer(name, slot.bytes)?;
                    inputs.insert(name.clone(), buffer.clone());
                    buffer
                }
                Role::State(name) => state_buffer(device, states, name, slot.bytes)?,
                Role::Constant(array) => {
                    let buffer = device.buffer(&format!("constant {number}"), slot.bytes)?;
                    write_padded(device, &buffer, array)?;
                    buffer
                }
                Role::Working => device.buffer(&format!("slot {number}"), slot.bytes)?,
            });
        }
        let parts = parts(device, &plan, &buffers)?;
        let outputs = plan.outputs.iter().map(|(_, slot)| buffers[*slot].clone()).collect();
        Ok(DeviceProgram { device: device.clone(), plan, inputs, outputs, parts, was_run: false })
    }
}

/// The plan's actions as commands: one part, unless the host has to do something in between. The
/// parameters of all dispatches stand in one uniform buffer.
pub(super) fn parts(device: &Device, plan: &Plan, buffers: &[Buffer]) -> Result<Vec<Part>> {
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
    let uniform = device.uniform("parameters", &bytes)?;
    let mut offsets = offsets.into_iter();
    let mut parts = Vec::new();
    let mut commands = Vec::new();
    for action in actions() {
        match action {
            Action::Dispatch { kernel, wgsl, writes, overrides, params, slots, windows, workgroups } => {
                let pipeline = device.pipeline(kernel, wgsl, writes, overrides)?;
                let storage: Vec<&Buffer> = slots.iter().map(|&slot: &SlotId| &buffers[slot]).collect();
                let block = (&uniform, offsets.next().unwrap_or(0), params.len() as u64);
                let windows: Vec<_> = windows.iter().map(|w| w.map(|w| (w.offset, w.bytes))).collect();
                let bindings = device.bind_windows(&pipeline, block, &storage, &windows)?;
                commands.push(Command::Dispatch { pipeline, bindings, workgroups: *workgroups });
            }
            Action::Copy { from, to, bytes } => {
                let (from, to) = (buffers[*from].clone(), buffers[*to].clone());
                commands.push(Command::Copy { from, to, bytes: *bytes });
            }
            Action::Host { op, inputs, outputs } => {
                parts.push(Part::Device(std::mem::take(&mut commands)));
                parts.push(Part::Host(HostStep {
                    op: Arc::clone(op),
                    inputs: inputs.iter().map(|&(slot, layout)| (buffers[slot].clone(), layout)).collect(),
                    outputs: outputs.iter().map(|&(slot, meta)| (buffers[slot].clone(), meta)).collect(),
                }));
            }
        }
    }
    parts.push(Part::Device(commands));
    Ok(parts)
}
