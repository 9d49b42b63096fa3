use anygrad_nn::{self as nn, Init, Merge};

use super::{Build, Built, Site, boxed};
use crate::parts::Units;
use crate::schema::{BELOW_1, FEW, choice, section};

section! {
    /// What recurrent layers over `[n, time, features]` have in common.
    Recurrent {
        /// How long the state is.
        units | hidden_size: Units,
        /// Layers on top of each other.
        num_layers: usize = 1 => FEW,
        /// Whether a second one goes through the times backwards.
        bidirectional: bool = false,
        /// How the two directions become one.
        merge | merge_mode: Merge = Merge::Concat,
        /// Whether it goes backwards.
        go_backwards: bool = false,
        /// Whether it gives the outputs of all times, not the last alone.
        return_sequences: bool = false,
        /// Whether the state goes on from batch to batch.
        stateful: bool = false,
        /// The rate of dropout between the layers.
        dropout: f64 = 0.0 => BELOW_1,
        /// Whether a bias is added.
        bias | use_bias: bool = true,
        /// How the kernel of the input starts.
        kernel_init | kernel_initializer: Init = Init::GlorotUniform,
        /// How the kernel of the state starts.
        recurrent_init | recurrent_initializer: Init = Init::Orthogonal(1.0),
        /// Names the layer in summaries and checkpoints.
        name: Option<String> = None,
    }
}

/// Gives a recurrent layer of the engine the options of [`Recurrent`].
macro_rules! recurrent {
    ($layer:ident, $options:expr, $site:expr) => {{
        let (options, site): (&Recurrent, &Site) = (&$options, $site);
        let mut layer = nn::$layer::new(site.units(options.units)?)
            .num_layers(options.num_layers)
            .go_backwards(options.go_backwards)
            .return_sequences(options.return_sequences)
            .stateful(options.stateful)
            .dropout(options.dropout)
            .bias(options.bias)
            .kernel_init(options.kernel_init.clone())
            .recurrent_init(options.recurrent_init.clone());
        if options.bidirectional {
            layer = layer.merge(options.merge);
        }
        match &options.name {
            Some(name) => layer.named(name.clone()),
            None => layer,
        }
    }};
}

/// The function of a plain recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RnnActivation {
    /// The hyperbolic tangent.
    Tanh,
    /// max(x, 0)
    Relu,
}

choice! {
    /// The function of a plain recurrent layer.
    RnnActivation: "recurrent activation", "type" {
        /// The hyperbolic tangent.
        "tanh" => Tanh {},
        /// max(x, 0)
        "relu" => Relu {},
    }
}

section! {
    /// h' = activation(x . kernel + h . recurrent kernel + bias)
    SimpleRnn {
        /// The function.
        activation | nonlinearity: RnnActivation = RnnActivation::Tanh;
        /// What recurrent layers have in common.
        ..options: Recurrent;
    }
}

impl Build for SimpleRnn {
    fn build(&self, site: &Site) -> Built {
        let layer = recurrent!(SimpleRnn, self.options, site);
        boxed(if self.activation == RnnActivation::Relu { layer.relu() } else { layer })
    }
}

section! {
    /// Gated recurrent units.
    Gru {
        /// Whether the reset gate follows the product of the state, as in PyTorch and as Keras's default.
        reset_after: bool = true;
        /// What recurrent layers have in common.
        ..options: Recurrent;
    }
}

impl Build for Gru {
    fn build(&self, site: &Site) -> Built {
        boxed(recurrent!(Gru, self.options, site).reset_after(self.reset_after))
    }
}

section! {
    /// Long short-term memory.
    Lstm {
        /// Whether the bias of the forget gate starts at 1.
        unit_forget_bias: bool = true,
        /// Whether the gates see the memory cell.
        peepholes: bool = false;
        /// What recurrent layers have in common.
        ..options: Recurrent;
    }
}

impl Build for Lstm {
    fn build(&self, site: &Site) -> Built {
        let layer = recurrent!(Lstm, self.options, site);
        boxed(layer.unit_forget_bias(self.unit_forget_bias).peepholes(self.peepholes))
    }
}
