use anygrad_graph::ops;
use anygrad_nn::{self as nn, Activation, Init};

use super::{Build, Built, LayerNorm, Site, boxed};
use crate::schema::{ABOVE_0, BELOW_1, FEW, SIZE, choice, section};

/// Which features are turned together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotary {
    /// Positions turn nothing.
    None,
    /// Feature i and feature i + d / 2.
    HalfSplit,
    /// Neighbours.
    Interleaved,
}

choice! {
    /// Rotary position embedding: which features of a head are turned together.
    Rotary: "rotary", "type" {
        /// No rotation.
        "none" => None {},
        /// Feature i and feature i + d / 2.
        "half_split" => HalfSplit {},
        /// Features 2 i and 2 i + 1.
        "interleaved" => Interleaved {},
    }
}

section! {
    /// Attention of several heads to the layer's own input `[n, time, features]`.
    MultiHeadAttention {
        /// How many heads.
        num_heads: usize => FEW,
        /// Heads of keys and values, a divisor of the others; as many unless given.
        kv_heads: Option<usize> = None => FEW,
        /// Numbers of each head; features / heads unless given.
        key_dim: Option<usize> = None => SIZE,
        /// Whether each time sees only itself and those before.
        causal: bool = false,
        /// Whether the projections add a bias.
        bias | use_bias: bool = true,
        /// The rate of dropout of the probabilities.
        dropout: f64 = 0.0 => BELOW_1,
        /// Whether queries and keys are turned by their places.
        rotary: Rotary = Rotary::None,
        /// The base of the angles.
        rotary_base: f64 = 10_000.0 => ABOVE_0,
        /// How the kernels start.
        kernel_init | kernel_initializer: Init = Init::GlorotUniform,
        /// Names the layer in summaries and checkpoints.
        name: Option<String> = None,
    }
}

impl MultiHeadAttention {
    fn layer(&self) -> nn::MultiHeadAttention {
        let mut layer = nn::MultiHeadAttention::new(self.num_heads)
            .causal(self.causal)
            .bias(self.bias)
            .dropout(self.dropout)
            .kernel_init(self.kernel_init.clone());
        if let Some(heads) = self.kv_heads {
            layer = layer.kv_heads(heads);
        }
        if let Some(width) = self.key_dim {
            layer = layer.key_dim(width);
        }
        layer = match self.rotary {
            Rotary::None => layer,
            Rotary::HalfSplit => layer.rotary(ops::Rotary::HalfSplit, self.rotary_base),
            Rotary::Interleaved => layer.rotary(ops::Rotary::Interleaved, self.rotary_base),
        };
        match &self.name {
            Some(name) => layer.named(name.clone()),
            None => layer,
        }
    }
}

impl Build for MultiHeadAttention {
    fn build(&self, _site: &Site) -> Built {
        boxed(self.layer())
    }
}

section! {
    /// Adds a learned vector to each place of `[n, time, features]`.
    PositionEmbedding {
        /// The largest number of times.
        max_len: usize => SIZE,
        /// How the vectors start.
        init: Init = Init::Normal(0.0, 0.02),
    }
}

impl Build for PositionEmbedding {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::PositionEmbedding::new(self.max_len).init(self.init.clone()))
    }
}

section! {
    /// x + attention(norm(x)), then x + mlp(norm(x)).
    TransformerBlock {
        /// Units within the MLP; 4 times the features unless given.
        hidden | dim_feedforward: Option<usize> = None => SIZE,
        /// The function within the MLP.
        activation: Activation = Activation::Gelu,
        /// The rate of dropout behind attention and MLP.
        block_dropout: f64 = 0.0 => BELOW_1,
        /// The normalization.
        norm: LayerNorm = LayerNorm { axis: -1, eps: 1e-5, scale: true, bias: true };
        /// The attention.
        ..attention: MultiHeadAttention;
    }
}

impl Build for TransformerBlock {
    fn build(&self, _site: &Site) -> Built {
        let layer = nn::TransformerBlock::new(self.attention.num_heads)
            .attention(self.attention.layer())
            .activation(self.activation)
            .dropout(self.block_dropout)
            .norm(self.norm.layer());
        match self.hidden {
            Some(units) => boxed(layer.hidden(units)),
            None => boxed(layer),
        }
    }
}
