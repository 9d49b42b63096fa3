//! Where the first NaN or infinity of a graph comes from.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use anygrad_core::{Array, Context, Error, Result};
use anygrad_graph::{Graph, Meta, Node, Origin, Tensor, ValueId};
use anygrad_plan::{Action, Options, Plan, Role, Slot, compile_with};

use super::program::{Part, parts, regions};
use super::states::States;
use super::{Engine, Session, read_array};
use crate::device::{Command, Device};
use crate::guard::lock;
use crate::host::write_padded;
use crate::region::Region;

/// The first step of a graph that makes a number that is not finite.
#[derive(Clone, Debug, PartialEq)]
pub struct NonFinite {
    /// The operator; `input "x"`, `state "w"` or `constant` where the number was there before the run.
    pub op: String,
    /// The part of the model that the operator was made in, or that it is a gradient of: the path of a
    /// layer, as [`Graph::labelled`] named it.
    pub label: Option<String>,
    /// Whether the operator is part of a gradient.
    pub backward: bool,
    /// The line of the model that asked for the operator, or for what it is a gradient of.
    pub line: Option<&'static Location<'static>>,
    /// The kernels that ran; none on the interpreter, nor where the host stood in for the device.
    pub kernels: Vec<&'static str>,
    /// Which result of the operator it is; most have one.
    pub result: usize,
    /// The shape and dtype of the result.
    pub meta: Meta,
    /// The first element that is not finite, by its index along each axis.
    pub index: Vec<usize>,
    /// Its value.
    pub value: f64,
    /// How many elements of the result are not finite.
    pub count: usize,
}

impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let there_before = self.line.is_none() && self.kernels.is_empty();
        f.write_str(&self.op)?;
        if let Some(label) = &self.label {
            write!(f, " in {label}")?;
        }
        write!(f, " {} {}", if there_before { "holds" } else { "makes" }, self.value)?;
        write!(f, " at {:?} of {}", self.index, self.meta)?;
        if self.result > 0 {
            write!(f, " (result {})", self.result)?;
        }
        if !there_before {
            f.write_str(if self.backward { ", in the backward pass" } else { ", in the forward pass" })?;
        }
        if let Some(line) = self.line {
            write!(f, " of {line}")?;
        }
        if !self.kernels.is_empty() {
            write!(f, ", kernel {}", self.kernels.join(", "))?;
        }
        write!(f, "; {} of {} elements", self.count, self.meta.shape.elements())
    }
}

impl Session {
    /// Runs a graph once, operator by operator without fusion, and finds the first that makes a NaN or an
    /// infinity: forwards, backwards, or in an update. `None` when all numbers are finite.
    ///
    /// `outputs` are those a program would be compiled for; `inputs` names their values. States have
    /// the values that they have in the session, and keep them. Every result is read back, so this is for
    /// looking for a fault, not for training.
    ///
    /// Where infinities are meant, as in a mask of minus infinity, [`Session::find_nan`] looks for NaN alone.
    ///
    /// ```
    /// use anygrad_core::{Array, DType};
    /// use anygrad_gpu::Session;
    /// use anygrad_graph::Graph;
    ///
    /// # pollster::block_on(async {
    /// let graph = Graph::new();
    /// let x = graph.input("x", &[2], DType::F32);
    /// let y = (x - 1.0).log().sum_all();
    /// let inputs = [("x".to_string(), Array::f32(&[2], [3.0, 0.5])?)];
    /// let found = Session::interpreter().find_nonfinite(&graph, &[y], &inputs).await?.unwrap();
    /// assert_eq!((found.op.as_str(), &found.index[..]), ("log", &[1][..]));
    /// assert!(found.to_string().starts_with("log makes NaN at [1] of f32[2], in the forward pass of "));
    /// # Ok::<(), anygrad_core::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As [`Session::compile`]; an input that is needed was not given; the device failed.
    pub async fn find_nonfinite(
        &self,
        graph: &Graph,
        outputs: &[Tensor<'_>],
        inputs: &[(String, Array)],
    ) -> Result<Option<NonFinite>> {
        self.find(graph, outputs, inputs, |number| !number.is_finite()).await
    }

    /// As [`Session::find_nonfinite`], for NaN alone.
    ///
    /// # Errors
    /// As [`Session::find_nonfinite`].
    pub async fn find_nan(
        &self,
        graph: &Graph,
        outputs: &[Tensor<'_>],
        inputs: &[(String, Array)],
    ) -> Result<Option<NonFinite>> {
        self.find(graph, outputs, inputs, f64::is_nan).await
    }

    async fn find(
        &self,
        graph: &Graph,
        outputs: &[Tensor<'_>],
        inputs: &[(String, Array)],
        is_odd: fn(f64) -> bool,
    ) -> Result<Option<NonFinite>> {
        graph.check()?;
        let mut given = HashMap::new();
        for (name, array) in inputs {
            let known = graph.find(name).filter(|x| matches!(graph.origin(x.id()), Origin::Input(_)));
            let input = known.ok_or_else(|| Error::input(format!("no input is called {name:?}")))?;
            super::check_meta("input", name, input.meta(), array)?;
            given.insert(name.as_str(), array);
            if let Some(found) = odd_array(format!("input {name:?}"), array, is_odd) {
                return Ok(Some(found));
            }
        }
        let ids: Vec<ValueId> = outputs.iter().map(|t| t.id()).collect();
        let live = graph.live(&ids);
        for (name, id) in graph.named_values().into_iter().filter(|(_, id)| live[id.index()]) {
            let meta = graph.meta(id);
            let known = lock(&self.0.states).get(&name).copied();
            match (graph.origin(id), known) {
                (Origin::Input(_), _) if !given.contains_key(name.as_str()) => {
                    return Err(Error::input(format!("the input {name:?} was not given")));
                }
                (Origin::State(_), Some(known)) if known != meta => {
                    return Err(Error::shape(format!(
                        "state {name:?} is {known} in this session and was asked for as {meta}"
                    )));
                }
                (Origin::State(_), Some(_)) => {
                    let state = self.read_state(&name).await?;
                    if let Some(found) = odd_array(format!("state {name:?}"), &state, is_odd) {
                        return Ok(Some(found));
                    }
                }
                _ => {}
            }
        }
        match &self.0.engine {
            Engine::Interpreter(interpreter) => {
                let mut interpreter = lock(interpreter).clone();
                inputs.iter().for_each(|(name, array)| interpreter.write(name, array));
                let mut found = None;
                interpreter.watch(graph, &ids, &mut |node, results| {
                    found = results.iter().enumerate().find_map(|(result, values)| {
                        let found = odd(values.meta, &values.data, is_odd)?;
                        Some(NonFinite { op: node.op.name().into(), result, ..due_to(node, found) })
                    });
                    found.is_none()
                })?;
                Ok(found)
            }
            Engine::Device { device, states } => {
                let options = Options { fuse: false, pack: false, ..Options::default() };
                let mut plan = compile_with(graph, outputs, &self.plan_caps(), options)?;
                if let Some(change) = &self.0.change {
                    change(&mut plan);
                }
                let debug = Debug::new(device, plan, &given, &lock(states))?;
                debug.find(graph, is_odd).await
            }
        }
    }
}

/// A program on memory of its own.
struct Debug<'d> {
    device: &'d Device,
    plan: Plan,
    regions: Vec<Region>,
    /// One for each action of the plan.
    actions: Vec<Part>,
}

impl<'d> Debug<'d> {
    fn new(device: &'d Device, plan: Plan, inputs: &HashMap<&str, &Array>, states: &States) -> Result<Self> {
        let regions =
            regions(&plan, &mut |_, slot: &Slot| Ok(Region::from(device.buffer("debug", slot.bytes)?)))?;
        for (slot, region) in plan.slots.iter().zip(&regions) {
            match &slot.role {
                Role::Input(name) => {
                    let array = inputs.get(name.as_str());
                    let array =
                        array.ok_or_else(|| Error::input(format!("the input {name:?} was not written")))?;
                    write_padded(device, region, array)?;
                }
                Role::Constant(array) => write_padded(device, region, array)?,
                Role::State(name) => {
                    // A state that no program of the session has holds zeros, as fresh memory does.
                    if let Some(state) = states.get(name) {
                        let to = region.clone();
                        device.submit(&[Command::Copy { from: state, to, bytes: slot.bytes }])?;
                    }
                }
                Role::Working | Role::Pack => {}
            }
        }
        let parts = parts(device, &plan, &regions).context(|| "preparing a debug run")?;
        let one_by_one = |part| match part {
            Part::Device(commands) => commands.into_iter().map(|c| Part::Device(vec![c])).collect(),
            Part::Host(_) => vec![part],
        };
        let actions = parts.into_iter().flat_map(one_by_one).collect();
        Ok(Debug { device, plan, regions, actions })
    }

    async fn find(&self, graph: &Graph, is_odd: fn(f64) -> bool) -> Result<Option<NonFinite>> {
        for slot in &self.plan.slots {
            // An infinity that stands in the model, or follows from what stands there, is meant.
            if let Role::Constant(array) = &slot.role
                && let Some(found) = odd_array("constant".into(), array, f64::is_nan)
            {
                return Ok(Some(found));
            }
        }
        let mut rest = &self.actions[..];
        for step in &self.plan.steps {
            let (own, after) = rest.split_at(step.actions.len());
            rest = after;
            own.iter().try_for_each(|action| action.run(self.device))?;
            for (result, (&slot, layout)) in step.writes.iter().zip(&step.results).enumerate() {
                let meta = layout.meta;
                if !meta.dtype.is_float() {
                    continue;
                }
                let mut numbers = read_array(self.device, &self.regions[slot], meta).await?.to_f64();
                if !layout.is_contiguous() {
                    numbers = layout.positions().into_iter().map(|position| numbers[position]).collect();
                }
                let Some(found) = odd(meta, &numbers, is_odd) else { continue };
                let kernels = step.actions.iter().filter_map(|action| match action {
                    Action::Dispatch { kernel, .. } => Some(*kernel),
                    Action::Copy { .. } | Action::Host { .. } => None,
                });
                let found = match step.node {
                    Some(node) => due_to(&graph.node(node), found),
                    None => found,
                };
                let op = step.name.clone();
                return Ok(Some(NonFinite { op, kernels: kernels.collect(), result, ..found }));
            }
        }
        Ok(None)
    }
}

/// With what is known of the node that made it.
fn due_to(node: &Node, found: NonFinite) -> NonFinite {
    let label = node.label.as_deref().map(String::from);
    NonFinite { label, backward: node.backward, line: Some(node.place), ..found }
}

fn odd_array(op: String, array: &Array, is_odd: fn(f64) -> bool) -> Option<NonFinite> {
    let meta = Meta { shape: array.shape(), dtype: array.dtype() };
    odd(meta, &array.to_f64(), is_odd).map(|found| NonFinite { op, ..found })
}

/// The first odd number of a result; what made it is left to the caller.
fn odd(meta: Meta, numbers: &[f64], is_odd: fn(f64) -> bool) -> Option<NonFinite> {
    if !meta.dtype.is_float() {
        return None;
    }
    let first = numbers.iter().position(|&number| is_odd(number))?;
    Some(NonFinite {
        op: String::new(),
        label: None,
        backward: false,
        line: None,
        kernels: Vec::new(),
        result: 0,
        meta,
        index: meta.shape.index_of(first),
        value: numbers[first],
        count: numbers.iter().filter(|&&number| is_odd(number)).count(),
    })
}
