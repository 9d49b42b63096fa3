//! fold: what follows from constants alone is computed now.

use std::sync::Arc;

use anygrad_graph::core::Array;
use anygrad_graph::{Graph, Origin, Tensor, ValueId, Values};

/// Largest result that is folded, in elements: a plan carries its constants.
const MAX_ELEMENTS: usize = 1 << 16;

/// The arrays of the values that are known now, by value number.
///
/// A result with more elements than all its inputs is left alone: a broadcast costs nothing where
/// it is read, and would cost memory here.
pub(crate) fn fold(graph: &Graph, outputs: &[Tensor<'_>]) -> Vec<Option<Arc<Array>>> {
    let ids: Vec<ValueId> = outputs.iter().map(|t| t.id()).collect();
    let live = graph.live(&ids);
    let mut known: Vec<Option<Arc<Array>>> = graph
        .ids()
        .map(|id| match graph.origin(id) {
            Origin::Constant(array) if live[id.index()] => Some(array),
            _ => None,
        })
        .collect();
    for node in graph.nodes() {
        let Some(inputs) = node.inputs.iter().map(|x| known[x.index()].clone()).collect::<Option<Vec<_>>>()
        else {
            continue;
        };
        let given: usize = inputs.iter().map(|x| x.shape().elements()).sum();
        let made: usize = node.outputs.iter().map(|y| graph.meta(*y).shape.elements()).sum();
        if inputs.is_empty()
            || made > given.min(MAX_ELEMENTS)
            || !node.outputs.iter().any(|y| live[y.index()])
        {
            continue;
        }
        let x: Vec<Values> = inputs.iter().map(|x| Values::from_array(x)).collect();
        let mut y: Vec<Values> = node.outputs.iter().map(|y| Values::zeros(graph.meta(*y))).collect();
        node.op.reference(&x.iter().collect::<Vec<_>>(), &mut y);
        for (id, value) in node.outputs.iter().zip(y) {
            known[id.index()] = Some(Arc::new(value.to_array()));
        }
    }
    known
}
