//! The user's side of recurrent layers: weights and options in the layouts of Keras.

use super::fitted::Fitted;
use crate::{Attributes, Tensor};

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

    pub(super) fn name(self) -> &'static str {
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
    pub(super) cell: RecurrentCell,
    pub(super) kernel: Tensor<'g>,
    pub(super) recurrent_kernel: Tensor<'g>,
    pub(super) bias: Option<Tensor<'g>>,
    pub(super) initial: Option<Tensor<'g>>,
    pub(super) initial_cell: Option<Tensor<'g>>,
    pub(super) peepholes: Option<Tensor<'g>>,
    pub(super) lengths: Option<Tensor<'g>>,
    pub(super) go_backwards: bool,
    pub(super) clip: Option<f64>,
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
        // No closures here: the operators keep the caller's line.
        let output = match Fitted::new(self, layer) {
            Ok(fitted) => fitted.run(layer.cell),
            Err(error) => Err(error),
        };
        match output {
            Ok(output) => {
                self.notes_recurrent(layer, &output);
                output
            }
            Err(error) => {
                let mistake = self.fail(error.context(layer.cell.name()));
                let cell = (layer.cell == RecurrentCell::Lstm).then_some(mistake);
                RecurrentOutput { sequence: mistake, hidden: mistake, cell }
            }
        }
    }

    #[track_caller]
    fn notes_recurrent(self, layer: &Recurrent<'g>, output: &RecurrentOutput<'g>) {
        let attributes = Attributes::new()
            .with("cell", layer.cell.name())
            .with("relu", layer.cell == RecurrentCell::Rnn(Activation::Relu))
            .with("reset_after", layer.cell == RecurrentCell::Gru { reset_after: true })
            .with("go_backwards", layer.go_backwards)
            .with_some("clip", layer.clip);
        let inputs = [
            ("x", Some(self)),
            ("kernel", Some(layer.kernel)),
            ("recurrent_kernel", Some(layer.recurrent_kernel)),
            ("bias", layer.bias),
            ("initial", layer.initial),
            ("initial_cell", layer.initial_cell),
            ("peepholes", layer.peepholes),
            ("lengths", layer.lengths),
        ];
        let outputs =
            [("sequence", Some(output.sequence)), ("hidden", Some(output.hidden)), ("cell", output.cell)];
        self.graph().compose("recurrent", attributes, &inputs, &outputs);
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
