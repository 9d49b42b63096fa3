//! Recurrent layers over x `[n, time, features]`, in Keras's layouts.

use anygrad_core::Error;
use anygrad_graph::{Tensor, ops};

use crate::{Init, Layer, Scope};

/// What recurrent layers have in common.
#[derive(Clone, Debug)]
struct Options {
    name: Option<String>,
    units: usize,
    num_layers: usize,
    return_sequences: bool,
    dropout: f64,
    bias: bool,
    kernel_init: Init,
    recurrent_init: Init,
}

impl Options {
    fn new(units: usize) -> Self {
        Options {
            name: None,
            units,
            num_layers: 1,
            return_sequences: false,
            dropout: 0.0,
            bias: true,
            kernel_init: Init::GlorotUniform,
            recurrent_init: Init::Orthogonal(1.0),
        }
    }

    /// Layers on top of each other. `cell` makes the sequence `[n, time, units]` and the last state
    /// `[n, units]` from x, kernel `[features, gates units]`, recurrent kernel `[units, gates units]`
    /// and bias.
    fn stack<'g>(
        &self,
        scope: &mut Scope<'g>,
        mut x: Tensor<'g>,
        gates: usize,
        bias: (&[usize], Init),
        cell: impl Fn(Tensor<'g>, Tensor<'g>, Tensor<'g>, Option<Tensor<'g>>) -> (Tensor<'g>, Tensor<'g>),
    ) -> Tensor<'g> {
        let shape = x.shape();
        if x.is_poison() || shape.rank() != 3 || self.units == 0 || self.num_layers == 0 {
            let message = format!(
                "{} layers of {} units take [n, time, features], {shape} was given",
                self.num_layers, self.units
            );
            return if x.is_poison() { x } else { scope.fail(Error::shape(message)) };
        }
        let mut last = x;
        for layer in 0..self.num_layers {
            if layer > 0 && self.dropout != 0.0 {
                x = scope.dropout(x, self.dropout);
            }
            let named = |name: &str| if layer == 0 { name.to_string() } else { format!("{name}_{layer}") };
            let features = x.shape()[2];
            let width = gates * self.units;
            let kernel = scope.parameter(&named("kernel"), &[features, width], self.kernel_init.clone());
            let recurrent = scope.parameter(
                &named("recurrent_kernel"),
                &[self.units, width],
                self.recurrent_init.clone(),
            );
            let bias = self.bias.then(|| scope.parameter(&named("bias"), bias.0, bias.1.clone()));
            (x, last) = cell(x, kernel, recurrent, bias);
            if x.is_poison() {
                return x;
            }
        }
        if self.return_sequences { x } else { last }
    }
}

/// The builder methods of layers that keep [`Options`] in `options`.
macro_rules! recurrent_options {
    ($layer:ident) => {
        impl $layer {
            /// How many layers stand on top of each other; 1 unless told otherwise. The parameters of
            /// the second are `kernel_1` and so on.
            pub fn num_layers(mut self, num_layers: usize) -> Self {
                self.options.num_layers = num_layers;
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
    };
}

/// h' = tanh(x . kernel + h . recurrent_kernel + bias)
#[derive(Clone, Debug)]
pub struct SimpleRnn {
    options: Options,
    activation: ops::Activation,
}

recurrent_options!(SimpleRnn);

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
}

impl Layer for SimpleRnn {
    fn name(&self) -> String {
        self.options.name.clone().unwrap_or_else(|| "simple_rnn".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let bias = [self.options.units];
        self.options.stack(scope, x, 1, (&bias, Init::Zeros), |x, kernel, recurrent, bias| {
            x.rnn(kernel, recurrent, bias, None, self.activation)
        })
    }
}

/// A gated recurrent unit with the gates z, r, h (Cho et al. 2014); the reset gate is applied after
/// the product of the state, as in Keras and PyTorch. The bias is `[2, 3 units]`.
#[derive(Clone, Debug)]
pub struct Gru {
    options: Options,
    reset_after: bool,
}

recurrent_options!(Gru);

impl Gru {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Gru { options: Options::new(units), reset_after: true }
    }

    /// Whether the reset gate is applied after the product of the state; yes unless told otherwise.
    /// Without it the bias is `[3 units]`, and every step is a few operators of its own.
    pub fn reset_after(mut self, reset_after: bool) -> Self {
        self.reset_after = reset_after;
        self
    }
}

impl Layer for Gru {
    fn name(&self) -> String {
        self.options.name.clone().unwrap_or_else(|| "gru".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let sizes = [2, 3 * self.options.units];
        let bias = if self.reset_after { &sizes[..] } else { &sizes[1..] };
        self.options.stack(scope, x, 3, (bias, Init::Zeros), |x, kernel, recurrent, bias| {
            x.gru(kernel, recurrent, bias, None, self.reset_after)
        })
    }
}

/// A long short-term memory with the gates i, f, g, o (Hochreiter, Schmidhuber 1997). The bias of
/// the forget gate starts at 1.
#[derive(Clone, Debug)]
pub struct Lstm {
    options: Options,
    unit_forget_bias: bool,
}

recurrent_options!(Lstm);

impl Lstm {
    /// A layer of so many units.
    pub fn new(units: usize) -> Self {
        Lstm { options: Options::new(units), unit_forget_bias: true }
    }

    /// Whether the bias of the forget gate starts at 1 and not at 0; yes unless told otherwise.
    pub fn unit_forget_bias(mut self, unit_forget_bias: bool) -> Self {
        self.unit_forget_bias = unit_forget_bias;
        self
    }
}

impl Layer for Lstm {
    fn name(&self) -> String {
        self.options.name.clone().unwrap_or_else(|| "lstm".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let forget = if self.unit_forget_bias { 1.0 } else { 0.0 };
        let bias = ([4 * self.options.units], Init::Blocks(vec![0.0, forget, 0.0, 0.0]));
        self.options.stack(scope, x, 4, (&bias.0, bias.1), |x, kernel, recurrent, bias| {
            let output = x.lstm(kernel, recurrent, bias, None);
            (output.sequence, output.hidden)
        })
    }
}
