//! The nodes that the outputs need, and in place of many nodes the composite that they make.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use anygrad_core::Result;
use anygrad_graph::{Attributes, ValueId};

use super::nodes;
use super::twins::{Size, Twins};

/// One thing to write: a node, or a composite.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) is_composite: bool,
    pub(super) attributes: Result<Attributes>,
    /// By their names, which those of nodes do not have.
    pub(super) inputs: Vec<(&'static str, ValueId)>,
    pub(super) outputs: Vec<(&'static str, ValueId)>,
    place: &'static Location<'static>,
    pub(super) label: Option<Arc<str>>,
}

impl Call {
    /// The input of a number.
    pub(super) fn x(&self, at: usize) -> ValueId {
        self.inputs[at].1
    }

    /// The input of a name.
    pub(super) fn input(&self, name: &str) -> Option<ValueId> {
        self.inputs.iter().find(|(known, _)| *known == name).map(|(_, id)| *id)
    }

    /// The first output.
    pub(super) fn y(&self) -> ValueId {
        self.outputs[0].1
    }

    /// The settings.
    ///
    /// # Errors
    /// They depend on the batch.
    pub(super) fn attributes(&self) -> Result<&Attributes> {
        self.attributes.as_ref().map_err(Clone::clone)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(label) = &self.label {
            write!(f, " in {label}")?;
        }
        write!(f, " ({}:{})", self.place.file(), self.place.line())
    }
}

/// What is written, in an order in which inputs come first.
pub(super) struct Units {
    pub(super) calls: Vec<Call>,
    /// Known values that are read.
    pub(super) constants: Vec<ValueId>,
    /// How often a value is read.
    pub(super) uses: HashMap<ValueId, usize>,
    /// What stands for each value: another one where that is the same but for repeated elements.
    pub(super) roots: Vec<ValueId>,
}

impl Units {
    pub(super) fn needed(twins: &Twins, sizes: &[Vec<Size>], constant: &[bool], outputs: &[ValueId]) -> Self {
        let whole = &twins.first;
        // Those within others come first, so the outermost stays.
        let mut composite_of: HashMap<ValueId, usize> = HashMap::new();
        for (index, composite) in whole.composites.iter().enumerate() {
            if nodes::can(composite, sizes) {
                composite_of.extend(composite.outputs.iter().map(|(_, id)| (*id, index)));
            }
        }
        let mut roots: Vec<ValueId> = whole.graph.ids().collect();
        let mut node_of: HashMap<ValueId, usize> = HashMap::new();
        for (index, node) in whole.nodes.iter().enumerate() {
            node_of.extend(node.outputs.iter().map(|id| (*id, index)));
            if nodes::is_alias(&*node.op) && !composite_of.contains_key(&node.outputs[0]) {
                roots[node.outputs[0].index()] = roots[node.inputs[0].index()];
            }
        }
        let mut units = Units { calls: Vec::new(), constants: Vec::new(), uses: HashMap::new(), roots };
        let call_of = |id: ValueId| match (composite_of.get(&id), node_of.get(&id)) {
            (Some(&index), _) => Some((true, index)),
            (None, Some(&index)) => Some((false, index)),
            (None, None) => None,
        };
        let mut done: HashSet<(bool, usize)> = HashSet::new();
        let mut known: HashSet<ValueId> = HashSet::new();
        // What is to do: a value to look at, or a call whose inputs are done.
        let mut stack: Vec<(ValueId, bool)> = outputs.iter().rev().map(|id| (*id, false)).collect();
        while let Some((id, ready)) = stack.pop() {
            let id = if ready { id } else { units.roots[id.index()] };
            if !ready {
                *units.uses.entry(id).or_insert(0) += 1;
            }
            if constant[id.index()] {
                if known.insert(id) {
                    units.constants.push(id);
                }
                continue;
            }
            let Some(which) = call_of(id) else { continue };
            if ready {
                units.calls.push(units.call(twins, which));
            } else if done.insert(which) {
                stack.push((id, true));
                let inputs: Vec<ValueId> = match which {
                    (true, index) => whole.composites[index].inputs.iter().map(|(_, id)| *id).collect(),
                    (false, index) => whole.nodes[index].inputs.clone(),
                };
                stack.extend(inputs.into_iter().rev().map(|id| (id, false)));
            }
        }
        units
    }

    fn call(&self, twins: &Twins, (is_composite, index): (bool, usize)) -> Call {
        if is_composite {
            let composite = &twins.first.composites[index];
            return Call {
                name: composite.name,
                is_composite,
                attributes: twins.composite_attributes(index),
                inputs: composite.inputs.clone(),
                outputs: composite.outputs.clone(),
                place: composite.place,
                label: composite.label.clone(),
            };
        }
        let node = &twins.first.nodes[index];
        let unnamed = |ids: &[ValueId]| ids.iter().map(|id| ("", *id)).collect();
        Call {
            name: node.op.name(),
            is_composite,
            attributes: twins.node_attributes(index),
            inputs: unnamed(&node.inputs),
            outputs: unnamed(&node.outputs),
            place: node.place,
            label: node.label.clone(),
        }
    }
}
