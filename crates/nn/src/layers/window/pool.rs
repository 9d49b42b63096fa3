use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::Pool;

use super::{Padding, Sizes, channels_and_sizes};
use crate::{Layer, Scope};

/// A pooling layer: the options of its window, kept in `window`, and its own.
macro_rules! pooling {
    (
        $(#[$doc:meta])* $layer:ident: $name:literal $(, $field:ident: $type:ty = $start:expr)?;
        $($(#[$alias_doc:meta])* $alias:ident = $axes:literal),*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $layer<const N: usize> {
            window: Pool<N>,
            padding: Padding<N>,
            $($field: $type,)?
        }

        $($(#[$alias_doc])* pub type $alias = $layer<$axes>;)*

        impl<const N: usize> $layer<N> {
            /// Windows of a size side by side: `2`, or `[2, 3]` for height and width.
            pub fn new(pool_size: impl Sizes<N>) -> Self {
                $layer {
                    window: Pool::new(pool_size.sizes()),
                    padding: Padding::Valid
                    $(, $field: $start)?
                }
            }

            /// Elements from window to window; the window's size unless told otherwise.
            pub fn stride(mut self, stride: impl Sizes<N>) -> Self {
                self.window.stride = stride.sizes();
                self
            }

            /// What stands around the input; nothing unless told otherwise.
            pub fn padding(mut self, padding: Padding<N>) -> Self {
                self.padding = padding;
                self
            }

            /// Elements from one to the next within a window; 1 unless told otherwise.
            pub fn dilation(mut self, dilation: impl Sizes<N>) -> Self {
                self.window.dilation = dilation.sizes();
                self
            }

            /// Whether a last window that reaches past the input counts.
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.window.ceil_mode = ceil_mode;
                self
            }

            fn pool(&self, x: Tensor<'_>) -> Pool<N> {
                let Pool { kernel, stride, dilation, .. } = self.window;
                // The operator says what is wrong.
                let (_, input) = channels_and_sizes(stringify!($layer), x).unwrap_or((1, [1; N]));
                Pool { padding: self.padding.sizes(input, kernel, stride, dilation), ..self.window }
            }
        }

        impl<const N: usize> Layer for $layer<N> {
            fn name(&self) -> String {
                format!("{}{N}d", $name)
            }

            fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
                self.pooled(x)
            }
        }
    };
}

pooling! {
    /// The largest element of each window of x `[n, c, sizes...]`.
    MaxPool: "max_pool";
    /// The largest element of each window of lines `[n, c, l]`.
    MaxPool1d = 1,
    /// The largest element of each window of images `[n, c, h, w]`.
    MaxPool2d = 2,
    /// The largest element of each window of volumes `[n, c, d, h, w]`.
    MaxPool3d = 3
}

pooling! {
    /// The mean of each window of x `[n, c, sizes...]`. Padding does not count, as in Keras; PyTorch
    /// counts it unless told otherwise.
    AvgPool: "avg_pool", count_include_pad: bool = false;
    /// The mean of each window of lines `[n, c, l]`.
    AvgPool1d = 1,
    /// The mean of each window of images `[n, c, h, w]`.
    AvgPool2d = 2,
    /// The mean of each window of volumes `[n, c, d, h, w]`.
    AvgPool3d = 3
}

pooling! {
    /// The norm of each window of x `[n, c, sizes...]`, of power 2 unless told otherwise.
    LpPool: "lp_pool", power: f64 = 2.0;
    /// The norm of each window of lines `[n, c, l]`.
    LpPool1d = 1,
    /// The norm of each window of images `[n, c, h, w]`.
    LpPool2d = 2
}

impl<const N: usize> MaxPool<N> {
    #[track_caller]
    fn pooled<'g>(&self, x: Tensor<'g>) -> Tensor<'g> {
        x.max_pool_nd(self.pool(x))
    }
}

impl<const N: usize> AvgPool<N> {
    /// Whether zeros of the padding count in the mean.
    pub fn count_include_pad(mut self, count: bool) -> Self {
        self.count_include_pad = count;
        self
    }

    #[track_caller]
    fn pooled<'g>(&self, x: Tensor<'g>) -> Tensor<'g> {
        x.avg_pool_nd(self.pool(x), self.count_include_pad)
    }
}

impl<const N: usize> LpPool<N> {
    /// The power p of the norm, from 1 on.
    pub fn power(mut self, p: f64) -> Self {
        self.power = p;
        self
    }

    #[track_caller]
    fn pooled<'g>(&self, x: Tensor<'g>) -> Tensor<'g> {
        x.lp_pool_nd(self.pool(x), self.power)
    }
}

/// A layer that pools to a size.
macro_rules! adaptive {
    (
        $(#[$doc:meta])* $layer:ident: $name:literal, $method:ident;
        $($(#[$alias_doc:meta])* $alias:ident = $axes:literal),*
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $layer<const N: usize> {
            sizes: [usize; N],
        }

        $($(#[$alias_doc])* pub type $alias = $layer<$axes>;)*

        impl<const N: usize> $layer<N> {
            /// To a size: `7`, or `[7, 5]` for height and width.
            pub fn new(sizes: impl Sizes<N>) -> Self {
                $layer { sizes: sizes.sizes() }
            }
        }

        impl<const N: usize> Layer for $layer<N> {
            fn name(&self) -> String {
                format!("{}{N}d", $name)
            }

            fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
                x.$method(&self.sizes)
            }
        }
    };
}

adaptive! {
    /// The means of as many parts of each axis as a size says: x `[n, c, ins...]`, y `[n, c, sizes...]`,
    /// by PyTorch's bins.
    AdaptiveAvgPool: "adaptive_avg_pool", adaptive_avg_pool;
    /// The means of parts of lines `[n, c, l]`.
    AdaptiveAvgPool1d = 1,
    /// The means of parts of images `[n, c, h, w]`.
    AdaptiveAvgPool2d = 2,
    /// The means of parts of volumes `[n, c, d, h, w]`.
    AdaptiveAvgPool3d = 3
}

adaptive! {
    /// The largest elements of as many parts of each axis as a size says: x `[n, c, ins...]`,
    /// y `[n, c, sizes...]`, by PyTorch's bins.
    AdaptiveMaxPool: "adaptive_max_pool", adaptive_max_pool;
    /// The largest elements of parts of lines `[n, c, l]`.
    AdaptiveMaxPool1d = 1,
    /// The largest elements of parts of images `[n, c, h, w]`.
    AdaptiveMaxPool2d = 2,
    /// The largest elements of parts of volumes `[n, c, d, h, w]`.
    AdaptiveMaxPool3d = 3
}

/// The mean of each channel: `[n, c, sizes...]` becomes `[n, c]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAvgPool;

/// The largest element of each channel: `[n, c, sizes...]` becomes `[n, c]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalMaxPool;

/// The channels alone, of what a global pooling of `x` leaves.
#[track_caller]
fn of_channels<'g>(name: &str, x: Tensor<'g>, pool: impl Fn(Tensor<'g>) -> Tensor<'g>) -> Tensor<'g> {
    match x.shape()[..] {
        _ if x.is_poison() => x,
        [n, c, _, ..] => pool(x).reshape(&[n, c]),
        _ => x.fail(Error::shape(format!("{name} takes [n, c, sizes...], {} was given", x.shape()))),
    }
}

impl Layer for GlobalAvgPool {
    fn name(&self) -> String {
        "global_avg_pool".into()
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        of_channels("global_avg_pool", x, Tensor::global_avg_pool)
    }
}

impl Layer for GlobalMaxPool {
    fn name(&self) -> String {
        "global_max_pool".into()
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        of_channels("global_max_pool", x, Tensor::global_max_pool)
    }
}
