use anygrad_graph::ops::PadMode;
use anygrad_nn::{self as nn, Padding};

use super::dense::weighted;
use super::{Build, Built, Site, Weights, boxed};
use crate::parts::Units;
use crate::schema::{AMOUNT, FROM_1, SIZE, section};

section! {
    /// A window of learned weights that slides over `[n, channels, sizes...]`.
    Convolution<const N> {
        /// How many channels it makes.
        filters | out_channels: Units,
        /// The size of the window.
        kernel_size: [usize; N] => SIZE,
        /// Elements from window to window.
        stride | strides: [usize; N] = [1; N] => SIZE,
        /// What stands around the input.
        padding: Padding<N> = Padding::Valid,
        /// What the padding holds.
        padding_mode: PadMode = PadMode::Zeros,
        /// Elements from tap to tap.
        dilation | dilation_rate: [usize; N] = [1; N] => SIZE,
        /// Into how many groups the channels are cut.
        groups: usize = 1 => SIZE;
        /// Kernel and bias.
        ..weights: Weights;
    }
}

impl<const N: usize> Build for Convolution<N> {
    fn build(&self, site: &Site) -> Built {
        let layer = nn::Convolution::<N>::new(site.units(self.filters)?, self.kernel_size)
            .stride(self.stride)
            .padding(self.padding)
            .padding_mode(self.padding_mode)
            .dilation(self.dilation)
            .groups(self.groups);
        boxed(weighted!(layer, self.weights, site))
    }
}

section! {
    /// A convolution the other way round, which makes `[n, channels, sizes...]` larger.
    ConvolutionTranspose<const N> {
        /// How many channels it makes.
        filters | out_channels: Units,
        /// The size of the window.
        kernel_size: [usize; N] => SIZE,
        /// By how much the input grows.
        stride | strides: [usize; N] = [1; N] => SIZE,
        /// What is taken off around the output.
        padding: Padding<N> = Padding::Valid,
        /// What is added behind the output; what the padding needs unless given.
        output_padding: Option<[usize; N]> = None => AMOUNT,
        /// Elements from tap to tap.
        dilation | dilation_rate: [usize; N] = [1; N] => SIZE,
        /// Into how many groups the channels are cut.
        groups: usize = 1 => SIZE;
        /// Kernel and bias.
        ..weights: Weights;
    }
}

impl<const N: usize> Build for ConvolutionTranspose<N> {
    fn build(&self, site: &Site) -> Built {
        let mut layer = nn::ConvolutionTranspose::<N>::new(site.units(self.filters)?, self.kernel_size)
            .stride(self.stride)
            .padding(self.padding)
            .dilation(self.dilation)
            .groups(self.groups);
        if let Some(sizes) = self.output_padding {
            layer = layer.output_padding(sizes);
        }
        boxed(weighted!(layer, self.weights, site))
    }
}

section! {
    /// What pooling layers have in common.
    Pool<const N> {
        /// The size of the window.
        pool_size | kernel_size: [usize; N] = [2; N] => SIZE,
        /// Elements from window to window; the window's size unless given.
        stride | strides: Option<[usize; N]> = None => SIZE,
        /// What stands around the input.
        padding: Padding<N> = Padding::Valid,
        /// Elements from one to the next within a window.
        dilation: [usize; N] = [1; N] => SIZE,
        /// Whether a last window that reaches past the input counts.
        ceil_mode: bool = false,
    }
}

/// A pooling layer of the engine with the options of [`Pool`].
macro_rules! pooled {
    ($layer:ident, $pool:expr) => {{
        let pool: &Pool<N> = &$pool;
        nn::$layer::<N>::new(pool.pool_size)
            .stride(pool.stride.unwrap_or(pool.pool_size))
            .padding(pool.padding)
            .dilation(pool.dilation)
            .ceil_mode(pool.ceil_mode)
    }};
}

section! {
    /// The largest number of each window.
    MaxPool<const N> {
        ; /// The window.
        ..pool: Pool<N>;
    }
}

impl<const N: usize> Build for MaxPool<N> {
    fn build(&self, _site: &Site) -> Built {
        boxed(pooled!(MaxPool, self.pool))
    }
}

section! {
    /// The mean of each window.
    AvgPool<const N> {
        /// Whether zeros of the padding count in the mean, as in PyTorch.
        count_include_pad: bool = false;
        /// The window.
        ..pool: Pool<N>;
    }
}

impl<const N: usize> Build for AvgPool<N> {
    fn build(&self, _site: &Site) -> Built {
        boxed(pooled!(AvgPool, self.pool).count_include_pad(self.count_include_pad))
    }
}

section! {
    /// The norm of each window.
    LpPool<const N> {
        /// The power of the norm.
        power | norm_type: f64 = 2.0 => FROM_1;
        /// The window.
        ..pool: Pool<N>;
    }
}

impl<const N: usize> Build for LpPool<N> {
    fn build(&self, _site: &Site) -> Built {
        boxed(pooled!(LpPool, self.pool).power(self.power))
    }
}

section! {
    /// Means of as many parts of each axis as the size says.
    AdaptiveAvgPool<const N> {
        /// The sizes of the result.
        output_size: [usize; N] => SIZE
    }
}

impl<const N: usize> Build for AdaptiveAvgPool<N> {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::AdaptiveAvgPool::<N>::new(self.output_size))
    }
}

section! {
    /// The largest numbers of as many parts of each axis as the size says.
    AdaptiveMaxPool<const N> {
        /// The sizes of the result.
        output_size: [usize; N] => SIZE
    }
}

impl<const N: usize> Build for AdaptiveMaxPool<N> {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::AdaptiveMaxPool::<N>::new(self.output_size))
    }
}

section! {
    /// The mean of each channel: `[n, channels, sizes...]` becomes `[n, channels]`.
    GlobalAvgPool {}
}

impl Build for GlobalAvgPool {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::GlobalAvgPool)
    }
}

section! {
    /// The largest number of each channel: `[n, channels, sizes...]` becomes `[n, channels]`.
    GlobalMaxPool {}
}

impl Build for GlobalMaxPool {
    fn build(&self, _site: &Site) -> Built {
        boxed(nn::GlobalMaxPool)
    }
}
