//! Steps of optimizers, and gradients: inputs are a rate, a count of updates, and then so many tensors, so many
//! gradients and so many of each state.

use anygrad_graph::Tensor;

use super::Row;
use crate::node::{Node, typed};
use crate::value::{Outputs, Stop, Value, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("Adagrad", |n| steps(n, 1, adagrad)),
    ("Adam", |n| steps(n, 2, adam)),
    ("Gradient", gradient),
    ("Momentum", |n| steps(n, 1, momentum)),
];

/// The rate and the count of updates before this one, and x, its gradient and its states: the next x and states.
type Step = for<'a, 'g> fn(&Node<'a, 'g>, f64, Tensor<'g>, &[Tensor<'g>]) -> Result<Vec<Tensor<'g>>, Stop>;

fn steps<'g>(node: &Node<'_, 'g>, states: usize, step: Step) -> Outputs<'g> {
    let given = node.inputs.len().saturating_sub(2);
    let count = given / (2 + states);
    if count == 0 || !given.is_multiple_of(2 + states) {
        return wrong(format!(
            "{given} tensors, gradients and states; they come in groups of {}",
            2 + states
        ));
    }
    let mut outputs = vec![Vec::with_capacity(count); 1 + states];
    for index in 0..count {
        let input = |part: usize| 2 + part * count + index;
        let x = node.tensor(input(0))?;
        let others =
            (1..2 + states).map(|part| node.tensor(input(part))).collect::<Result<Vec<_>, Stop>>()?;
        let updates = node.number(1)?;
        for (part, y) in step(node, updates, x, &others)?.into_iter().enumerate() {
            let element = node.element(input(if part == 0 { 0 } else { part + 1 }))?;
            outputs[part].push(typed(y, element));
        }
    }
    Ok(outputs.into_iter().flatten().collect())
}

/// The rate, input 0, as a value of the graph: it changes from run to run.
fn rate<'g>(node: &Node<'_, 'g>) -> Result<Tensor<'g>, Stop> {
    match node.tensor(0)? {
        rate if rate.shape().elements() == 1 => Ok(rate.reshape(&[])),
        rate => wrong(format!("the rate is {}", rate.shape())),
    }
}

/// h' = h + g^2; x' = x - rate / (1 + updates decay) g / (sqrt(h') + epsilon)
fn adagrad<'g>(
    node: &Node<'_, 'g>,
    updates: f64,
    x: Tensor<'g>,
    o: &[Tensor<'g>],
) -> Result<Vec<Tensor<'g>>, Stop> {
    let rate = rate(node)? * (1.0 / (1.0 + updates * node.float("decay_factor", 0.0)));
    let g = x * node.float("norm_coefficient", 0.0) + o[0];
    let h = o[1] + g * g;
    Ok(vec![x - rate * g / (h.sqrt() + node.float("epsilon", 1e-6)), h])
}

/// v' = alpha v + (1 - alpha) g, h' = beta h + (1 - beta) g^2, x' = x - rate c v' / (sqrt(h') + epsilon), with
/// c = sqrt(1 - beta^updates) / (1 - alpha^updates), or 1 before the first.
fn adam<'g>(
    node: &Node<'_, 'g>,
    updates: f64,
    x: Tensor<'g>,
    o: &[Tensor<'g>],
) -> Result<Vec<Tensor<'g>>, Stop> {
    let (alpha, beta) = (node.float("alpha", 0.9), node.float("beta", 0.999));
    let correction =
        if updates > 0.0 { (1.0 - beta.powf(updates)).sqrt() / (1.0 - alpha.powf(updates)) } else { 1.0 };
    let g = x * node.float("norm_coefficient", 0.0) + o[0];
    let v = o[1] * alpha + g * (1.0 - alpha);
    let h = o[2] * beta + g * g * (1.0 - beta);
    let next = x - rate(node)? * correction * (v / (h.sqrt() + node.float("epsilon", 1e-6)));
    Ok(vec![next * (1.0 - node.float("norm_coefficient_post", 0.0)), v, h])
}

/// v' = alpha v + beta g, beta being 1 at the first update; x' = x - rate v', or with Nesterov's form
/// x - rate (g + alpha v').
fn momentum<'g>(
    node: &Node<'_, 'g>,
    updates: f64,
    x: Tensor<'g>,
    o: &[Tensor<'g>],
) -> Result<Vec<Tensor<'g>>, Stop> {
    let alpha = node.float("alpha", 0.0);
    let beta = if updates > 0.0 { node.float("beta", 1.0) } else { 1.0 };
    let g = x * node.float("norm_coefficient", 0.0) + o[0];
    let v = o[1] * alpha + g * beta;
    let step = match node.text("mode", "standard").as_str() {
        "standard" => v,
        "nesterov" => g + v * alpha,
        other => return unsupported(format!("mode is {other:?}; known are standard and nesterov")),
    };
    Ok(vec![x - rate(node)? * step, v])
}

/// The gradients of the value named `y` by those named `xs`, at the values that they have.
fn gradient<'g>(node: &Node<'_, 'g>) -> Outputs<'g> {
    let names = node.texts("xs").unwrap_or_default();
    let others = node.texts("zs").unwrap_or_default();
    // Other values than those of the names would need the graph between them once more.
    let named = names.iter().chain(&others);
    if node.proto.input.len() != names.len() + others.len()
        || named.zip(&node.proto.input).any(|(a, b)| a != b)
    {
        return unsupported("gradients at other values than those named by xs and zs");
    }
    if !node.importer.is_first() {
        return unsupported("gradients of what depends on numbers that shapes depend on");
    }
    let y = match node.scope.find(&node.text("y", "")) {
        Some(Value::Tensor(y, _)) => y,
        Some(Value::Blocked) => return Err(Stop::Blocked),
        _ => return unsupported("the gradient of what is no value of the graph computed before"),
    };
    let xs = (0..names.len()).map(|input| node.tensor(input)).collect::<Result<Vec<_>, Stop>>()?;
    let made = node.graph.gradients_from(y, y.full_like(1.0), &xs);
    made.into_iter().enumerate().map(|(input, dx)| Ok(typed(dx, node.element(input)?))).collect()
}
