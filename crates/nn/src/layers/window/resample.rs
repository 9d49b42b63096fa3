//! Layers that give lines, images and volumes other sizes: padding, upsampling, pixels from channels.

use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{PadMode, Resize};

use super::{Sizes, channels_and_sizes};
use crate::{Layer, Scope};

/// Elements added around x `[n, c, sizes...]`: zeros, or as [`PadMode`] says.
#[derive(Clone, Copy, Debug)]
pub struct Pad<const N: usize> {
    amounts: [[usize; 2]; N],
    mode: PadMode,
    value: f64,
}

/// Elements added around lines `[n, c, l]`.
pub type Pad1d = Pad<1>;

/// Elements added around images `[n, c, h, w]`.
pub type Pad2d = Pad<2>;

/// Elements added around volumes `[n, c, d, h, w]`.
pub type Pad3d = Pad<3>;

impl<const N: usize> Pad<N> {
    /// So many zeros before and behind, per axis.
    pub fn new(amounts: [[usize; 2]; N]) -> Self {
        Pad { amounts, mode: PadMode::Zeros, value: 0.0 }
    }

    /// So many zeros on all sides.
    pub fn all(amount: usize) -> Self {
        Pad::new([[amount; 2]; N])
    }

    /// What stands in the new elements.
    pub fn mode(mut self, mode: PadMode) -> Self {
        self.mode = mode;
        self
    }

    /// A number in place of zeros.
    pub fn value(mut self, value: f64) -> Self {
        self.value = value;
        self
    }
}

impl<const N: usize> Layer for Pad<N> {
    fn name(&self) -> String {
        format!("pad{N}d")
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        if let (false, Err(error)) = (x.is_poison(), channels_and_sizes::<N>(&self.name(), x)) {
            return x.fail(error);
        }
        let around = self.amounts.map(|[before, after]| (before, after));
        let amounts = [&[(0, 0); 2], &around[..]].concat();
        match self.mode {
            PadMode::Zeros => x.pad(&amounts, self.value),
            mode => x.pad_with(&amounts, mode),
        }
    }
}

/// Each axis of x `[n, c, sizes...]` larger by a whole factor.
#[derive(Clone, Copy, Debug)]
pub struct Upsample<const N: usize> {
    factors: [usize; N],
    how: Resize,
}

/// Lines `[n, c, l]` made larger.
pub type Upsample1d = Upsample<1>;

/// Images `[n, c, h, w]` made larger.
pub type Upsample2d = Upsample<2>;

/// Volumes `[n, c, d, h, w]` made larger.
pub type Upsample3d = Upsample<3>;

impl<const N: usize> Upsample<N> {
    /// By a factor, `2`, or one for each axis: every element is repeated.
    pub fn new(factors: impl Sizes<N>) -> Self {
        Upsample { factors: factors.sizes(), how: Resize::nearest() }
    }

    /// How elements between those of the input are made: [`Resize::linear`], for instance.
    pub fn resize(mut self, how: Resize) -> Self {
        self.how = how;
        self
    }
}

impl<const N: usize> Layer for Upsample<N> {
    fn name(&self) -> String {
        format!("upsample{N}d")
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        match channels_and_sizes::<N>(&self.name(), x) {
            _ if x.is_poison() => x,
            Ok((_, sizes)) => {
                let sizes: Vec<usize> = sizes
                    .iter()
                    .zip(self.factors)
                    .map(|(size, factor)| size.saturating_mul(factor))
                    .collect();
                x.resize(&sizes, self.how)
            }
            Err(error) => x.fail(error),
        }
    }
}

/// A layer without parameters that moves elements, with a number that says how.
macro_rules! shuffles {
    ($($(#[$doc:meta])* $layer:ident: $name:literal, $method:ident, $number:ident);* $(;)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $layer {
            $number: usize,
        }

        impl $layer {
            #[doc = concat!("With this ", stringify!($number), ".")]
            pub fn new($number: usize) -> Self {
                $layer { $number }
            }
        }

        impl Layer for $layer {
            fn name(&self) -> String {
                $name.into()
            }

            fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
                match self.$number {
                    0 => x.fail(Error::shape(concat!($name, ": the ", stringify!($number), " is 0"))),
                    number => x.$method(number),
                }
            }
        }
    )*};
}

shuffles! {
    /// Channels as blocks of pixels: `[n, c f^2, h, w]` becomes `[n, c, h f, w f]`.
    PixelShuffle: "pixel_shuffle", pixel_shuffle, factor;
    /// Blocks of pixels as channels: `[n, c, h f, w f]` becomes `[n, c f^2, h, w]`.
    PixelUnshuffle: "pixel_unshuffle", pixel_unshuffle, factor;
    /// Channels of groups dealt out in turn, so that the next groups read from each.
    ChannelShuffle: "channel_shuffle", channel_shuffle, groups;
}
