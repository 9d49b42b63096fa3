//! Gradients of operators that stand for a formula in simple operators: those of the formula.
//!
//! Operators that are gradients themselves have kernels for the way there; the way back from them, which
//! only second derivatives need, follows from the formula.

use crate::{At, Grads, Tensor};

/// The gradients of an operator whose output is `formula` of its inputs. The formula does not read input
/// `follows`, which gets none: what it holds follows from the others.
pub(super) fn gradients_by_formula<'g>(
    at: &At<'g, '_>,
    follows: usize,
    formula: impl FnOnce(&[Tensor<'g>]) -> Tensor<'g>,
) -> Grads<'g> {
    let inputs: Vec<Tensor<'g>> = at.x.iter().map(|x| another_name(*x)).collect();
    let loss = (formula(&inputs) * at.dy()).sum_all();
    let wanted: Vec<usize> =
        (0..inputs.len()).filter(|&i| i != follows && at.wanted[i] && inputs[i].dtype().is_float()).collect();
    let with_respect_to: Vec<Tensor<'g>> = wanted.iter().map(|&i| inputs[i]).collect();
    let found = loss.graph().gradients(loss, &with_respect_to);
    let mut gradients = vec![None; inputs.len()];
    for (i, gradient) in wanted.into_iter().zip(found) {
        gradients[i] = Some(gradient);
    }
    gradients
}

/// The same memory as a value of its own. The derivative with respect to it holds everything else
/// fixed, even where one input was made from another.
fn another_name(x: Tensor<'_>) -> Tensor<'_> {
    x.permute(&(0..x.shape().rank()).collect::<Vec<_>>())
}
