//! What recurrent layers have in common: layers on top of each other, in one direction or both.

use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Recurrent, RecurrentCell};

use crate::{Init, Scope};

/// How the two directions of a bidirectional layer become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// Side by side, forwards first: `[.., 2 units]`; PyTorch's way.
    Concat,
    /// Their sum.
    Sum,
    /// Their product, element by element.
    Mul,
    /// Their mean.
    Average,
}

impl Merge {
    fn apply<'g>(self, forwards: Tensor<'g>, backwards: Tensor<'g>) -> Tensor<'g> {
        match self {
            Merge::Concat => forwards.graph().concat(&[forwards, backwards], -1),
            Merge::Sum => forwards + backwards,
            Merge::Mul => forwards * backwards,
            Merge::Average => (forwards + backwards) * 0.5,
        }
    }
}

/// The state of one layer in one direction: `[n, units]` each.
#[derive(Clone, Copy, Debug)]
pub struct RecurrentState<'g> {
    /// The state that is the output too.
    pub hidden: Tensor<'g>,
    /// The memory cell of an LSTM; zeros where a first one is not given.
    pub cell: Option<Tensor<'g>>,
}

/// What a recurrent layer is given besides its input.
///
/// ```
/// use anygrad_core::DType;
/// use anygrad_graph::Tensor;
/// use anygrad_nn::{Dense, Embedding, Gru, Layer, RecurrentArguments, Scope};
///
/// /// Words of a sentence, 0 behind its end.
/// struct Sentences(Embedding, Gru, Dense);
///
/// impl Layer for Sentences {
///     fn name(&self) -> String {
///         String::new()
///     }
///     fn forward<'g>(&self, scope: &mut Scope<'g>, words: Tensor<'g>) -> Tensor<'g> {
///         let is_word = words.cast(DType::Bool).cast(DType::F32);
///         let lengths = Some(is_word.sum(&[1], false).cast(DType::I32));
///         let x = scope.layer(&self.0, words);
///         let given = RecurrentArguments { lengths, ..Default::default() };
///         let y = self.1.run(scope, x, &given);
///         scope.layer(&self.2, y.output)
///     }
/// }
/// # let _ = Sentences(Embedding::new(9, 4), Gru::new(5).bidirectional(), Dense::new(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct RecurrentArguments<'g> {
    /// How many steps each row takes, `i32` `[n]`; all of them without. See
    /// [`Recurrent::lengths`].
    pub lengths: Option<Tensor<'g>>,
    /// The states before the first step: none, which is zeros, or one per layer and direction, in
    /// the order of [`RecurrentOutputs::states`].
    pub initial: Vec<RecurrentState<'g>>,
}

/// What a recurrent layer gives.
#[derive(Clone, Debug)]
pub struct RecurrentOutputs<'g> {
    /// What the layer gives as a [`Layer`](crate::Layer).
    pub output: Tensor<'g>,
    /// The states after the last step: those of the first layer forwards, then backwards if it goes
    /// both ways, then those of the next layer.
    pub states: Vec<RecurrentState<'g>>,
}

/// What one kind of recurrent layer adds.
pub(super) struct Kind {
    pub cell: RecurrentCell,
    /// The sizes and the start of the bias.
    pub bias: (Vec<usize>, Init),
    pub peepholes: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub name: Option<String>,
    pub units: usize,
    pub num_layers: usize,
    pub bidirectional: Option<Merge>,
    pub go_backwards: bool,
    pub return_sequences: bool,
    pub stateful: bool,
    pub dropout: f64,
    pub bias: bool,
    pub kernel_init: Init,
    pub recurrent_init: Init,
}

impl Options {
    pub fn new(units: usize) -> Self {
        Options {
            name: None,
            units,
            num_layers: 1,
            bidirectional: None,
            go_backwards: false,
            return_sequences: false,
            stateful: false,
            dropout: 0.0,
            bias: true,
            kernel_init: Init::GlorotUniform,
            recurrent_init: Init::Orthogonal(1.0),
        }
    }

    /// Whether each direction of a layer goes backwards.
    fn directions(&self) -> &'static [bool] {
        if self.bidirectional.is_some() { &[false, true] } else { &[false] }
    }

    fn check(&self, x: Tensor<'_>, given: &RecurrentArguments<'_>) -> Result<(), Error> {
        let shape = x.shape();
        if shape.rank() != 3 || self.units == 0 || self.num_layers == 0 {
            return Err(Error::shape(format!(
                "{} layers of {} units take [n, time, features], {shape} was given",
                self.num_layers, self.units
            )));
        }
        let wanted = self.num_layers * self.directions().len();
        if !given.initial.is_empty() && given.initial.len() != wanted {
            let message =
                format!("{} initial states for {wanted} layers and directions", given.initial.len());
            return Err(Error::input(message));
        }
        if self.stateful && !given.initial.is_empty() {
            return Err(Error::input("initial states were given to a stateful layer, which has its own"));
        }
        Ok(())
    }

    /// Layers on top of each other on x `[n, time, features]`.
    pub fn run<'g>(
        &self,
        scope: &mut Scope<'g>,
        x: Tensor<'g>,
        kind: &Kind,
        given: &RecurrentArguments<'g>,
    ) -> RecurrentOutputs<'g> {
        if x.is_poison() {
            return RecurrentOutputs { output: x, states: Vec::new() };
        }
        if let Err(error) = self.check(x, given) {
            return RecurrentOutputs { output: scope.fail(error), states: Vec::new() };
        }
        let turned = |x: Tensor<'g>| given.lengths.map_or_else(|| x.flip(&[1]), |l| x.reverse_sequence(l));
        let mut x = if self.go_backwards { turned(x) } else { x };
        let mut last = x;
        let mut states: Vec<RecurrentState<'g>> = Vec::new();
        for layer in 0..self.num_layers {
            if layer > 0 && self.dropout != 0.0 {
                x = scope.dropout(x, self.dropout);
            }
            let mut both = Vec::new();
            for &backwards in self.directions() {
                let named = |name: &str| match (backwards, layer) {
                    (false, 0) => name.to_owned(),
                    (false, _) => format!("{name}_{layer}"),
                    (true, 0) => format!("backward.{name}"),
                    (true, _) => format!("backward.{name}_{layer}"),
                };
                let weights = self.weights(scope, x, kind, &named).lengths(given.lengths);
                let initial = if self.stateful {
                    Some(self.carried(scope, x, kind, &named))
                } else {
                    given.initial.get(states.len()).copied()
                };
                let weights = match initial {
                    Some(state) => weights.initial(state.hidden).initial_cell(state.cell),
                    None => weights,
                };
                let y = x.recurrent(&weights.go_backwards(backwards));
                if y.sequence.is_poison() {
                    return RecurrentOutputs { output: y.sequence, states };
                }
                if let (true, Some(before)) = (self.stateful, initial) {
                    scope.graph().update(before.hidden, y.hidden);
                    if let (Some(before), Some(after)) = (before.cell, y.cell) {
                        scope.graph().update(before, after);
                    }
                }
                states.push(RecurrentState { hidden: y.hidden, cell: y.cell });
                both.push((if backwards { turned(y.sequence) } else { y.sequence }, y.hidden));
            }
            (x, last) = match (self.bidirectional, &both[..]) {
                (Some(merge), [forwards, backwards]) => {
                    (merge.apply(forwards.0, backwards.0), merge.apply(forwards.1, backwards.1))
                }
                _ => both[0],
            };
        }
        RecurrentOutputs { output: if self.return_sequences { x } else { last }, states }
    }

    /// The parameters of one layer in one direction.
    fn weights<'g>(
        &self,
        scope: &mut Scope<'g>,
        x: Tensor<'g>,
        kind: &Kind,
        named: &impl Fn(&str) -> String,
    ) -> Recurrent<'g> {
        let (features, width) = (x.shape()[2], kind.cell.gates() * self.units);
        let kernel = scope.parameter(&named("kernel"), &[features, width], self.kernel_init.clone());
        let sizes = [self.units, width];
        let recurrent = scope.parameter(&named("recurrent_kernel"), &sizes, self.recurrent_init.clone());
        let (bias_sizes, bias_init) = &kind.bias;
        let bias = self.bias.then(|| scope.parameter(&named("bias"), bias_sizes, bias_init.clone()));
        let peepholes =
            kind.peepholes.then(|| scope.parameter(&named("peepholes"), &[3 * self.units], Init::Zeros));
        Recurrent::new(kind.cell, kernel, recurrent).bias(bias).peepholes(peepholes)
    }

    /// The state that one layer in one direction keeps from batch to batch.
    fn carried<'g>(
        &self,
        scope: &mut Scope<'g>,
        x: Tensor<'g>,
        kind: &Kind,
        named: &impl Fn(&str) -> String,
    ) -> RecurrentState<'g> {
        let batch = x.shape()[0];
        let mut state =
            |name: &str| scope.carried(&format!("{}_of_{batch}", named(name)), &[batch, self.units]);
        let hidden = state("hidden");
        RecurrentState { hidden, cell: (kind.cell == RecurrentCell::Lstm).then(|| state("cell")) }
    }
}
