//! Recurrent layers over x `[n, time, features]`, in Keras's layouts.

mod gates;
mod options;

pub use anygrad_graph::ops::RecurrentCell;
use anygrad_graph::{Tensor, ops};

use crate::{Init, Layer, Scope};

pub use gates::{OnnxWeights, PyTorchWeights, RecurrentWeights};
use options::{Kind, Options};
pub use options::{Merge, RecurrentArguments, RecurrentOutputs, RecurrentState};

/// What layers that keep [`Options`] in `options` and know their [`Kind`] have in common: the
/// methods that set an option, and how they are built.
macro_rules! recurrent_layer {
    ($layer:ident, $name:literal) => {
        impl $layer {
            /// Builds the layer in a model of one's own as [`Scope::layer`] does, with the lengths of
            /// the rows or with initial states, and gives its states too.
            pub fn run<'g>(
                &self,
                scope: &mut Scope<'g>,
                x: Tensor<'g>,
                given: &RecurrentArguments<'g>,
            ) -> RecurrentOutputs<'g> {
                let build = |scope: &mut Scope<'g>| {
                    let outputs = self.options.run(scope, x, &self.kind(), given);
                    (outputs.output, outputs.states)
                };
                let (output, states) = scope.within(&self.name(), build);
                RecurrentOutputs { output, states }
            }

            /// How many layers stand on top of each other; 1 unless told otherwise. The parameters of
            /// the second are `kernel_1` and so on.
            pub fn num_layers(mut self, num_layers: usize) -> Self {
                self.options.num_layers = num_layers;
                self
            }

            /// Goes through time in both directions, with weights of their own, and puts the results
            /// side by side, `[.., 2 units]`. The parameters backwards are `backward.kernel` and so
            /// on. Each layer goes both ways on what the one below gives.
            pub fn bidirectional(self) -> Self {
                self.merge(Merge::Concat)
            }

            /// As `bidirectional`, with another way to make one result of two.
            pub fn merge(mut self, merge: Merge) -> Self {
                self.options.bidirectional = Some(merge);
                self
            }

            /// Whether x is turned around in time first, each row within its length. Outputs stay in
            /// the order of processing, as in Keras.
            pub fn go_backwards(mut self, go_backwards: bool) -> Self {
                self.options.go_backwards = go_backwards;
                self
            }

            /// Whether the states after a batch are those before the next, row by row, until
            /// [`Trainer::reset_states`](crate::Trainer::reset_states) makes them 0 again. Each batch
            /// size has states of its own. Gradients stop at the beginning of a batch. Give the
            /// trainer its rows in order, [`FitOptions`](crate::FitOptions) shuffles them.
            pub fn stateful(mut self, stateful: bool) -> Self {
                self.options.stateful = stateful;
                self
            }

            /// The rate of dropout between layers, as in PyTorch; none unless told otherwise.
            pub fn dropout(mut self, rate: f64) -> Self {
                self.options.dropout = rate;
                self
            }

            /// Whether the result is the state after each step, `[n, time, units]`, and not after the
            /// last, `[n, units]`.
            pub fn return_sequences(mut self, return_sequences: bool) -> Self {
                self.options.return_sequences = return_sequences;
                self
            }

            /// Whether a bias is added; yes unless told otherwise.
            pub fn bias(mut self, bias: bool) -> Self {
                self.options.bias = bias;
                self
            }

            /// How the kernel starts; Glorot uniform unless told otherwise.
            pub fn kernel_init(mut self, init: Init) -> Self {
                self.options.kernel_init = init;
                self
            }

            /// How the recurrent kernel starts; orthogonal unless told otherwise.
            pub fn recurrent_init(mut self, init: Init) -> Self {
                self.options.recurrent_init = init;
                self
            }

            /// Names the layer.
            pub fn named(mut self, name: impl Into<String>) -> Self {
                self.options.name = Some(name.into());
                self
            }
        }

        impl Layer for $layer {
            fn name(&self) -> String {
                self.options.name.clone().unwrap_or_else(|| $name.into())
            }

            fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
                self.options.run(scope, x, &self.kind(), &RecurrentArguments::default()).output
            }
        }
    };
}

/// h' = tanh(x . kernel + h . recurrent_kernel + bias)
#[derive(Clone, Debug)]
pub struct SimpleRnn {
    options: Options,
    activation: ops::Activation,
}

recurrent_layer!(SimpleRnn, "simple_rnn");

impl SimpleRnn {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        SimpleRnn { options: Options::new(units), activation: ops::Activation::Tanh }
    }

    /// Relu instead of tanh.
    pub fn relu(mut self) -> Self {
        self.activation = ops::Activation::Relu;
        self
    }

    fn kind(&self) -> Kind {
        let bias = (vec![self.options.units], Init::Zeros);
        Kind { cell: RecurrentCell::Rnn(self.activation), bias, peepholes: false }
    }
}

/// A gated recurrent unit with the gates z, r, h (Cho et al. 2014); the reset gate is applied after
/// the product of the state, as in Keras and PyTorch. The bias is `[2, 3 units]`.
#[derive(Clone, Debug)]
pub struct Gru {
    options: Options,
    reset_after: bool,
}

recurrent_layer!(Gru, "gru");

impl Gru {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Gru { options: Options::new(units), reset_after: true }
    }

    /// Whether the reset gate is applied after the product of the state; yes unless told otherwise.
    /// Without it the bias is `[3 units]`, and every step takes two products one after the other.
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        self.reset_after = reset_after;
        self
    }

    fn kind(&self) -> Kind {
        let width = 3 * self.options.units;
        let sizes = if self.reset_after { vec![2, width] } else { vec![width] };
        let cell = RecurrentCell::Gru { reset_after: self.reset_after };
        Kind { cell, bias: (sizes, Init::Zeros), peepholes: false }
    }
}

/// A long short-term memory with the gates i, f, g, o (Hochreiter, Schmidhuber 1997). The bias of
/// the forget gate starts at 1.
#[derive(Clone, Debug)]
pub struct Lstm {
    options: Options,
    unit_forget_bias: bool,
    peepholes: bool,
}

recurrent_layer!(Lstm, "lstm");

impl Lstm {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Lstm { options: Options::new(units), unit_forget_bias: true, peepholes: false }
    }

    /// Whether the bias of the forget gate starts at 1 and not at 0; yes unless told otherwise.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        self.unit_forget_bias = unit_forget_bias;
        self
    }

    /// Whether the gates see the memory cell, by weights `peepholes` `[3 units]` in blocks for i, o,
    /// f that start at 0 (Gers, Schmidhuber 2000); no unless told otherwise.
    pub fn peepholes(mut self, peepholes: bool) -> Self {
        self.peepholes = peepholes;
        self
    }

    fn kind(&self) -> Kind {
        let forget = if self.unit_forget_bias { 1.0 } else { 0.0 };
        let bias = (vec![4 * self.options.units], Init::Blocks(vec![0.0, forget, 0.0, 0.0]));
        Kind { cell: RecurrentCell::Lstm, bias, peepholes: self.peepholes }
    }
}
