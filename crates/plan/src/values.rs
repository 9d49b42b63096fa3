//! What the values of the graph became, and which of them kernels can read as they are stored.

use anygrad_graph::{Layout, Meta, Node};

use crate::lower::Value;

/// What the values of the graph became so far, by number.
pub(crate) struct Values {
    pub(crate) values: Vec<Option<Value>>,
    /// The 16-bit floats that a value of `f32` was widened from.
    pub(crate) halves: Vec<Option<Value>>,
}

impl Values {
    /// The inputs of a node with 16-bit floats where they were widened for it, if it can read them.
    pub(crate) fn halves_for(&self, node: &Node, y: &[Meta]) -> Option<Vec<Value>> {
        let ids = || node.inputs.iter().map(|id| id.index());
        if !ids().any(|id| self.halves[id].is_some()) {
            return None;
        }
        let x: Vec<Value> = ids()
            .map(|id| self.halves[id].clone().or_else(|| self.values[id].clone()))
            .collect::<Option<_>>()?;
        let layouts: Vec<Layout> = x.iter().map(|value| value.layout).collect();
        node.op.reads_halves(&layouts, y).then_some(x)
    }
}
