//! Recurrent layers: the graph's own where the activations are the usual ones, otherwise step by step.

use anygrad_core::DType;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Activation, Recurrent, RecurrentCell};

use super::recurrent_steps::{Function, functions, stepped};
use super::{Row, rounded, wide};
use crate::node::{Node, typed};
use crate::value::{Outputs, Stop, unsupported, wrong};

pub(super) const ROWS: &[Row] = &[
    ("GRU", |n| recurrent(n, Kind::Gru)),
    ("LSTM", |n| recurrent(n, Kind::Lstm)),
    ("RNN", |n| recurrent(n, Kind::Rnn)),
];

/// The operator.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Rnn,
    Gru,
    Lstm,
}

impl Kind {
    pub(super) fn gates(self) -> usize {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }

    /// The activations of one direction.
    pub(super) fn usual(self) -> &'static [&'static str] {
        match self {
            Kind::Rnn => &["Tanh"],
            Kind::Gru => &["Sigmoid", "Tanh"],
            Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
        }
    }
}

/// One direction of a layer. The gates are in blocks of columns in the order of ONNX: z, r, h and i, o, f, c.
pub(super) struct Direction<'g> {
    pub(super) kind: Kind,
    /// `[batch, time, inputs]`
    pub(super) x: Tensor<'g>,
    /// `[inputs, gates units]`
    pub(super) kernel: Tensor<'g>,
    /// `[units, gates units]`
    pub(super) recurrent: Tensor<'g>,
    /// `[2, gates units]`: of the inputs and of the state.
    pub(super) bias: Option<Tensor<'g>>,
    pub(super) initial: Option<Tensor<'g>>,
    pub(super) initial_cell: Option<Tensor<'g>>,
    /// `[3 units]`: i, o, f.
    pub(super) peepholes: Option<Tensor<'g>>,
    /// `[batch]`
    pub(super) lengths: Option<Tensor<'g>>,
    pub(super) backwards: bool,
    pub(super) clip: Option<f64>,
    pub(super) functions: Vec<Function>,
    pub(super) reset_after: bool,
    /// The forget gate is 1 less the input gate.
    pub(super) coupled: bool,
}

/// What a direction gives: `[batch, time, units]` in the order of time, and the last states `[batch, units]`.
pub(super) struct States<'g> {
    pub(super) sequence: Tensor<'g>,
    pub(super) hidden: Tensor<'g>,
    pub(super) cell: Option<Tensor<'g>>,
}

fn recurrent<'g>(node: &Node<'_, 'g>, kind: Kind) -> Outputs<'g> {
    let element = node.element(0)?;
    let batch_first = node.flag("layout");
    let backwards: &[bool] = match node.text("direction", "forward").as_str() {
        "forward" => &[false],
        "reverse" => &[true],
        "bidirectional" => &[false, true],
        other => return unsupported(format!("direction is {other:?}")),
    };
    let input =
        |input: usize| -> Result<Option<Tensor<'g>>, Stop> { Ok(node.maybe_tensor(input)?.map(wide)) };
    let x = wide(node.tensor(0)?);
    let x = if batch_first { x } else { swapped(x)? };
    let (kernel, recurrent) = (wide(node.tensor(1)?), wide(node.tensor(2)?));
    let (directions, gates) = (backwards.len(), kind.gates());
    let [units, batch] = match (&*recurrent.shape(), &*x.shape()) {
        ([d, rows, units], [batch, _, _]) if *d == directions && *rows == gates * units => [*units, *batch],
        (r, x) => {
            return wrong(format!("R {r:?} and X {x:?} for {directions} direction(s) of {gates} gate(s)"));
        }
    };
    let state = |input: Option<Tensor<'g>>| -> Result<Option<Tensor<'g>>, Stop> {
        match input {
            Some(state) if batch_first => swapped(state).map(Some),
            other => Ok(other),
        }
    };
    let (bias, lengths) = (input(3)?, node.maybe_tensor(4)?);
    let (initial, cell) = (state(input(5)?)?, if kind == Kind::Lstm { state(input(6)?)? } else { None });
    let peepholes = if kind == Kind::Lstm { input(7)? } else { None };
    for (what, given, wanted) in [
        ("W", Some(kernel), vec![directions, gates * units, x.shape()[2]]),
        ("B", bias, vec![directions, 2 * gates * units]),
        ("the initial state", initial, vec![directions, batch, units]),
        ("the initial cell", cell, vec![directions, batch, units]),
        ("P", peepholes, vec![directions, 3 * units]),
        ("sequence_lens", lengths, vec![batch]),
    ] {
        if let Some(given) = given.filter(|given| given.shape()[..] != wanted[..]) {
            return wrong(format!("{what} is {}, {wanted:?} was expected", given.shape()));
        }
    }
    let functions = functions(node, kind, directions)?;
    let mut all = Vec::with_capacity(directions);
    for (index, (&backwards, functions)) in backwards.iter().zip(functions).enumerate() {
        let of = |x: Tensor<'g>| x.at(0, index);
        let direction = Direction {
            kind,
            x,
            kernel: of(kernel).t(),
            recurrent: of(recurrent).t(),
            bias: bias.map(|bias| of(bias).reshape(&[2, gates * units])),
            initial: initial.map(of),
            initial_cell: cell.map(of),
            peepholes: peepholes.map(of),
            lengths,
            backwards,
            clip: node.maybe_float("clip").filter(|&clip| clip > 0.0),
            functions,
            reset_after: node.flag("linear_before_reset"),
            coupled: node.flag("input_forget"),
        };
        all.push(direction.run(units)?);
    }
    let graph = node.graph;
    // [time, directions, batch, units], or with the batch first [batch, time, directions, units].
    let sequences: Vec<_> = all.iter().map(|states| states.sequence).collect();
    let sequence = graph.stack(&sequences, 2);
    let sequence = if batch_first { sequence } else { sequence.permute(&[1, 2, 0, 3]) };
    let last = |state: fn(&States<'g>) -> Option<Tensor<'g>>| {
        let states: Vec<_> = all.iter().filter_map(state).collect();
        graph.stack(&states, usize::from(batch_first))
    };
    let mut outputs = vec![sequence, last(|states| Some(states.hidden))];
    if kind == Kind::Lstm {
        outputs.push(last(|states| states.cell));
    }
    Ok(outputs.into_iter().map(|y| typed(rounded(y, element), element)).collect())
}

/// The first two axes exchanged.
fn swapped(x: Tensor<'_>) -> Result<Tensor<'_>, Stop> {
    match x.shape().rank() {
        3 => Ok(x.permute(&[1, 0, 2])),
        rank => wrong(format!("{rank} axes where 3 were expected")),
    }
}

impl<'g> Direction<'g> {
    fn run(&self, units: usize) -> Result<States<'g>, Stop> {
        let names: Vec<&str> = self.functions.iter().map(|function| function.name).collect();
        let cell = match (self.kind, &names[..]) {
            (Kind::Rnn, ["Tanh"]) => RecurrentCell::Rnn(Activation::Tanh),
            (Kind::Rnn, ["Relu"]) => RecurrentCell::Rnn(Activation::Relu),
            (Kind::Gru, names) if names == self.kind.usual() => {
                RecurrentCell::Gru { reset_after: self.reset_after }
            }
            (Kind::Lstm, names) if names == self.kind.usual() && !self.coupled => RecurrentCell::Lstm,
            _ => return stepped(self, units),
        };
        let bias = self.bias.map(|bias| match self.kind {
            Kind::Gru => bias,
            Kind::Rnn | Kind::Lstm => self.gates(bias.sum(&[0], false), units),
        });
        let layer = Recurrent::new(cell, self.gates(self.kernel, units), self.gates(self.recurrent, units))
            .bias(bias)
            .initial(self.initial)
            .initial_cell(self.initial_cell)
            .peepholes(self.peepholes)
            .lengths(self.lengths)
            .go_backwards(self.backwards)
            .clip(self.clip);
        let y = self.x.recurrent(&layer);
        let sequence = match (self.backwards, self.lengths) {
            (false, _) => y.sequence,
            (true, None) => y.sequence.flip(&[1]),
            (true, Some(lengths)) => y.sequence.reverse_sequence(lengths.cast(DType::I32)),
        };
        Ok(States { sequence, hidden: y.hidden, cell: y.cell })
    }

    /// The blocks i, o, f, c of the last axis as i, f, c, o; those of other kinds stay.
    fn gates(&self, x: Tensor<'g>, units: usize) -> Tensor<'g> {
        if self.kind != Kind::Lstm {
            return x;
        }
        let blocks = x.split(-1, &[units; 4]);
        match blocks[..] {
            [i, o, f, c] => x.graph().concat(&[i, f, c, o], -1),
            _ => x,
        }
    }
}
