//! Recurrent layers over whole sequences: LSTM, GRU and the simple RNN.
//!
//! a_s = gates_in_s + h_{s-1} . R, and a cell makes h_s from a_s, for s = 1, 2, ..., t.
//!
//! gates_in = x . W + b is one large product for all steps, made before; see `steps.rs` for the part
//! that goes through time. The columns of the gates of one unit are neighbours there, and the
//! number of units is a multiple of four, so that devices read and write four numbers at once. The
//! methods here take the layout of Keras, gates in blocks, and bring the weights into that form.
//! Keras's `go_backwards` is `x.flip(&[1])` in front: outputs stay in the order of processing.

mod gru;
mod lstm;
mod rnn;
mod steps;

use std::fmt::Debug;
use std::ops::{Add, Mul, Sub};

use anygrad_core::{Error, Result};
use anygrad_shaders::Kernel;

use crate::{Case, Tensor, Tolerance};

pub use lstm::LstmOutput;
pub use rnn::Activation;

/// The elements of an axis from `from` up to, not including, `to`.
fn part<'g>(x: Tensor<'g>, axis: usize, from: usize, to: usize) -> Tensor<'g> {
    x.narrow(axis as isize, from..to)
}

/// The tensors one behind the other along an axis.
fn join<'g>(tensors: &[Tensor<'g>], axis: usize) -> Tensor<'g> {
    tensors[0].graph().concat(tensors, axis as isize)
}

/// What a cell is made of: `f64` in the reference, a tensor in the graph.
trait Number: Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn sigmoid(self) -> Self;
    fn tanh(self) -> Self;
    fn relu(self) -> Self;
    /// 1 - x
    fn rest(self) -> Self;
    /// `value` where x is above 0, otherwise 0.
    fn where_positive(self, value: Self) -> Self;
}

impl Number for f64 {
    fn sigmoid(self) -> f64 {
        1.0 / (1.0 + (-self).exp())
    }
    fn tanh(self) -> f64 {
        f64::tanh(self)
    }
    fn relu(self) -> f64 {
        if self.is_nan() { self } else { self.max(0.0) }
    }
    fn rest(self) -> f64 {
        1.0 - self
    }
    fn where_positive(self, value: f64) -> f64 {
        if self > 0.0 { value } else { 0.0 }
    }
}

impl Number for Tensor<'_> {
    fn sigmoid(self) -> Self {
        Tensor::sigmoid(self)
    }
    fn tanh(self) -> Self {
        Tensor::tanh(self)
    }
    fn relu(self) -> Self {
        Tensor::relu(self)
    }
    fn rest(self) -> Self {
        1.0 - self
    }
    fn where_positive(self, value: Self) -> Self {
        self.gt(0.0).select(value, 0.0)
    }
}

/// The state of a unit between two steps; cells without a memory cell leave `c` alone.
#[derive(Clone, Copy)]
struct State<N> {
    h: N,
    c: N,
}

/// The kernels of one direction: for software adapters with subgroups of 8, many rows and few, and
/// for every other adapter.
struct Family {
    shuffle: &'static Kernel,
    shuffle_few: &'static Kernel,
    tiled: &'static Kernel,
}

/// What makes one kind of recurrent layer.
trait Cell: Copy + Debug + Send + Sync + 'static {
    /// The name of the operator, and of its gradient.
    const NAMES: (&'static str, &'static str);
    /// Columns of the gates for each unit.
    const COLUMNS: usize;
    /// Whether the activated gates are kept for the way back.
    const GATES: bool;
    /// Whether there are memory cells.
    const CELLS: bool;
    /// The kernels forwards and backwards.
    const KERNELS: (Family, Family);

    /// Overrides of the kernels forwards.
    fn overrides(self) -> Vec<(&'static str, f64)> {
        Vec::new()
    }

    /// Overrides of the kernels backwards.
    fn gradient_overrides(self, _cell_gradient: bool) -> Vec<(&'static str, f64)> {
        self.overrides()
    }

    /// The next state, and the gates to keep, from the first `COLUMNS` of `a`.
    fn advance<N: Number>(self, a: [N; 4], before: State<N>) -> (State<N>, [N; 4]);

    /// The gradient of `a`, and what is carried over to the step before, from the gradient `dh` of
    /// `after.h` and what the step behind carried over (of `after.c` where there are cells, of
    /// `after.h` otherwise).
    fn retreat<N: Number>(
        self,
        gates: [N; 4],
        before: State<N>,
        after: State<N>,
        dh: N,
        carry: N,
    ) -> ([N; 4], N);
}

/// The weights of a layer of `gates` gates as Keras has them, checked.
struct Weights<'g> {
    batch: usize,
    time: usize,
    inputs: usize,
    units: usize,
    kernel: Tensor<'g>,
    recurrent_kernel: Tensor<'g>,
}

impl<'g> Weights<'g> {
    #[track_caller]
    fn new(
        what: &str,
        gates: usize,
        x: Tensor<'g>,
        kernel: Tensor<'g>,
        recurrent_kernel: Tensor<'g>,
    ) -> Result<Self> {
        let [batch, time, inputs] = x.dims::<3>(&format!("the input of {what}"));
        let [rows, columns] = kernel.dims::<2>(&format!("the kernel of {what}"));
        let [units, recurrent_columns] =
            recurrent_kernel.dims::<2>(&format!("the recurrent kernel of {what}"));
        if [x, kernel, recurrent_kernel].iter().any(|t| t.is_poison()) {
            return Err(Error::shape(format!("{what}: an operand is a mistake")));
        }
        let fits = rows == inputs && columns == gates * units && recurrent_columns == gates * units;
        if !fits || time == 0 || units == 0 {
            return Err(Error::shape(format!(
                "{what}: input {}, kernel {} and recurrent kernel {}; wanted are [batch, time, inputs] with time \
                 above 0, [inputs, {gates} units] and [units, {gates} units]",
                x.shape(),
                kernel.shape(),
                recurrent_kernel.shape()
            )));
        }
        Ok(Weights { batch, time, inputs, units, kernel, recurrent_kernel })
    }

    /// The units with those that are added to have a multiple of four. Their weights are 0, so
    /// their state stays 0 and reaches no other unit.
    fn padded(&self) -> usize {
        self.units.next_multiple_of(4)
    }

    /// Fails unless a vector that belongs to the units has this shape.
    fn check(&self, what: &str, tensor: Tensor<'g>, sizes: &[usize]) -> Result<()> {
        if tensor.is_poison() || *tensor.shape() == *sizes {
            return Ok(());
        }
        Err(Error::shape(format!("{what} is {sizes:?} for this layer, {} was given", tensor.shape())))
    }

    /// The initial state, zeros where none is given, with the added units.
    fn initial(&self, what: &str, state: Option<Tensor<'g>>) -> Result<Tensor<'g>> {
        match state {
            Some(state) => {
                self.check(what, state, &[self.batch, self.units])?;
                Ok(pad(state, 1, self.padded()))
            }
            None => Ok(self.kernel.graph().scalar(0.0).broadcast_to(&[self.batch, self.padded()])),
        }
    }

    /// x . kernel + bias for all steps: `[batch, time, columns]`, from weights in the form of `steps.rs`.
    fn gates_in(&self, x: Tensor<'g>, kernel: Tensor<'g>, bias: Option<Tensor<'g>>) -> Tensor<'g> {
        let columns = kernel.shape()[1];
        let gates = x.reshape(&[self.batch * self.time, self.inputs]).matmul(kernel);
        let gates = match bias {
            Some(bias) => gates + bias.reshape(&[1, columns]),
            None => gates,
        };
        gates.reshape(&[self.batch, self.time, columns])
    }

    /// Times `from..to` of states or cells, without the added units.
    fn times(&self, states: Tensor<'g>, from: usize, to: usize) -> Tensor<'g> {
        let times = part(states, 1, from, to);
        if self.padded() == self.units { times } else { part(times, 2, 0, self.units) }
    }

    /// The state after the last step.
    fn last(&self, states: Tensor<'g>) -> Tensor<'g> {
        self.times(states, self.time, self.time + 1).reshape(&[self.batch, self.units])
    }
}

/// Zeros added at the end of an axis.
fn pad(x: Tensor<'_>, axis: usize, size: usize) -> Tensor<'_> {
    let missing = size - x.shape()[axis];
    if missing == 0 {
        return x;
    }
    join(&[x, x.graph().scalar(0.0).broadcast_to(&x.shape().with(axis, missing))], axis)
}

/// `[rows, gates * units]` in blocks to `[rows, padded, gates]`, the gates of a unit side by side.
fn interleave(weights: Tensor<'_>, gates: usize, padded: usize) -> Tensor<'_> {
    let [rows, columns] = [weights.shape()[0], weights.shape()[1]];
    let blocks = weights.reshape(&[rows, gates, columns / gates]);
    pad(blocks, 2, padded).permute(&[0, 2, 1]).reshape(&[rows, padded * gates])
}

/// Sums of `units` products in each of `time` steps.
fn tolerance(units: usize, time: usize) -> Tolerance {
    Tolerance { relative: 2e-5, absolute: 1e-6 * ((units * time) as f64).sqrt() }
}

pub(super) fn cases() -> Vec<Case> {
    [gru::cases(), lstm::cases(), rnn::cases()].into_iter().flatten().collect()
}
