//! What is held from the way there to the way back, and what it took to compute it.

use std::sync::Arc;

use anygrad_graph::{Graph, NodeId};

use crate::body::Body;
use crate::lower::{KernelWork, Program, Source, Step, StorageId, Work};

/// The two ways of a program, and the values between them.
pub(super) struct Held<'a> {
    pub(super) program: &'a Program,
    graph: &'a Graph,
    /// The first step of the way back.
    pub(super) back: usize,
    /// The step of the way there that writes a storage.
    pub(super) writer: Vec<Option<usize>>,
    /// What the way back reads of the way there.
    pub(super) held: Vec<bool>,
    /// What is there at the end whatever the way back does: outputs and next values of states.
    pub(super) fixed: Vec<bool>,
}

impl<'a> Held<'a> {
    /// None where the program has no way back.
    pub(super) fn of(program: &'a Program, graph: &'a Graph) -> Option<Self> {
        let backward = |node: NodeId| graph.node(node).backward;
        let is_back = |step: &Step| step.again || step.node.is_some_and(backward);
        let back = program.steps.iter().position(is_back)?;
        let none = || vec![false; program.storages.len()];
        let (mut held, mut fixed) = (none(), none());
        let mut writer = vec![None; program.storages.len()];
        for (index, step) in program.steps[..back].iter().enumerate() {
            for &y in &step.outputs {
                writer[y] = Some(index);
                // What works in place runs once.
                fixed[y] |=
                    matches!(&step.work, Work::Kernels(KernelWork { in_place, .. }) if !in_place.is_empty());
            }
        }
        for x in program.steps[back..].iter().flat_map(Step::reads) {
            held[x] = writer[x].is_some();
        }
        let ends = program.outputs.iter().map(|(_, storage)| storage);
        ends.chain(program.updates.iter().map(|(_, next)| next)).for_each(|&end| fixed[end] = true);
        Some(Held { program, graph, back, writer, held, fixed })
    }

    pub(super) fn bytes(&self, storage: StorageId) -> u64 {
        self.program.storages[storage].meta().bytes()
    }

    /// The bytes of all that is held and not there anyway.
    pub(super) fn total(&self) -> u64 {
        self.all().filter(|&s| self.held[s] && !self.fixed[s]).map(|s| self.bytes(s)).sum()
    }

    pub(super) fn all(&self) -> std::ops::Range<StorageId> {
        0..self.program.storages.len()
    }

    /// The name of the part of the model that a step belongs to.
    pub(super) fn label(&self, step: &Step) -> Option<Arc<str>> {
        self.graph.node(step.node?).label
    }

    /// Which values depend on an input of the program: what follows from states alone is no activation.
    pub(super) fn depends_on_input(&self) -> Vec<bool> {
        let mut from: Vec<bool> =
            self.program.storages.iter().map(|storage| matches!(storage.source, Source::Input(_))).collect();
        for step in &self.program.steps[..self.back] {
            let depends = step.reads().any(|x| from[x]);
            step.outputs.iter().for_each(|&y| from[y] |= depends);
        }
        from
    }
}

/// Additions, multiplications and calls of functions of a step.
pub(super) fn work(program: &Program, step: &Step) -> f64 {
    let results = step.outputs.first().map_or(0, |&y| program.storages[y].meta().shape.elements());
    step.operations + (step.body().map_or(0, Body::calls) * results) as f64
}

/// The elements of the largest operand of a step.
pub(super) fn largest_read(program: &Program, step: &Step) -> usize {
    step.reads().map(|x| program.storages[x].meta().shape.elements()).max().unwrap_or(0)
}
