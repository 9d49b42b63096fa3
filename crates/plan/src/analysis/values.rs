//! What stands in the slots of a plan, from which step to which.

use anygrad_graph::{Graph, Layout, NodeId, Origin};

use super::Purpose;
use crate::assemble::padded;
use crate::plan::{Plan, Role, SlotId};

/// Where in a training step a step of the plan belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Forward,
    Backward,
    /// What follows from gradients: clipping and updates.
    Update,
}

/// Something that steps write into working memory.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) bytes: u64,
    /// Steps from the first to the last at which it is there, both included.
    pub(super) first: usize,
    pub(super) last: usize,
    /// What it is; none for memory that a step needs for itself.
    pub(super) layout: Option<Layout>,
    pub(super) purpose: Purpose,
}

/// All values of a plan, in the order in which they are written.
pub(super) fn values(plan: &Plan, graph: &Graph) -> Vec<Value> {
    let phases = phases(plan, graph);
    let mut found = Found { plan, values: Vec::new(), standing: vec![None; plan.slots.len()] };
    for (index, step) in plan.steps.iter().enumerate() {
        for &slot in &step.reads {
            // What is written over stands there no more.
            let last = if step.writes.contains(&slot) { index.saturating_sub(1) } else { index };
            found.read(slot, last, phases[index] == Phase::Update);
        }
        for (&slot, layout) in step.writes.iter().zip(&step.results) {
            let purpose =
                if phases[index] == Phase::Forward { Purpose::Activations } else { Purpose::Workspace };
            let gradient = phases[index] == Phase::Backward;
            found.write(slot, index, *layout, purpose, gradient);
        }
        let scratch = step.scratch.iter().map(|&(_, bytes)| {
            let purpose = Purpose::Workspace;
            (Value { bytes, first: index, last: index, layout: None, purpose }, false)
        });
        found.values.extend(scratch);
    }
    for (_, slot) in &plan.outputs {
        found.read(*slot, plan.steps.len().saturating_sub(1), false);
    }
    found.values.into_iter().map(|(value, _)| value).collect()
}

struct Found<'p> {
    plan: &'p Plan,
    /// With whether they were made by a gradient.
    values: Vec<(Value, bool)>,
    /// The value that stands in each slot.
    standing: Vec<Option<usize>>,
}

impl Found<'_> {
    fn is_working(&self, slot: SlotId) -> bool {
        matches!(self.plan.slots[slot].role, Role::Working)
    }

    /// The values that stand in a slot, in parts of it, and in what it is a part of.
    fn in_memory_of(&self, slot: SlotId) -> Vec<usize> {
        let whole = self.plan.memory_of(slot);
        if self.plan.slots[slot].part.is_some() {
            return [slot, whole].into_iter().filter_map(|slot| self.standing[slot]).collect();
        }
        let parts = self.plan.parts_of(slot).into_iter().map(|(part, _)| part);
        parts.chain([slot]).filter_map(|slot| self.standing[slot]).collect()
    }

    fn read(&mut self, slot: SlotId, last: usize, is_update: bool) {
        for value in self.in_memory_of(slot) {
            let (value, is_gradient) = &mut self.values[value];
            value.last = value.last.max(last);
            if is_update && *is_gradient {
                value.purpose = Purpose::Gradients;
            }
        }
    }

    fn write(&mut self, slot: SlotId, at: usize, layout: Layout, purpose: Purpose, gradient: bool) {
        if self.is_working(slot) {
            let bytes = match self.plan.slots[slot].part {
                Some(_) => self.plan.slots[slot].bytes,
                None => padded(layout.meta.bytes()),
            };
            let value = Value { bytes, first: at, last: at, layout: Some(layout), purpose };
            self.values.push((value, gradient));
            self.standing[slot] = Some(self.values.len() - 1);
        }
    }
}

/// The phase of each step; one that is due to no node is of the phase before it.
fn phases(plan: &Plan, graph: &Graph) -> Vec<Phase> {
    let nodes = graph.nodes();
    let number = |node: &anygrad_graph::Node| match graph.origin(*node.outputs.first()?) {
        Origin::Node(number, _) => Some(number),
        _ => None,
    };
    let first: Option<NodeId> = nodes.iter().find(|node| node.backward).and_then(number);
    let mut phase = Phase::Forward;
    let of = |step: &crate::plan::Step| {
        phase = match step.node {
            None => phase,
            Some(node) if graph.node(node).backward => Phase::Backward,
            Some(node) if first.is_some_and(|first| node > first) => Phase::Update,
            Some(_) => Phase::Forward,
        };
        phase
    };
    plan.steps.iter().map(of).collect()
}
