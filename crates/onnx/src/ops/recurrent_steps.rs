//! Recurrent layers with any activations: every step is a few operators.

use anygrad_core::DType;
use anygrad_graph::Tensor;

use super::recurrent::{Direction, Kind, States};
use crate::node::Node;
use crate::value::{Stop, unsupported, wrong};

/// Steps that are written out at most.
const MOST_STEPS: usize = 1024;

/// An activation with its numbers.
#[derive(Clone, Copy)]
pub(super) struct Function {
    pub(super) name: &'static str,
    alpha: f64,
    beta: f64,
    apply: for<'g> fn(Tensor<'g>, f64, f64) -> Tensor<'g>,
}

/// All activations that the schema names, with their defaults; NaN where they have no such number.
const FUNCTIONS: &[Function] = &[
    function("Affine", 1.0, 0.0, |x, a, b| x * a + b),
    function("Elu", 1.0, f64::NAN, |x, a, _| x.elu(a)),
    function("HardSigmoid", 0.2, 0.5, |x, a, b| x.hard_sigmoid_with(a, b)),
    function("LeakyRelu", 0.01, f64::NAN, |x, a, _| x.leaky_relu(a)),
    function("Relu", f64::NAN, f64::NAN, |x, _, _| x.relu()),
    function("ScaledTanh", 1.0, 1.0, |x, a, b| (x * b).tanh() * a),
    function("Sigmoid", f64::NAN, f64::NAN, |x, _, _| x.sigmoid()),
    function("Softplus", f64::NAN, f64::NAN, |x, _, _| x.softplus()),
    function("Softsign", f64::NAN, f64::NAN, |x, _, _| x.softsign()),
    function("Tanh", f64::NAN, f64::NAN, |x, _, _| x.tanh()),
    function("ThresholdedRelu", 1.0, f64::NAN, |x, a, _| x.threshold(a, 0.0)),
];

const fn function(
    name: &'static str,
    alpha: f64,
    beta: f64,
    apply: for<'g> fn(Tensor<'g>, f64, f64) -> Tensor<'g>,
) -> Function {
    Function { name, alpha, beta, apply }
}

/// The activations of each direction. The lists of numbers belong to those that have such a number, in order.
pub(super) fn functions(
    node: &Node<'_, '_>,
    kind: Kind,
    directions: usize,
) -> Result<Vec<Vec<Function>>, Stop> {
    let usual = kind.usual();
    let names = node.texts("activations").unwrap_or_default();
    let names = if names.is_empty() {
        usual.repeat(directions).into_iter().map(str::to_owned).collect()
    } else {
        names
    };
    if names.len() != usual.len() * directions {
        return wrong(format!("activations are {names:?}; {} were expected", usual.len() * directions));
    }
    let mut alphas = node.floats("activation_alpha").unwrap_or_default().into_iter();
    let mut betas = node.floats("activation_beta").unwrap_or_default().into_iter();
    let mut functions = Vec::with_capacity(names.len());
    for name in &names {
        let Some(found) = FUNCTIONS.iter().find(|function| function.name.eq_ignore_ascii_case(name)) else {
            let known: Vec<_> = FUNCTIONS.iter().map(|function| function.name).collect();
            return unsupported(format!("the activation {name:?}; known are {}", known.join(", ")));
        };
        let mut function = *found;
        if !function.alpha.is_nan() {
            function.alpha = alphas.next().unwrap_or(function.alpha);
        }
        if !function.beta.is_nan() {
            function.beta = betas.next().unwrap_or(function.beta);
        }
        functions.push(function);
    }
    Ok(functions.chunks(usual.len()).map(<[Function]>::to_vec).collect())
}

/// One direction, step by step: the equations of the schema.
pub(super) fn stepped<'g>(layer: &Direction<'g>, units: usize) -> Result<States<'g>, Stop> {
    let (graph, shape) = (layer.x.graph(), layer.x.shape());
    let (batch, time) = (shape[0], shape[1]);
    if time > MOST_STEPS || time == 0 {
        return unsupported(format!(
            "{time} steps with these activations; 1 to {MOST_STEPS} are written out"
        ));
    }
    let zeros = || graph.zeros(&[batch, units]);
    let mut hidden = layer.initial.unwrap_or_else(zeros);
    let mut cell = layer.initial_cell.unwrap_or_else(zeros);
    let bias = |row: usize| layer.bias.map(|bias| bias.at(0, row));
    let inputs = layer.x.matmul(layer.kernel);
    let inputs = bias(0).map_or(inputs, |bias| inputs + bias);
    let mut sequence = vec![hidden; time];
    let order: Vec<usize> = if layer.backwards { (0..time).rev().collect() } else { (0..time).collect() };
    for step in order {
        let x = inputs.at(1, step);
        let (next, next_cell) = match layer.kind {
            Kind::Rnn => (layer.rnn(x, hidden, bias(1)), cell),
            Kind::Gru => (layer.gru(x, hidden, bias(1), units), cell),
            Kind::Lstm => layer.lstm(x, hidden, cell, bias(1), units),
        };
        let Some(lengths) = layer.lengths else {
            (hidden, cell, sequence[step]) = (next, next_cell, next);
            continue;
        };
        // Behind the end of a row its states stay, and the sequence is 0.
        let goes_on = lengths.cast(DType::I32).gt(step as i32).unsqueeze(1);
        sequence[step] = goes_on.select(next, 0.0);
        hidden = goes_on.select(next, hidden);
        cell = goes_on.select(next_cell, cell);
    }
    let cell = (layer.kind == Kind::Lstm).then_some(cell);
    Ok(States { sequence: graph.stack(&sequence, 1), hidden, cell })
}

impl<'g> Direction<'g> {
    /// Activation `index` of a sum, which is held between -clip and clip.
    fn active(&self, index: usize, sum: Tensor<'g>) -> Tensor<'g> {
        let Function { apply, alpha, beta, .. } = self.functions[index];
        apply(self.clip.map_or(sum, |clip| sum.clip(-clip, clip)), alpha, beta)
    }

    /// h . R + bias
    fn product(&self, hidden: Tensor<'g>, bias: Option<Tensor<'g>>) -> Tensor<'g> {
        let product = hidden.matmul(self.recurrent);
        bias.map_or(product, |bias| product + bias)
    }

    fn rnn(&self, x: Tensor<'g>, hidden: Tensor<'g>, bias: Option<Tensor<'g>>) -> Tensor<'g> {
        self.active(0, x + self.product(hidden, bias))
    }

    fn gru(&self, x: Tensor<'g>, hidden: Tensor<'g>, bias: Option<Tensor<'g>>, units: usize) -> Tensor<'g> {
        let block = |x: Tensor<'g>, gate: usize| x.narrow(-1, gate * units..(gate + 1) * units);
        let product = self.product(hidden, bias);
        let update = self.active(0, block(x, 0) + block(product, 0));
        let reset = self.active(0, block(x, 1) + block(product, 1));
        let candidate = if self.reset_after {
            reset * block(product, 2)
        } else {
            let product = (reset * hidden).matmul(block(self.recurrent, 2));
            bias.map_or(product, |bias| product + block(bias, 2))
        };
        let candidate = self.active(1, block(x, 2) + candidate);
        (1.0 - update) * candidate + update * hidden
    }

    fn lstm(
        &self,
        x: Tensor<'g>,
        hidden: Tensor<'g>,
        cell: Tensor<'g>,
        bias: Option<Tensor<'g>>,
        units: usize,
    ) -> (Tensor<'g>, Tensor<'g>) {
        let sums = x + self.product(hidden, bias);
        let sum = |gate: usize| sums.narrow(-1, gate * units..(gate + 1) * units);
        let seen = |sum: Tensor<'g>, gate: usize, cell: Tensor<'g>| {
            self.peepholes.map_or(sum, |p| sum + p.narrow(0, gate * units..(gate + 1) * units) * cell)
        };
        let input = self.active(0, seen(sum(0), 0, cell));
        let forget = if self.coupled { 1.0 - input } else { self.active(0, seen(sum(2), 2, cell)) };
        let next = forget * cell + input * self.active(1, sum(3));
        let output = self.active(0, seen(sum(1), 1, next));
        let Function { apply, alpha, beta, .. } = self.functions[2];
        (output * apply(next, alpha, beta), next)
    }
}
