//! The user's side of recurrent layers: weights and options in the layouts of Keras.

use anygrad_core::{DType, Error, Result};

use super::super::reverse_sequence::{positions, within};
use super::steps::Recurrence;
use super::{Cell, gru, join, lstm, part, rnn};
use crate::Tensor;

/// The function of a simple recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The hyperbolic tangent.
    Tanh,
    /// x where it is positive, otherwise 0.
    Relu,
}

/// What a recurrent layer does in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentCell {
    /// h' = f(x . W + h . R + b) (Elman 1990)
    Rnn(Activation),
    /// A gated recurrent unit with the gates z, r, h (Cho et al. 2014). `reset_after` applies the
    /// reset gate after the product of the state: PyTorch's form, Keras's default, ONNX's
    /// `linear_before_reset = 1`.
    Gru {
        /// Where the reset gate stands.
        reset_after: bool,
    },
    /// A long short-term memory with the gates i, f, g, o (Hochreiter, Schmidhuber 1997).
    Lstm,
}

impl RecurrentCell {
    /// How many blocks of columns its weights have.
    pub fn gates(self) -> usize {
        match self {
            RecurrentCell::Rnn(_) => 1,
            RecurrentCell::Gru { .. } => 3,
            RecurrentCell::Lstm => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            RecurrentCell::Rnn(_) => "rnn",
            RecurrentCell::Gru { .. } => "gru",
            RecurrentCell::Lstm => "lstm",
        }
    }
}

/// A recurrent layer: its cell, its weights and how it goes through time; see [`Tensor::recurrent`].
#[derive(Clone, Copy, Debug)]
pub struct Recurrent<'g> {
    cell: RecurrentCell,
    kernel: Tensor<'g>,
    recurrent_kernel: Tensor<'g>,
    bias: Option<Tensor<'g>>,
    initial: Option<Tensor<'g>>,
    initial_cell: Option<Tensor<'g>>,
    peepholes: Option<Tensor<'g>>,
    lengths: Option<Tensor<'g>>,
    go_backwards: bool,
    clip: Option<f64>,
}

impl<'g> Recurrent<'g> {
    /// A layer from `kernel` `[inputs, gates units]` and `recurrent_kernel` `[units, gates units]`,
    /// in blocks for the gates as in Keras: i, f, g, o (LSTM); z, r, h (GRU).
    pub fn new(cell: RecurrentCell, kernel: Tensor<'g>, recurrent_kernel: Tensor<'g>) -> Self {
        Recurrent {
            cell,
            kernel,
            recurrent_kernel,
            bias: None,
            initial: None,
            initial_cell: None,
            peepholes: None,
            lengths: None,
            go_backwards: false,
            clip: None,
        }
    }

    /// `[gates units]`. A GRU may have `[2, 3 units]`, with a second row for the product of the
    /// state, which only `reset_after` tells apart.
    pub fn bias(mut self, bias: impl Into<Option<Tensor<'g>>>) -> Self {
        self.bias = bias.into();
        self
    }

    /// The state before the first step, `[batch, units]`; zeros unless given.
    pub fn initial(mut self, state: impl Into<Option<Tensor<'g>>>) -> Self {
        self.initial = state.into();
        self
    }

    /// The memory cell of an LSTM before the first step, `[batch, units]`; zeros unless given.
    pub fn initial_cell(mut self, cell: impl Into<Option<Tensor<'g>>>) -> Self {
        self.initial_cell = cell.into();
        self
    }

    /// Weights of an LSTM's gates on its memory cell, `[3 units]` in blocks for i, o, f, the order
    /// of ONNX: p_i c and p_f c are added to the sums of gates i and f, p_o c' to that of o, which
    /// sees the new cell (Gers, Schmidhuber 2000).
    pub fn peepholes(mut self, peepholes: impl Into<Option<Tensor<'g>>>) -> Self {
        self.peepholes = peepholes.into();
        self
    }

    /// How many steps each row takes, `i32` `[batch]`, from 0 to the number of steps; numbers
    /// outside count as the nearer of the two. Steps behind the last are not looked at: the states
    /// that are returned are those after the last step of each row, and the sequence is 0 behind
    /// it, as for PyTorch's packed sequences and ONNX's `sequence_lens`. Keras's masks repeat the
    /// last output there unless `zero_output_for_mask`, and may have gaps.
    pub fn lengths(mut self, lengths: impl Into<Option<Tensor<'g>>>) -> Self {
        self.lengths = lengths.into();
        self
    }

    /// Goes through time from the last step to the first. The sequence is in the order of
    /// processing, as Keras's; ONNX and PyTorch turn it around again, as [`Tensor::flip`] does, or
    /// with lengths [`Tensor::reverse_sequence`].
    ///
    /// With lengths, each row goes back from its own last step, so its sequence still begins at
    /// step 0: ONNX's and PyTorch's way. Keras turns the padding around too, so that a row's
    /// sequence ends at the last step; its states are the same.
    pub fn go_backwards(mut self, go_backwards: bool) -> Self {
        self.go_backwards = go_backwards;
        self
    }

    /// Holds the sums of the gates in `[-clip, clip]` before their activation, as ONNX's `clip`.
    /// Every step is then a few operators of its own.
    pub fn clip(mut self, clip: impl Into<Option<f64>>) -> Self {
        self.clip = clip.into();
        self
    }
}

/// What a recurrent layer gives.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentOutput<'g> {
    /// The state after each step: `[batch, time, units]`.
    pub sequence: Tensor<'g>,
    /// The state after the last step: `[batch, units]`.
    pub hidden: Tensor<'g>,
    /// The memory cell of an LSTM after the last step: `[batch, units]`.
    pub cell: Option<Tensor<'g>>,
}

/// What an LSTM gives.
#[derive(Clone, Copy, Debug)]
pub struct LstmOutput<'g> {
    /// The state after each step: `[batch, time, units]`.
    pub sequence: Tensor<'g>,
    /// The state after the last step: `[batch, units]`.
    pub hidden: Tensor<'g>,
    /// The memory cell after the last step: `[batch, units]`.
    pub cell: Tensor<'g>,
}

impl<'g> Tensor<'g> {
    /// A recurrent layer over `[batch, time, inputs]`.
    ///
    /// Shapes that do not fit are kept as the graph's error, as are options that the cell does not
    /// have.
    #[track_caller]
    pub fn recurrent(self, layer: &Recurrent<'g>) -> RecurrentOutput<'g> {
        match Fitted::new(self, layer).and_then(|fitted| fitted.run(layer.cell)) {
            Ok(output) => output,
            Err(error) => {
                let mistake = self.fail(error.context(layer.cell.name()));
                let cell = (layer.cell == RecurrentCell::Lstm).then_some(mistake);
                RecurrentOutput { sequence: mistake, hidden: mistake, cell }
            }
        }
    }

    /// A simple recurrent layer over `[batch, time, inputs]`: the state after each step,
    /// `[batch, time, units]`, and after the last, `[batch, units]`.
    ///
    /// `kernel` is `[inputs, units]`, `recurrent_kernel` `[units, units]`, `bias` `[units]`, and
    /// `initial` `[batch, units]`, zeros where it is `None`. [`Tensor::recurrent`] has more options.
    #[track_caller]
    pub fn rnn(
        self,
        kernel: Tensor<'g>,
        recurrent_kernel: Tensor<'g>,
        bias: Option<Tensor<'g>>,
        initial: Option<Tensor<'g>>,
        activation: Activation,
    ) -> (Tensor<'g>, Tensor<'g>) {
        let layer = Recurrent::new(RecurrentCell::Rnn(activation), kernel, recurrent_kernel);
        let y = self.recurrent(&layer.bias(bias).initial(initial));
        (y.sequence, y.hidden)
    }

    /// A gated recurrent unit over `[batch, time, inputs]`: the state after each step,
    /// `[batch, time, units]`, and after the last, `[batch, units]`.
    ///
    /// `kernel` is `[inputs, 3 units]`, `recurrent_kernel` `[units, 3 units]`, in blocks for the
    /// gates z, r, h as in Keras. `bias` is `[3 units]`, or `[2, 3 units]` with a second row for the
    /// product of the state, which only `reset_after` tells apart. `initial` is `[batch, units]`,
    /// zeros where it is `None`. `reset_after` applies the reset gate after the product of the
    /// state, Keras's default. [`Tensor::recurrent`] has more options.
    #[track_caller]
    pub fn gru(
        self,
        kernel: Tensor<'g>,
        recurrent_kernel: Tensor<'g>,
        bias: Option<Tensor<'g>>,
        initial: Option<Tensor<'g>>,
        reset_after: bool,
    ) -> (Tensor<'g>, Tensor<'g>) {
        let layer = Recurrent::new(RecurrentCell::Gru { reset_after }, kernel, recurrent_kernel);
        let y = self.recurrent(&layer.bias(bias).initial(initial));
        (y.sequence, y.hidden)
    }

    /// A long short-term memory over `[batch, time, inputs]`.
    ///
    /// `kernel` is `[inputs, 4 units]`, `recurrent_kernel` `[units, 4 units]` and `bias` `[4 units]`,
    /// in blocks for the gates i, f, g, o as in Keras; `initial` holds state and memory cell,
    /// `[batch, units]` each, zeros where it is `None`. [`Tensor::recurrent`] has more options.
    #[track_caller]
    pub fn lstm(
        self,
        kernel: Tensor<'g>,
        recurrent_kernel: Tensor<'g>,
        bias: Option<Tensor<'g>>,
        initial: Option<(Tensor<'g>, Tensor<'g>)>,
    ) -> LstmOutput<'g> {
        let layer = Recurrent::new(RecurrentCell::Lstm, kernel, recurrent_kernel).bias(bias);
        let layer = layer.initial(initial.map(|(h0, _)| h0)).initial_cell(initial.map(|(_, c0)| c0));
        let y = self.recurrent(&layer);
        LstmOutput { sequence: y.sequence, hidden: y.hidden, cell: y.cell.unwrap_or(y.hidden) }
    }
}

/// A layer and its input, checked, in the direction of processing.
pub(super) struct Fitted<'g> {
    batch: usize,
    time: usize,
    inputs: usize,
    pub(super) units: usize,
    x: Tensor<'g>,
    pub(super) kernel: Tensor<'g>,
    pub(super) recurrent_kernel: Tensor<'g>,
    pub(super) bias: Option<Tensor<'g>>,
    initial: Option<Tensor<'g>>,
    initial_cell: Option<Tensor<'g>>,
    pub(super) peepholes: Option<Tensor<'g>>,
    pub(super) lengths: Option<Tensor<'g>>,
    pub(super) clip: Option<f64>,
}

impl<'g> Fitted<'g> {
    #[track_caller]
    fn new(x: Tensor<'g>, layer: &Recurrent<'g>) -> Result<Self> {
        let Recurrent { cell, kernel, recurrent_kernel, bias, .. } = *layer;
        let Recurrent { initial, initial_cell, peepholes, lengths, clip, .. } = *layer;
        let gates = cell.gates();
        let optional = [bias, initial, initial_cell, peepholes, lengths];
        if [x, kernel, recurrent_kernel]
            .into_iter()
            .chain(optional.into_iter().flatten())
            .any(Tensor::is_poison)
        {
            return Err(Error::shape("an operand is a mistake"));
        }
        let [batch, time, inputs] = x.dims::<3>("the input of a recurrent layer");
        let [rows, columns] = kernel.dims::<2>("the kernel of a recurrent layer");
        let [units, recurrent_columns] = recurrent_kernel.dims::<2>("the recurrent kernel");
        let fits = rows == inputs && columns == gates * units && recurrent_columns == gates * units;
        if !fits || time == 0 || units == 0 {
            return Err(Error::shape(format!(
                "input {}, kernel {} and recurrent kernel {}; wanted are [batch, time, inputs] with time \
                 above 0, [inputs, {gates} units] and [units, {gates} units]",
                x.shape(),
                kernel.shape(),
                recurrent_kernel.shape()
            )));
        }
        let lstm = cell == RecurrentCell::Lstm;
        if !lstm && (initial_cell.is_some() || peepholes.is_some()) {
            return Err(Error::input("memory cells and peepholes are those of an LSTM"));
        }
        if let Some(clip) = clip
            && (!clip.is_finite() || clip <= 0.0)
        {
            return Err(Error::input(format!("clip is a positive number, not {clip}")));
        }
        let two_rows = matches!(cell, RecurrentCell::Gru { .. });
        if let Some(bias) = bias
            && !(two_rows && *bias.shape() == [2, columns])
        {
            check("the bias", bias, &[columns])?;
        }
        for (what, tensor, sizes) in [
            ("the initial state", initial, &[batch, units][..]),
            ("the initial cell", initial_cell, &[batch, units]),
            ("the peepholes", peepholes, &[3 * units]),
            ("lengths", lengths, &[batch]),
        ] {
            tensor.map_or(Ok(()), |tensor| check(what, tensor, sizes))?;
        }
        if let Some(lengths) = lengths
            && lengths.dtype() != DType::I32
        {
            return Err(Error::shape(format!("lengths are i32, {} was given", lengths.meta())));
        }
        let x = match (layer.go_backwards, lengths) {
            (false, _) => x,
            (true, None) => x.flip(&[1]),
            (true, Some(lengths)) => x.reverse_sequence(lengths),
        };
        let x = match lengths {
            None => x,
            Some(lengths) => {
                // The gradient of the kernel multiplies all steps of x, and 0 times NaN is NaN.
                let is_within = positions(x, time)?.unsqueeze(0).lt(lengths.unsqueeze(1));
                is_within.unsqueeze(2).select(x, 0.0)
            }
        };
        Ok(Fitted {
            batch,
            time,
            inputs,
            units,
            x,
            kernel,
            recurrent_kernel,
            bias,
            initial,
            initial_cell,
            peepholes,
            lengths,
            clip,
        })
    }

    #[track_caller]
    fn run(&self, cell: RecurrentCell) -> Result<RecurrentOutput<'g>> {
        let (states, cells) = match cell {
            RecurrentCell::Rnn(activation) => (rnn::run(self, activation), None),
            RecurrentCell::Gru { reset_after: true } => (gru::after(self), None),
            RecurrentCell::Gru { reset_after: false } => (gru::before(self), None),
            RecurrentCell::Lstm => {
                let (states, cells) = lstm::run(self);
                (states, Some(cells))
            }
        };
        Ok(RecurrentOutput {
            sequence: self.without_added(part(states, 1, 1, self.time + 1)),
            hidden: self.last(states)?,
            cell: cells.map(|cells| self.last(cells)).transpose()?,
        })
    }

    /// The cell through time, from weights in the form of `steps.rs`: what [`Recurrence`] gives.
    pub(super) fn through_time<C: Cell>(
        &self,
        cell: C,
        kernel: Tensor<'g>,
        recurrent_kernel: Tensor<'g>,
        bias: Option<Tensor<'g>>,
    ) -> Vec<Tensor<'g>> {
        let mut inputs = vec![self.gates_in(kernel, bias), recurrent_kernel, self.state(self.initial)];
        inputs.extend(C::CELLS.then(|| self.state(self.initial_cell)));
        inputs.extend(self.lengths);
        let op = Recurrence { cell, lengths: self.lengths.is_some() };
        if self.clip.is_some() { op.unrolled(&inputs) } else { self.x.apply_all(op, &inputs) }
    }

    /// The units with those that are added to have a multiple of four. Their weights are 0, so
    /// their state stays 0 and reaches no other unit.
    pub(super) fn padded(&self) -> usize {
        self.units.next_multiple_of(4)
    }

    /// The initial state, with the added units.
    pub(super) fn initial(&self) -> Tensor<'g> {
        self.state(self.initial)
    }

    /// A state, zeros where none is given, with the added units.
    fn state(&self, state: Option<Tensor<'g>>) -> Tensor<'g> {
        match state {
            Some(state) => pad(state, 1, self.padded()),
            None => self.x.graph().scalar(0.0).broadcast_to(&[self.batch, self.padded()]),
        }
    }

    /// x . kernel + bias for all steps: `[batch, time, columns]`, from weights in the form of `steps.rs`.
    pub(super) fn gates_in(&self, kernel: Tensor<'g>, bias: Option<Tensor<'g>>) -> Tensor<'g> {
        let columns = kernel.shape()[1];
        let gates = self.x.reshape(&[self.batch * self.time, self.inputs]).matmul(kernel);
        let gates = match bias {
            Some(bias) => gates + bias.reshape(&[1, columns]),
            None => gates,
        };
        gates.reshape(&[self.batch, self.time, columns])
    }

    /// States without the added units.
    fn without_added(&self, states: Tensor<'g>) -> Tensor<'g> {
        part(states, states.shape().rank() - 1, 0, self.units)
    }

    /// The state after the last step of each row.
    #[track_caller]
    fn last(&self, states: Tensor<'g>) -> Result<Tensor<'g>> {
        let last = match self.lengths {
            None => part(states, 1, self.time, self.time + 1).reshape(&[self.batch, self.padded()]),
            Some(lengths) => {
                let lengths = within(lengths, self.time);
                let times = positions(self.x, self.time + 1)?.unsqueeze(0);
                let is_last = times.eq(lengths.unsqueeze(1)).unsqueeze(2);
                is_last.select(states, 0.0).sum(&[1], false)
            }
        };
        Ok(self.without_added(last))
    }
}

/// Fails unless a tensor has this shape.
fn check(what: &str, tensor: Tensor<'_>, sizes: &[usize]) -> Result<()> {
    if *tensor.shape() == *sizes {
        return Ok(());
    }
    Err(Error::shape(format!("{what}: {sizes:?} is wanted, {} was given", tensor.shape())))
}

/// Zeros added at the end of an axis.
pub(super) fn pad(x: Tensor<'_>, axis: usize, size: usize) -> Tensor<'_> {
    let missing = size - x.shape()[axis];
    if missing == 0 {
        return x;
    }
    join(&[x, x.graph().scalar(0.0).broadcast_to(&x.shape().with(axis, missing))], axis)
}

/// `[rows, gates * units]` in blocks, each with the added units: `[rows, gates * padded]`.
pub(super) fn blocks(weights: Tensor<'_>, gates: usize, padded: usize) -> Tensor<'_> {
    let [rows, columns] = [weights.shape()[0], weights.shape()[1]];
    pad(weights.reshape(&[rows, gates, columns / gates]), 2, padded).reshape(&[rows, gates * padded])
}

/// `[rows, gates * units]` in blocks to `[rows, padded, gates]`, the gates of a unit side by side.
pub(super) fn interleave(weights: Tensor<'_>, gates: usize, padded: usize) -> Tensor<'_> {
    let rows = weights.shape()[0];
    let blocks = blocks(weights, gates, padded).reshape(&[rows, gates, padded]);
    blocks.permute(&[0, 2, 1]).reshape(&[rows, padded * gates])
}
