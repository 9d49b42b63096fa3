//! Which of an operator's ways runs: the one that was chosen for it, else by its own rule; never with a
//! kernel that is excluded.

use std::cell::RefCell;
use std::sync::Arc;

use anygrad_graph::core::{Caps, Result};
use anygrad_graph::{
    At, Grads, Graph, Layout, Lowering, Meta, Op, Tensor, Values as ReferenceValues, signature,
};

use crate::{fold, lower};

/// An operator that has several ways to run on an adapter, as a graph uses it.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What a choice is remembered under; see [`anygrad_graph::signature`].
    pub signature: String,
    /// The operator.
    pub op: Arc<dyn Op>,
    /// How its inputs stand in their buffers.
    pub inputs: Vec<Layout>,
    /// What it makes.
    pub outputs: Vec<Meta>,
    /// The labels of its ways, that of its own rule first, without those that need what is excluded.
    pub labels: Vec<String>,
}

impl Decision {
    /// The operator alone, on states `x0`, `x1`, ... of one axis each, in which its inputs stand as they
    /// do in the graph that it comes from: a plan for it decides the same.
    pub fn graph<'g>(&self, graph: &'g Graph) -> Vec<Tensor<'g>> {
        let input = |(i, layout): (usize, &Layout)| {
            let dtype = layout.meta.dtype;
            let state = graph.state_of(&format!("x{i}"), &[end(layout)], dtype);
            let seen = graph.apply_all(Arc::new(Seen(*layout)), &[state])[0];
            // Operators are given 16-bit floats as `f32`, and may read them as they stand.
            seen.cast(dtype.widened())
        };
        let inputs: Vec<Tensor<'g>> = self.inputs.iter().enumerate().map(input).collect();
        graph.apply_all(Arc::clone(&self.op), &inputs)
    }

    /// About how much arithmetic it takes: for products of all sorts, the number of multiplications.
    pub fn work(&self) -> f64 {
        let elements = |meta: &Meta| meta.shape.elements() as f64;
        let inputs: f64 = self.inputs.iter().take(2).map(|layout| elements(&layout.meta)).product();
        (inputs * self.outputs.first().map_or(1.0, elements)).sqrt()
    }
}

/// Elements up to the last one that a layout shows.
fn end(layout: &Layout) -> usize {
    let last = |(&size, &stride): (&usize, &isize)| size.saturating_sub(1) * stride.max(0) as usize;
    layout.offset + layout.shape().iter().zip(layout.strides()).map(last).sum::<usize>() + 1
}

/// A buffer seen through a layout.
#[derive(Debug)]
struct Seen(Layout);

impl Op for Seen {
    fn name(&self) -> &'static str {
        "seen"
    }

    fn infer(&self, _x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![self.0.meta])
    }

    fn reference(&self, x: &[&ReferenceValues], y: &mut [ReferenceValues]) {
        for (y, position) in y[0].data.iter_mut().zip(self.0.positions()) {
            *y = x[0].data[position];
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![None; at.x.len()]
    }

    fn lower(&self, _x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Ok(Lowering::View(self.0))
    }

    fn takes_halves(&self) -> bool {
        true
    }
}

/// Every operator of a graph that has several ways to run, in the order in which they run; one that is
/// used several times comes as often.
///
/// # Errors
/// As [`crate::compile`].
pub fn decisions(graph: &Graph, outputs: &[Tensor<'_>], caps: &Caps) -> Result<Vec<Decision>> {
    graph.check()?;
    let chooser = Chooser { caps, seen: Some(RefCell::default()) };
    lower::lower(graph, outputs, &fold::fold(graph, outputs), &chooser)?;
    Ok(chooser.seen.map_or(Vec::new(), RefCell::into_inner))
}

/// Chooses for the operators of a graph, and takes note of what there was to choose if asked to.
pub(crate) struct Chooser<'a> {
    pub(crate) caps: &'a Caps,
    seen: Option<RefCell<Vec<Decision>>>,
}

impl<'a> Chooser<'a> {
    pub(crate) fn new(caps: &'a Caps) -> Self {
        Chooser { caps, seen: None }
    }

    /// How an operator runs: as chosen; by its rule; without what is excluded as every adapter does it;
    /// or, when none is permitted, None: on the host.
    pub(crate) fn choose(
        &self,
        op: &Arc<dyn Op>,
        x: &[Layout],
        y: &[Meta],
        caps: &Caps,
    ) -> Result<Option<Lowering>> {
        let allowed = |lowering: &Lowering| lowering.uses(|name| caps.excludes(name)).is_none();
        if self.seen.is_some() || !caps.choices.is_empty() {
            let mut ways = op.alternatives(x, y, caps)?;
            ways.retain(allowed);
            if ways.len() > 1 {
                let signature = signature(&**op, x, y);
                let chosen = caps.choices.get(&signature);
                let chosen = chosen.and_then(|label| ways.iter().position(|way| way.label() == label));
                if let Some(seen) = &self.seen {
                    seen.borrow_mut().push(Decision {
                        signature,
                        op: Arc::clone(op),
                        inputs: x.to_vec(),
                        outputs: y.to_vec(),
                        labels: ways.iter().map(Lowering::label).collect(),
                    });
                }
                if let Some(chosen) = chosen {
                    return Ok(Some(ways.swap_remove(chosen)));
                }
            }
        }
        permitted(&**op, x, y, caps)
    }
}

/// How an operator runs without what is excluded: as the adapter does it best, as every adapter does
/// it, or, when neither is permitted, None: on the host.
pub(crate) fn permitted(op: &dyn Op, x: &[Layout], y: &[Meta], caps: &Caps) -> Result<Option<Lowering>> {
    let allowed = |lowering: &Lowering| lowering.uses(|name| caps.excludes(name)).is_none();
    let best = op.lower(x, y, caps)?;
    if caps.excluded.is_empty() || allowed(&best) {
        return Ok(Some(best));
    }
    Ok(Some(op.lower(x, y, &caps.portable())?).filter(allowed))
}
