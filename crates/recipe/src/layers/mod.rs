//! The layers of a model by the names and arguments that Keras and PyTorch know.

mod attention;
mod dense;
mod norm;
mod pretrained;
mod recurrent;
mod shape;
mod window;

pub use attention::*;
pub use dense::*;
pub use norm::*;
pub use pretrained::*;
pub use recurrent::*;
pub use shape::*;
pub use window::*;

use std::path::Path;

use anygrad_nn as nn;

use crate::parts::Units;
use crate::schema::variants;

/// What layers take from the rest of the recipe and from the data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    /// What paths are relative to.
    pub folder: &'a Path,
    /// Classes, target numbers or characters.
    pub outputs: usize,
    /// Characters of the text, if it is one.
    pub vocabulary: Option<usize>,
    /// The penalties of kernels that name none.
    pub l1: f64,
    pub l2: f64,
}

/// A layer that was built, or why there is none.
pub(crate) type Built = Result<Box<dyn nn::Layer>, String>;

impl Site<'_> {
    fn units(&self, units: Units) -> Result<usize, String> {
        match (units, self.vocabulary) {
            (Units::Given(units), _) => Ok(units),
            (Units::Outputs, _) => Ok(self.outputs),
            (Units::Vocabulary, Some(characters)) => Ok(characters),
            (Units::Vocabulary, None) => {
                Err("\"vocabulary\" is known for the task language only: give a number".to_owned())
            }
        }
    }
}

/// A layer behind a layer.
fn boxed(layer: impl nn::Layer + 'static) -> Built {
    Ok(Box::new(layer))
}

variants! {
    /// A layer: its name and its arguments. Names are those of Keras and PyTorch; capitals, hyphens and
    /// underscores do not matter. A layer without arguments is its name alone, as `"flatten"`.
    ///
    /// Axes are ordered as in PyTorch: `[n, channels, height, width]`, `[n, time, features]`.
    Layer: "layer", "type" {
        "dense" | "linear" => Dense(Dense),
        "activation" => Activate(Activate),
        "dropout" => Dropout(Dropout),
        "embedding" => Embedding(Embedding),
        "conv1d" | "convolution1d" => Conv1d(Convolution<1>),
        "conv2d" | "convolution2d" => Conv2d(Convolution<2>),
        "conv3d" | "convolution3d" => Conv3d(Convolution<3>),
        "conv_transpose1d" | "conv1d_transpose" => ConvTranspose1d(ConvolutionTranspose<1>),
        "conv_transpose2d" | "conv2d_transpose" => ConvTranspose2d(ConvolutionTranspose<2>),
        "conv_transpose3d" | "conv3d_transpose" => ConvTranspose3d(ConvolutionTranspose<3>),
        "max_pool1d" | "max_pooling1d" => MaxPool1d(MaxPool<1>),
        "max_pool2d" | "max_pooling2d" => MaxPool2d(MaxPool<2>),
        "max_pool3d" | "max_pooling3d" => MaxPool3d(MaxPool<3>),
        "avg_pool1d" | "average_pooling1d" => AvgPool1d(AvgPool<1>),
        "avg_pool2d" | "average_pooling2d" => AvgPool2d(AvgPool<2>),
        "avg_pool3d" | "average_pooling3d" => AvgPool3d(AvgPool<3>),
        "lp_pool1d" => LpPool1d(LpPool<1>),
        "lp_pool2d" => LpPool2d(LpPool<2>),
        "adaptive_avg_pool1d" => AdaptiveAvgPool1d(AdaptiveAvgPool<1>),
        "adaptive_avg_pool2d" => AdaptiveAvgPool2d(AdaptiveAvgPool<2>),
        "adaptive_avg_pool3d" => AdaptiveAvgPool3d(AdaptiveAvgPool<3>),
        "adaptive_max_pool1d" => AdaptiveMaxPool1d(AdaptiveMaxPool<1>),
        "adaptive_max_pool2d" => AdaptiveMaxPool2d(AdaptiveMaxPool<2>),
        "adaptive_max_pool3d" => AdaptiveMaxPool3d(AdaptiveMaxPool<3>),
        "global_avg_pool" | "global_average_pooling1d" | "global_average_pooling2d"
            | "global_average_pooling3d" => GlobalAvgPool(GlobalAvgPool),
        "global_max_pool" | "global_max_pooling1d" | "global_max_pooling2d"
            | "global_max_pooling3d" => GlobalMaxPool(GlobalMaxPool),
        "pad1d" | "zero_padding1d" => Pad1d(Pad<1>),
        "pad2d" | "zero_padding2d" => Pad2d(Pad<2>),
        "pad3d" | "zero_padding3d" => Pad3d(Pad<3>),
        "upsample1d" | "up_sampling1d" => Upsample1d(Upsample<1>),
        "upsample2d" | "up_sampling2d" => Upsample2d(Upsample<2>),
        "upsample3d" | "up_sampling3d" => Upsample3d(Upsample<3>),
        "pixel_shuffle" => PixelShuffle(PixelShuffle),
        "pixel_unshuffle" => PixelUnshuffle(PixelUnshuffle),
        "channel_shuffle" => ChannelShuffle(ChannelShuffle),
        "flatten" => Flatten(Flatten),
        "reshape" => Reshape(Reshape),
        "batch_norm" | "batch_normalization" | "batch_norm1d" | "batch_norm2d"
            | "batch_norm3d" => BatchNorm(BatchNorm),
        "layer_norm" | "layer_normalization" => LayerNorm(LayerNorm),
        "rms_norm" | "rms_normalization" => RmsNorm(RmsNorm),
        "group_norm" | "group_normalization" => GroupNorm(GroupNorm),
        "instance_norm" | "instance_norm1d" | "instance_norm2d"
            | "instance_norm3d" => InstanceNorm(InstanceNorm),
        "simple_rnn" | "rnn" => SimpleRnn(SimpleRnn),
        "gru" => Gru(Gru),
        "lstm" => Lstm(Lstm),
        "multi_head_attention" => MultiHeadAttention(MultiHeadAttention),
        "position_embedding" => PositionEmbedding(PositionEmbedding),
        "transformer_block" => TransformerBlock(TransformerBlock),
        "pretrained" | "onnx" => Pretrained(Pretrained),
        "residual" => Residual(Residual),
        "sequential" => Sequential(Sequential),
    }
}

/// A layer whose build needs no other layers.
pub(crate) trait Build {
    fn build(&self, site: &Site) -> Built;
}

impl Layer {
    /// Every path that it names, those of layers inside of it too.
    pub(crate) fn paths(&mut self) -> Vec<&mut String> {
        match self {
            Layer::Pretrained(layer) => vec![&mut layer.file],
            Layer::Residual(layer) => {
                layer.layers.iter_mut().chain(&mut layer.shortcut).flat_map(Layer::paths).collect()
            }
            Layer::Sequential(layer) => layer.layers.iter_mut().flat_map(Layer::paths).collect(),
            _ => Vec::new(),
        }
    }

    /// The layer alone, for those that hold no others.
    pub(crate) fn part(&self) -> Option<&dyn Build> {
        Some(match self {
            Layer::Dense(layer) => layer,
            Layer::Activate(layer) => layer,
            Layer::Dropout(layer) => layer,
            Layer::Embedding(layer) => layer,
            Layer::Conv1d(layer) => layer,
            Layer::Conv2d(layer) => layer,
            Layer::Conv3d(layer) => layer,
            Layer::ConvTranspose1d(layer) => layer,
            Layer::ConvTranspose2d(layer) => layer,
            Layer::ConvTranspose3d(layer) => layer,
            Layer::MaxPool1d(layer) => layer,
            Layer::MaxPool2d(layer) => layer,
            Layer::MaxPool3d(layer) => layer,
            Layer::AvgPool1d(layer) => layer,
            Layer::AvgPool2d(layer) => layer,
            Layer::AvgPool3d(layer) => layer,
            Layer::LpPool1d(layer) => layer,
            Layer::LpPool2d(layer) => layer,
            Layer::AdaptiveAvgPool1d(layer) => layer,
            Layer::AdaptiveAvgPool2d(layer) => layer,
            Layer::AdaptiveAvgPool3d(layer) => layer,
            Layer::AdaptiveMaxPool1d(layer) => layer,
            Layer::AdaptiveMaxPool2d(layer) => layer,
            Layer::AdaptiveMaxPool3d(layer) => layer,
            Layer::GlobalAvgPool(layer) => layer,
            Layer::GlobalMaxPool(layer) => layer,
            Layer::Pad1d(layer) => layer,
            Layer::Pad2d(layer) => layer,
            Layer::Pad3d(layer) => layer,
            Layer::Upsample1d(layer) => layer,
            Layer::Upsample2d(layer) => layer,
            Layer::Upsample3d(layer) => layer,
            Layer::PixelShuffle(layer) => layer,
            Layer::PixelUnshuffle(layer) => layer,
            Layer::ChannelShuffle(layer) => layer,
            Layer::Flatten(layer) => layer,
            Layer::Reshape(layer) => layer,
            Layer::BatchNorm(layer) => layer,
            Layer::LayerNorm(layer) => layer,
            Layer::RmsNorm(layer) => layer,
            Layer::GroupNorm(layer) => layer,
            Layer::InstanceNorm(layer) => layer,
            Layer::SimpleRnn(layer) => layer,
            Layer::Gru(layer) => layer,
            Layer::Lstm(layer) => layer,
            Layer::MultiHeadAttention(layer) => layer,
            Layer::PositionEmbedding(layer) => layer,
            Layer::TransformerBlock(layer) => layer,
            Layer::Pretrained(layer) => layer,
            Layer::Residual(_) | Layer::Sequential(_) => return None,
        })
    }
}
