//! A recurrent layer whose shapes fit, on its way from the user's layouts into those of the operators.

use anygrad_core::{DType, Error, Result};

use super::super::reverse_sequence::{positions, within};
use super::layer::{Recurrent, RecurrentCell, RecurrentOutput};
use super::steps::Recurrence;
use super::{Cell, gru, join, lstm, part, rnn};
use crate::Tensor;

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
    pub(super) fn new(x: Tensor<'g>, layer: &Recurrent<'g>) -> Result<Self> {
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
    pub(super) fn run(&self, cell: RecurrentCell) -> Result<RecurrentOutput<'g>> {
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
            cell: match cells {
                Some(cells) => Some(self.last(cells)?),
                None => None,
            },
        })
    }

    /// The cell through time, from weights in the form of `steps.rs`: what [`Recurrence`] gives.
    #[track_caller]
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
    #[track_caller]
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
    #[track_caller]
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
