//! What a program takes, told from its plan alone: memory by purpose, step by step, the largest values,
//! bindings, work, and, where a roofline is known, time.

mod bindings;
mod roofline;
mod split;
mod values;

use std::panic::Location;

use anygrad_graph::core::Caps;
use anygrad_graph::{Graph, Meta};
use serde::Serialize;

use crate::plan::{Action, Plan, Role};
pub use bindings::{Cut, Most};
pub use roofline::Roofline;
pub use split::{Purpose, Split};
use values::Value;

/// A line of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The file, as the compiler knows it.
    pub file: &'static str,
    /// The line in it.
    pub line: u32,
}

impl Line {
    pub(crate) fn of(place: &'static Location<'static>) -> Self {
        Line { file: place.file(), line: place.line() }
    }
}

/// A value that takes memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// The name of an input or state, or the operators whose result it is.
    pub name: String,
    /// The layer, where one is known.
    pub layer: Option<String>,
    /// Shape and dtype.
    pub shape: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What it takes.
    pub bytes: u64,
    /// The line of the model.
    pub line: Option<Line>,
    /// The steps at which it is there, from 0, both included; all of them where there are none.
    pub steps: Option<(usize, usize)>,
}

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepForecast {
    /// The names of the operators.
    pub name: String,
    /// The layer, where one is known.
    pub layer: Option<String>,
    /// What of the working memory is in use, by purpose.
    pub memory: Split,
    /// Dispatches.
    pub dispatches: usize,
    /// Additions, multiplications and calls of functions.
    pub operations: f64,
    /// Bytes read and written.
    pub bytes: u64,
}

/// What a program takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProgramForecast {
    /// What it is called.
    pub name: String,
    /// The memory that is its own, without states: working memory by what is in it at the fullest step.
    pub memory: Split,
    /// Working memory.
    pub working: u64,
    /// The step at which most of the working memory is in use.
    pub fullest: usize,
    /// The steps.
    pub steps: Vec<StepForecast>,
    /// Values in working memory, inputs and constants, the largest first.
    #[serde(skip)]
    pub values: Vec<Held>,
    /// Values that are larger than a binding.
    pub cuts: Vec<Cut>,
    /// Storage buffers of one dispatch, at most.
    pub storage_buffers: Most,
    /// Invocations of one workgroup, at most.
    pub invocations: Most,
}

impl ProgramForecast {
    /// What the plan of a graph takes.
    pub(crate) fn of(name: &str, plan: &Plan, graph: &Graph, caps: &Caps) -> Self {
        let values = values::values(plan, graph);
        let used = in_use(plan, &values);
        let fullest = (0..used.len()).rev().max_by_key(|&step| used[step].total()).unwrap_or(0);
        let whole = plan.memory();
        let mut memory = used.get(fullest).copied().unwrap_or_default();
        memory.workspace += whole.working.saturating_sub(memory.total()) + whole.parameters;
        (memory.inputs, memory.constants) = (whole.inputs, whole.constants);
        let layer = |step: &crate::plan::Step| {
            step.node.and_then(|node| graph.node(node).label).map(|label| label.to_string())
        };
        let steps = plan.steps.iter().zip(&used).map(|(step, &memory)| StepForecast {
            name: step.name.clone(),
            layer: layer(step),
            memory,
            dispatches: dispatches(step),
            operations: step.cost.operations,
            bytes: step.cost.bytes,
        });
        let (storage_buffers, invocations) = bindings::most(plan);
        ProgramForecast {
            name: name.into(),
            memory,
            working: whole.working,
            fullest,
            steps: steps.collect(),
            values: held(plan, graph, &values),
            cuts: bindings::cuts(plan, caps.max_binding_bytes),
            storage_buffers,
            invocations,
        }
    }

    /// Dispatches of one run.
    pub fn dispatches(&self) -> usize {
        self.steps.iter().map(|step| step.dispatches).sum()
    }

    /// Additions, multiplications and calls of functions of one run.
    pub fn operations(&self) -> f64 {
        self.steps.iter().map(|step| step.operations).sum()
    }

    /// Bytes read and written by one run.
    pub fn bytes(&self) -> u64 {
        self.steps.iter().map(|step| step.bytes).sum()
    }

    /// Seconds of one run.
    pub fn seconds(&self, roofline: &Roofline) -> f64 {
        roofline.submit + self.steps.iter().map(|step| roofline.seconds(step)).sum::<f64>()
    }
}

fn dispatches(step: &crate::plan::Step) -> usize {
    step.actions.iter().filter(|action| matches!(action, Action::Dispatch { .. })).count()
}

/// The working memory in use at each step. What lies between the parts of a pack is in use nowhere.
fn in_use(plan: &Plan, values: &[Value]) -> Vec<Split> {
    let count = plan.steps.len();
    let (mut begin, mut end) = (vec![Split::default(); count], vec![Split::default(); count + 1]);
    for value in values.iter().filter(|value| value.first < count) {
        begin[value.first].add(value.purpose, value.bytes);
        end[value.last.min(count - 1) + 1].add(value.purpose, value.bytes);
    }
    let mut now = Split::default();
    let step = |(begin, end): (Split, &Split)| {
        now += begin;
        now = now.without(end);
        now
    };
    begin.into_iter().zip(&end).map(step).collect()
}

/// The largest values by name.
fn held(plan: &Plan, graph: &Graph, values: &[Value]) -> Vec<Held> {
    let mut held = Vec::new();
    for value in values {
        let step = &plan.steps[value.first];
        let node = step.node.map(|node| graph.node(node));
        let name = if value.layout.is_some() { step.name.clone() } else { format!("{}: scratch", step.name) };
        held.push(Held {
            name,
            layer: node.and_then(|node| node.label).map(|label| label.to_string()),
            shape: value.layout.map_or(String::new(), |layout| layout.meta.to_string()),
            purpose: value.purpose,
            bytes: value.bytes,
            line: step.line.map(Line::of),
            steps: Some((value.first, value.last)),
        });
    }
    for slot in plan.slots.iter().filter(|slot| slot.part.is_none()) {
        let (name, shape, purpose) = match &slot.role {
            Role::Input(name) => {
                let shape = graph.find(name).map_or(String::new(), |x| x.meta().to_string());
                (name.clone(), shape, Purpose::Inputs)
            }
            Role::Constant(array) => {
                let meta = Meta { shape: array.shape(), dtype: array.dtype() };
                ("constant".into(), meta.to_string(), Purpose::Constants)
            }
            Role::State(_) | Role::Pack | Role::Working => continue,
        };
        held.push(Held { name, layer: None, shape, purpose, bytes: slot.bytes, line: None, steps: None });
    }
    held.sort_by_key(|held| std::cmp::Reverse(held.bytes));
    held
}
