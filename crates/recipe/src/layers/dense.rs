use anygrad_nn::{self as nn, Activation, Init};

use super::{Build, Built, Site, boxed};
use crate::parts::Units;
use crate::schema::{BELOW_1, FROM_0, section};

section! {
    /// What layers with a kernel and a bias have in common.
    Weights {
        /// The function applied to the result.
        activation: Activation = Activation::Linear,
        /// Whether a bias is added.
        bias | use_bias: bool = true,
        /// How the kernel starts.
        kernel_init | kernel_initializer: Init = Init::GlorotUniform,
        /// How the bias starts.
        bias_init | bias_initializer: Init = Init::Zeros,
        /// Whether kernel and bias start as in PyTorch instead, uniform within 1 / sqrt(fan-in).
        pytorch_init: bool = false,
        /// Penalty on the absolute values of the kernel; that of `regularization` unless given.
        kernel_l1: Option<f64> = None => FROM_0,
        /// Penalty on the squares of the kernel; that of `regularization` unless given.
        kernel_l2: Option<f64> = None => FROM_0,
        /// Names the layer in summaries and checkpoints.
        name: Option<String> = None,
    }
}

/// Gives a layer of the engine the options of [`Weights`].
macro_rules! weighted {
    ($layer:expr, $weights:expr, $site:expr) => {{
        let (weights, site): (&$crate::layers::Weights, &$crate::layers::Site) = (&$weights, $site);
        let mut layer = $layer
            .activation(weights.activation)
            .bias(weights.bias)
            .kernel_init(weights.kernel_init.clone())
            .bias_init(weights.bias_init.clone())
            .kernel_l1(weights.kernel_l1.unwrap_or(site.l1))
            .kernel_l2(weights.kernel_l2.unwrap_or(site.l2));
        if weights.pytorch_init {
            layer = layer.pytorch_init();
        }
        match &weights.name {
            Some(name) => layer.named(name.clone()),
            None => layer,
        }
    }};
}
pub(super) use weighted;

section! {
    /// activation(x . kernel + bias) along the last axis.
    Dense {
        /// How many numbers it makes.
        units | out_features: Units;
        /// Kernel and bias.
        ..weights: Weights;
    }
}

impl Build for Dense {
    fn build(&self, site: &Site) -> Built {
        boxed(weighted!(nn::Dense::new(site.units(self.units)?), self.weights, site))
    }
}

section! {
    /// A function as a layer of its own.
    Activate {
        /// The function.
        activation | function: Activation
    }
}

impl Build for Activate {
    fn build(&self, _site: &Site) -> Built {
        boxed(self.activation)
    }
}

section! {
    /// In training, sets numbers to 0 at random and enlarges the others.
    Dropout {
        /// The probability of 0.
        rate | p: f64 = 0.5 => BELOW_1
    }
}

impl Build for Dropout {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::Dropout::new(self.rate))
    }
}

section! {
    /// Rows of a learned table by their numbers: `[n, time]` becomes `[n, time, output_dim]`.
    Embedding {
        /// How many rows the table has.
        input_dim | num_embeddings: Units,
        /// How long they are.
        output_dim | embedding_dim: Units,
        /// How the table starts.
        init | embeddings_initializer: Init = Init::Uniform(-0.05, 0.05),
        /// Names the layer in summaries and checkpoints.
        name: Option<String> = None,
    }
}

impl Build for Embedding {
    fn build(&self, site: &Site) -> Built {
        let layer = nn::Embedding::new(site.units(self.input_dim)?, site.units(self.output_dim)?);
        let layer = layer.init(self.init.clone());
        match &self.name {
            Some(name) => boxed(layer.named(name.clone())),
            None => boxed(layer),
        }
    }
}
