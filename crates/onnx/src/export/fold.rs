//! What follows from parameters and constants alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use anygrad_core::{Array, Error, Result};
use anygrad_graph::{Graph, Origin, ValueId, Values};

use super::twins::{Size, Twins};

/// Operators whose results differ from run to run.
const RANDOM: [&str; 2] = ["dropout", "random_uniform"];

/// For each value, whether it is known when the model is written: it follows from states and constants, and is the
/// same for every batch.
pub(super) fn constants(twins: &Twins, sizes: &[Vec<Size>]) -> Vec<bool> {
    let graph = &twins.first.graph;
    let is_fixed = |id: ValueId| sizes[id.index()].iter().all(|size| matches!(size, Size::Fixed(_)));
    let mut constant: Vec<bool> = graph
        .ids()
        .map(|id| match graph.origin(id) {
            Origin::Input(_) | Origin::Node(..) => false,
            Origin::State(_) | Origin::Constant(_) => is_fixed(id) && twins.is_same(id),
        })
        .collect();
    for (index, node) in twins.first.nodes.iter().enumerate() {
        let known = node.inputs.iter().all(|id| constant[id.index()])
            && node.outputs.iter().all(|id| is_fixed(*id))
            && !RANDOM.contains(&node.op.name())
            && twins.node_attributes(index).is_ok();
        node.outputs.iter().for_each(|id| constant[id.index()] = known);
    }
    constant
}

/// A value that is known, and the state that it follows from, if it is one alone.
pub(super) struct Folded {
    pub(super) array: Array,
    pub(super) state: Option<String>,
}

/// These values, from those of the states.
///
/// # Errors
/// A state has no value, or one of another shape.
pub(super) fn values(
    twins: &Twins,
    wanted: &[ValueId],
    given: &BTreeMap<String, Array>,
) -> Result<HashMap<ValueId, Folded>> {
    let graph = &twins.first.graph;
    let mut needed: HashSet<ValueId> = wanted.iter().copied().collect();
    for node in twins.first.nodes.iter().rev() {
        if node.outputs.iter().any(|id| needed.contains(id)) {
            needed.extend(&node.inputs);
        }
    }
    let mut known: HashMap<ValueId, (Values, Vec<String>)> = HashMap::new();
    let mut folded = HashMap::new();
    for &id in wanted {
        // Most are no expressions: they need no numbers in double precision.
        if let Some((array, state)) = leaf(graph, id, given)? {
            folded.insert(id, Folded { array, state });
        }
    }
    for node in &twins.first.nodes {
        if !node.outputs.iter().any(|id| needed.contains(id)) {
            continue;
        }
        for &id in &node.inputs {
            if !known.contains_key(&id)
                && let Some((array, state)) = leaf(graph, id, given)?
            {
                known.insert(id, (Values::from_array(&array), state.into_iter().collect()));
            }
        }
        let of =
            |id: &ValueId| known.get(id).ok_or_else(|| Error::internal(format!("{id:?} is not known yet")));
        let inputs = node.inputs.iter().map(of).collect::<Result<Vec<_>>>()?;
        let mut states: Vec<String> = inputs.iter().flat_map(|(_, states)| states.clone()).collect();
        states.sort();
        states.dedup();
        let mut outputs: Vec<Values> = node.outputs.iter().map(|id| Values::zeros(graph.meta(*id))).collect();
        node.op.reference(&inputs.iter().map(|(values, _)| values).collect::<Vec<_>>(), &mut outputs);
        for (id, values) in node.outputs.iter().zip(outputs) {
            // Rounded to its dtype, as a device has it.
            let array = values.to_array();
            if wanted.contains(id) {
                let state = if states.len() == 1 { states.first().cloned() } else { None };
                folded.insert(*id, Folded { array: array.clone(), state });
            }
            known.insert(*id, (Values::from_array(&array), states.clone()));
        }
    }
    Ok(folded)
}

fn leaf(
    graph: &Graph,
    id: ValueId,
    given: &BTreeMap<String, Array>,
) -> Result<Option<(Array, Option<String>)>> {
    match graph.origin(id) {
        Origin::Constant(array) => Ok(Some(((*array).clone(), None))),
        Origin::State(name) => {
            let meta = graph.meta(id);
            match given.get(&name) {
                Some(array) if array.shape() == meta.shape && array.dtype() == meta.dtype => {
                    Ok(Some((array.clone(), Some(name))))
                }
                Some(array) => {
                    let given = format!("{}{}", array.dtype(), array.shape());
                    Err(Error::shape(format!("the state {name:?} is {meta}, {given} was given")))
                }
                None => Err(Error::input(format!("no value was given for the state {name:?}"))),
            }
        }
        _ => Ok(None),
    }
}
