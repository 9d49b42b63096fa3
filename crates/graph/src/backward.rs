use std::panic::Location;

use anygrad_core::Error;

use crate::{At, Graph, Origin, Tensor, ValueId};

impl Graph {
    /// The gradients of a scalar loss with respect to each of `wrt`, as nodes of the same graph:
    /// they can be used in further expressions and differentiated again.
    ///
    /// Where the loss does not depend on a tensor, its gradient is zeros.
    #[track_caller]
    pub fn gradients<'g>(&'g self, loss: Tensor<'g>, wrt: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let place = Location::caller();
        if !loss.is_poison() && (loss.shape().elements() != 1 || !loss.dtype().is_float()) {
            let message = format!("gradients: the loss must be one float, {} was given", loss.meta());
            return vec![self.fail(Error::shape(message).at(place)); wrt.len()];
        }
        let one = if loss.is_poison() { loss } else { self.blaming(place, &None, || loss.full_like(1.0)) };
        self.gradients_from(loss, one, wrt)
    }

    /// As [`Graph::gradients`] of the sum of `y` times `slope`: the product of the slope with the Jacobian
    /// of `y` (PyTorch's `grad_outputs`).
    #[track_caller]
    pub fn gradients_from<'g>(
        &'g self,
        y: Tensor<'g>,
        slope: Tensor<'g>,
        wrt: &[Tensor<'g>],
    ) -> Vec<Tensor<'g>> {
        let place = Location::caller();
        if [y, slope].iter().chain(wrt).any(|x| x.is_poison()) {
            return vec![self.tensor(ValueId::POISON); wrt.len()];
        }
        if y.meta() != slope.meta() || !y.dtype().is_float() {
            let message = format!("gradients: {} cannot have the slope {}", y.meta(), slope.meta());
            return vec![self.fail(Error::shape(message).at(place)); wrt.len()];
        }
        let nodes = self.nodes();

        // Only nodes between `wrt` and the loss matter.
        let mut depends = vec![false; self.values()];
        for x in wrt {
            depends[x.id().index()] = true;
        }
        for node in &nodes {
            if node.inputs.iter().any(|x| depends[x.index()]) {
                for y in &node.outputs {
                    depends[y.index()] |= self.meta(*y).dtype.is_float();
                }
            }
        }

        let mut gradient_of: Vec<Option<Tensor<'g>>> = vec![None; depends.len()];
        gradient_of[y.id().index()] = Some(slope);
        for node in nodes.iter().rev() {
            let dys: Vec<_> = node.outputs.iter().map(|y| gradient_of[y.index()]).collect();
            let wanted: Vec<bool> = node.inputs.iter().map(|x| depends[x.index()]).collect();
            if dys.iter().all(Option::is_none) || !wanted.contains(&true) {
                continue;
            }
            let x: Vec<_> = node.inputs.iter().map(|&id| self.tensor(id)).collect();
            let y: Vec<_> = node.outputs.iter().map(|&id| self.tensor(id)).collect();
            let at = At { x: &x, y: &y, dys: &dys, wanted: &wanted };
            let dxs = self.blaming(node.place, &node.label, || node.op.gradient(&at));
            debug_assert_eq!(dxs.len(), x.len(), "{}: one gradient per input", node.op.name());
            for ((x, dx), wanted) in x.iter().zip(dxs).zip(wanted) {
                let (Some(dx), true) = (dx, wanted) else { continue };
                if dx.is_poison() {
                    return vec![self.tensor(ValueId::POISON); wrt.len()];
                }
                debug_assert_eq!(dx.shape(), x.shape(), "{}: gradient and input differ", node.op.name());
                let sum = &mut gradient_of[x.id().index()];
                *sum = Some(sum.map_or(dx, |known| self.blaming(node.place, &node.label, || known + dx)));
            }
        }
        let zeros = |x: &Tensor<'g>| self.blaming(place, &None, || x.zeros_like());
        wrt.iter().map(|x| gradient_of[x.id().index()].unwrap_or_else(|| zeros(x))).collect()
    }

    /// The values that `outputs` and the updates need, marked by number.
    pub fn live(&self, outputs: &[ValueId]) -> Vec<bool> {
        let updates = self.updates();
        let ends = updates.iter().flat_map(|(state, next)| [*state, *next]);
        self.needed(&outputs.iter().copied().chain(ends).collect::<Vec<_>>())
    }

    /// As [`Graph::live`], without the updates.
    pub(crate) fn needed(&self, ends: &[ValueId]) -> Vec<bool> {
        let mut live = vec![false; self.values()];
        // What stands for a mistake is no value of the graph; whoever runs it finds the mistake.
        for id in ends.iter().filter(|id| **id != ValueId::POISON) {
            live[id.index()] = true;
        }
        for node in self.nodes().iter().rev() {
            if node.outputs.iter().any(|y| live[y.index()]) {
                for x in &node.inputs {
                    live[x.index()] = true;
                }
            }
        }
        live
    }

    /// The inputs and states among the values, by name.
    pub fn named_values(&self) -> Vec<(String, ValueId)> {
        (0..self.values() as u32)
            .map(ValueId)
            .filter_map(|id| match self.origin(id) {
                Origin::Input(name) | Origin::State(name) => Some((name, id)),
                _ => None,
            })
            .collect()
    }
}
