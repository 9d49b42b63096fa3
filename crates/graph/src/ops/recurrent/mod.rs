//! Recurrent layers over whole sequences: LSTM, GRU and the simple RNN.
//!
//! a_s = gates_in_s + h_{s-1} . R, and a cell makes h_s from a_s, for s = 1, 2, ..., t.
//!
//! gates_in = x . W + b is one large product for all steps, made before; see `steps.rs` for the part
//! that goes through time. The columns of the gates of one unit are neighbours there, and the
//! number of units is a multiple of four, so that devices read and write four numbers at once. The
//! methods in `layer.rs` take the layout of Keras, gates in blocks, and the cells bring the weights
//! into that form. A GRU with the reset gate before the product goes through time by two products a
//! step, in `reset_before.rs`.

mod cases;
mod fitted;
mod gru;
mod layer;
mod lstm;
mod reset_before;
mod retreat;
mod rnn;
mod steps;

use std::fmt::Debug;
use std::ops::{Add, Mul, Sub};

use anygrad_shaders::Kernel;

use crate::{Case, Tensor, Tolerance};

pub use layer::{Activation, LstmOutput, Recurrent, RecurrentCell, RecurrentOutput};

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
    /// x held in `[-bound, bound]`.
    fn limit(self, bound: Option<f64>) -> Self;
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
    fn limit(self, bound: Option<f64>) -> f64 {
        bound.map_or(self, |bound| self.clamp(-bound, bound))
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
    fn limit(self, bound: Option<f64>) -> Self {
        bound.map_or(self, |bound| self.clip(-bound, bound))
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

    /// Whether the recurrent kernel has one more row: weights of the gates on the memory cell.
    fn peepholes(self) -> bool {
        false
    }

    /// The next state, and the gates to keep, from the first `COLUMNS` of `a` and the peepholes
    /// where there are.
    fn advance<N: Number>(self, a: [N; 4], before: State<N>, peepholes: Option<[N; 4]>)
    -> (State<N>, [N; 4]);

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
        peepholes: Option<[N; 4]>,
    ) -> ([N; 4], N);
}

/// Sums of `units` products in each of `time` steps.
fn tolerance(units: usize, time: usize) -> Tolerance {
    Tolerance { relative: 2e-5, absolute: 1e-6 * ((units * time) as f64).sqrt() }
}

pub(super) fn cases() -> Vec<Case> {
    [cases::cases(), gru::cases(), lstm::cases(), rnn::cases()].into_iter().flatten().collect()
}
