use anygrad_graph::ops::{PadMode, Resize};
use anygrad_nn as nn;

use super::{Build, Built, Layer, Site, boxed};
use crate::schema::{SIZE, choice, section};

section! {
    /// All axes behind the batch as one.
    Flatten {}
}

impl Build for Flatten {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::Flatten)
    }
}

section! {
    /// The axes behind the batch under other sizes.
    Reshape {
        /// The sizes, without the batch.
        target_shape | sizes: Vec<usize> => SIZE
    }
}

impl Build for Reshape {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::Reshape::new(&self.target_shape))
    }
}

section! {
    /// Elements around `[n, channels, sizes...]`.
    Pad<const N> {
        /// How many: a number, one for each axis, or pairs of what stands before and behind.
        padding: nn::Padding<N>,
        /// What they hold.
        mode: PadMode = PadMode::Zeros,
        /// A number in place of zeros.
        value: f64 = 0.0,
    }
}

impl<const N: usize> Build for Pad<N> {
    fn build(&self, _site: &Site) -> Built {
        match self.padding {
            nn::Padding::Explicit(amounts) => {
                boxed(nn::Pad::<N>::new(amounts).mode(self.mode).value(self.value))
            }
            _ => Err("padding: a layer that pads takes numbers, not \"valid\" or \"same\"".to_owned()),
        }
    }
}

/// How elements between others are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Each is repeated.
    Nearest,
    /// From two neighbours along each axis.
    Linear,
    /// From four neighbours along each axis.
    Cubic,
}

choice! {
    /// How elements between others are made.
    Interpolation: "interpolation", "type" {
        /// Each is repeated.
        "nearest" => Nearest {},
        /// From two neighbours along each axis.
        "linear" | "bilinear" | "trilinear" => Linear {},
        /// From four neighbours along each axis.
        "cubic" | "bicubic" => Cubic {},
    }
}

section! {
    /// Each axis of `[n, channels, sizes...]` larger by a whole factor.
    Upsample<const N> {
        /// The factor.
        size | scale_factor: [usize; N] = [2; N] => SIZE,
        /// How elements between others are made.
        interpolation | mode: Interpolation = Interpolation::Nearest,
    }
}

impl<const N: usize> Build for Upsample<N> {
    fn build(&self, _site: &Site) -> Built {
        let how = match self.interpolation {
            Interpolation::Nearest => Resize::nearest(),
            Interpolation::Linear => Resize::linear(),
            Interpolation::Cubic => Resize::cubic(),
        };
        boxed(nn::Upsample::<N>::new(self.size).resize(how))
    }
}

section! {
    /// Channels as blocks of pixels.
    PixelShuffle {
        /// The side of a block.
        factor | upscale_factor: usize => SIZE
    }
}

impl Build for PixelShuffle {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::PixelShuffle::new(self.factor))
    }
}

section! {
    /// Blocks of pixels as channels.
    PixelUnshuffle {
        /// The side of a block.
        factor | downscale_factor: usize => SIZE
    }
}

impl Build for PixelUnshuffle {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::PixelUnshuffle::new(self.factor))
    }
}

section! {
    /// Channels of groups dealt out in turn.
    ChannelShuffle {
        /// How many groups.
        groups: usize => SIZE
    }
}

impl Build for ChannelShuffle {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::ChannelShuffle::new(self.groups))
    }
}

section! {
    /// x + layers(x), or shortcut(x) + layers(x) where the shapes differ.
    Residual {
        /// The layers beside the sum, as the model's.
        layers: Vec<Layer>,
        /// Layers on the other way, to give x the shape of the result.
        shortcut: Vec<Layer> = Vec::new(),
    }
}

section! {
    /// Layers one after another, under a name of their own.
    Sequential {
        /// The layers, as the model's.
        layers: Vec<Layer>,
        /// The name; none adds nothing to the names of the layers.
        name: Option<String> = None,
    }
}
