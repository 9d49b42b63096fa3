//! Layers that slide a window over lines `[n, c, l]`, images `[n, c, h, w]` or volumes
//! `[n, c, d, h, w]`, and those that give them other sizes.
//!
//! Each is written once for `N` axes; what users name are the types for one, two and three.

mod conv;
mod conv_transpose;
mod pool;
mod resample;

pub use conv::{Conv1d, Conv2d, Conv3d, Convolution};
pub use conv_transpose::{ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvolutionTranspose};
pub use pool::{
    AdaptiveAvgPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, AdaptiveMaxPool,
    AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d, AvgPool, AvgPool1d, AvgPool2d, AvgPool3d,
    GlobalAvgPool, GlobalMaxPool, LpPool, LpPool1d, LpPool2d, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d,
};
pub use resample::{
    ChannelShuffle, Pad, Pad1d, Pad2d, Pad3d, PixelShuffle, PixelUnshuffle, Upsample, Upsample1d, Upsample2d,
    Upsample3d,
};

use anygrad_core::{Error, Result};
use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

/// What stands around the input of a window of `N` axes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding<const N: usize = 2> {
    /// Nothing: windows stay within the input.
    #[default]
    Valid,
    /// As much as gives `ceil(size / stride)` outputs; an odd one goes at the end, as in Keras. For a
    /// transposed convolution, as much as gives `size * stride`.
    Same,
    /// So much before and behind, per axis: (height, width), or (depth, height, width).
    Explicit([[usize; 2]; N]),
}

impl<const N: usize> Padding<N> {
    /// The same on all sides, PyTorch's `padding=`.
    pub fn all(size: usize) -> Self {
        Padding::Explicit([[size; 2]; N])
    }

    fn sizes(
        self,
        input: [usize; N],
        kernel: [usize; N],
        stride: [usize; N],
        dilation: [usize; N],
    ) -> [[usize; 2]; N] {
        match self {
            Padding::Valid => [[0; 2]; N],
            Padding::Same => Conv::same(input, kernel, stride, dilation).padding,
            Padding::Explicit(sizes) => sizes,
        }
    }
}

/// One size for all of `N` axes, or one for each.
pub trait Sizes<const N: usize> {
    /// One for each: (height, width), or (depth, height, width).
    fn sizes(self) -> [usize; N];
}

impl<const N: usize> Sizes<N> for usize {
    fn sizes(self) -> [usize; N] {
        [self; N]
    }
}

impl<const N: usize> Sizes<N> for [usize; N] {
    fn sizes(self) -> [usize; N] {
        self
    }
}

/// Channels and sizes of x `[n, c, sizes...]`, which a layer of this name takes.
fn channels_and_sizes<const N: usize>(name: &str, x: Tensor<'_>) -> Result<(usize, [usize; N])> {
    let shape = x.shape();
    match shape.get(2..).and_then(|sizes| sizes.try_into().ok()) {
        Some(sizes) => Ok((shape[1], sizes)),
        None => {
            let sizes =
                ["depth", "height", "width"].get(3usize.saturating_sub(N)..).unwrap_or(&[]).join(", ");
            Err(Error::shape(format!("{name} takes [n, channels, {sizes}], {shape} was given")))
        }
    }
}
