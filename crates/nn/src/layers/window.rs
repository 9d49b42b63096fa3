//! Layers that slide a window over images `[n, c, h, w]` or lines `[n, c, l]`.

use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Conv, Pool};

use super::weights::{Weights, weight_options};
use crate::{Layer, Scope};

/// What stands around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: windows stay within the image.
    #[default]
    Valid,
    /// As much as gives `ceil(size / stride)` outputs; an odd one goes at the end, as in Keras.
    Same,
    /// So much before and behind, per axis (height, width).
    Explicit([[usize; 2]; 2]),
}

impl Padding {
    /// The same on all four sides, PyTorch's `padding=`.
    pub fn all(size: usize) -> Self {
        Padding::Explicit([[size; 2]; 2])
    }

    fn sizes(
        self,
        input: [usize; 2],
        kernel: [usize; 2],
        stride: [usize; 2],
        dilation: [usize; 2],
    ) -> [[usize; 2]; 2] {
        match self {
            Padding::Valid => [[0; 2]; 2],
            Padding::Same => Conv::same(input, kernel, stride, dilation).padding,
            Padding::Explicit(sizes) => sizes,
        }
    }
}

/// One size for height and width, or one for each.
pub trait Pair {
    /// As (height, width).
    fn pair(self) -> [usize; 2];
}

impl Pair for usize {
    fn pair(self) -> [usize; 2] {
        [self; 2]
    }
}

impl Pair for [usize; 2] {
    fn pair(self) -> [usize; 2] {
        self
    }
}

/// Convolution of images: x `[n, c, h, w]`, kernel `[filters, c / groups, kh, kw]`, bias `[filters]`,
/// y `[n, filters, h', w']` with `h' = (h + padding - dilation (kh - 1) - 1) / stride + 1`.
#[derive(Clone, Debug)]
pub struct Conv2d {
    filters: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    padding: Padding,
    weights: Weights,
}

impl Conv2d {
    /// So many filters of a size: `3`, or `[3, 5]` for height and width.
    pub fn new(filters: usize, kernel_size: impl Pair) -> Self {
        Conv2d {
            filters,
            kernel: kernel_size.pair(),
            stride: [1; 2],
            dilation: [1; 2],
            groups: 1,
            padding: Padding::Valid,
            weights: Weights::default(),
        }
    }

    /// Pixels from window to window; 1 unless told otherwise.
    pub fn stride(mut self, stride: impl Pair) -> Self {
        self.stride = stride.pair();
        self
    }

    /// What stands around the image; nothing unless told otherwise.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Pixels from tap to tap within a window; 1 unless told otherwise.
    pub fn dilation(mut self, dilation: impl Pair) -> Self {
        self.dilation = dilation.pair();
        self
    }

    /// Into how many groups the channels are cut; as many as channels for a depthwise convolution.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
}

weight_options!(Conv2d);

impl Layer for Conv2d {
    fn name(&self) -> String {
        self.weights.name.clone().unwrap_or_else(|| "conv2d".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let [_, channels, height, width] = match <[usize; 4]>::try_from(&x.shape()[..]) {
            Ok(sizes) => sizes,
            Err(_) if x.is_poison() => return x,
            Err(_) => {
                let message = format!("conv2d takes [n, channels, height, width], {} was given", x.shape());
                return scope.fail(Error::shape(message));
            }
        };
        if self.filters == 0 || self.groups == 0 || channels % self.groups != 0 {
            return scope.fail(Error::shape(format!(
                "conv2d: {channels} channels and {} filters in {} groups",
                self.filters, self.groups
            )));
        }
        let [kernel_h, kernel_w] = self.kernel;
        let per_group = channels / self.groups;
        let kernel = self.weights.kernel(scope, &[self.filters, per_group, kernel_h, kernel_w]);
        let padding = self.padding.sizes([height, width], self.kernel, self.stride, self.dilation);
        let conv = Conv { stride: self.stride, padding, dilation: self.dilation, groups: self.groups };
        let mut y = x.conv2d(kernel, conv);
        if let Some(bias) = self.weights.bias(scope, self.filters, per_group * kernel_h * kernel_w) {
            y = y + bias.reshape(&[self.filters, 1, 1]);
        }
        self.weights.activation.apply(y)
    }
}

/// Convolution along one axis: x `[n, c, l]`, kernel `[filters, c / groups, k]`, y `[n, filters, l']`.
#[derive(Clone, Debug)]
pub struct Conv1d {
    filters: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    groups: usize,
    padding: Padding,
    weights: Weights,
}

impl Conv1d {
    /// So many filters of a size.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        let (stride, dilation, groups) = (1, 1, 1);
        let weights = Weights::default();
        Conv1d { filters, kernel: kernel_size, stride, dilation, groups, padding: Padding::Valid, weights }
    }

    /// Elements from window to window; 1 unless told otherwise.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// What stands around the line; of explicit sizes the second pair counts, that of the width.
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Elements from tap to tap within a window; 1 unless told otherwise.
    pub fn dilation(mut self, dilation: usize) -> Self {
        self.dilation = dilation;
        self
    }

    /// Into how many groups the channels are cut.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
}

weight_options!(Conv1d);

impl Layer for Conv1d {
    fn name(&self) -> String {
        self.weights.name.clone().unwrap_or_else(|| "conv1d".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let [_, channels, length] = match <[usize; 3]>::try_from(&x.shape()[..]) {
            Ok(sizes) => sizes,
            Err(_) if x.is_poison() => return x,
            Err(_) => {
                let message = format!("conv1d takes [n, channels, length], {} was given", x.shape());
                return scope.fail(Error::shape(message));
            }
        };
        if self.filters == 0 || self.groups == 0 || channels % self.groups != 0 {
            return scope.fail(Error::shape(format!(
                "conv1d: {channels} channels and {} filters in {} groups",
                self.filters, self.groups
            )));
        }
        let per_group = channels / self.groups;
        let kernel = self.weights.kernel(scope, &[self.filters, per_group, self.kernel]);
        let [_, padding] =
            self.padding.sizes([1, length], [1, self.kernel], [1, self.stride], [1, self.dilation]);
        let mut y = x.conv1d(kernel, self.stride, padding, self.dilation, self.groups);
        if let Some(bias) = self.weights.bias(scope, self.filters, per_group * self.kernel) {
            y = y + bias.reshape(&[self.filters, 1]);
        }
        self.weights.activation.apply(y)
    }
}

/// The options of pooling layers, kept in `window`.
macro_rules! pooling {
    ($(#[$doc:meta])* $layer:ident $(, $field:ident: $start:expr)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $layer {
            window: Pool,
            padding: Padding,
            $($field: bool,)?
        }

        impl $layer {
            /// Windows of a size side by side: `2`, or `[2, 3]` for height and width.
            pub fn new(pool_size: impl Pair) -> Self {
                $layer { window: Pool::new(pool_size.pair()), padding: Padding::Valid $(, $field: $start)? }
            }

            /// Pixels from window to window; the window's size unless told otherwise.
            pub fn stride(mut self, stride: impl Pair) -> Self {
                self.window.stride = stride.pair();
                self
            }

            /// What stands around the image; nothing unless told otherwise.
            pub fn padding(mut self, padding: Padding) -> Self {
                self.padding = padding;
                self
            }

            /// Whether a last window that reaches past the image counts.
            pub fn ceil_mode(mut self, ceil_mode: bool) -> Self {
                self.window.ceil_mode = ceil_mode;
                self
            }

            fn pool(&self, x: Tensor<'_>) -> Pool {
                let Pool { kernel, stride, dilation, .. } = self.window;
                let input = match x.shape()[..] {
                    [_, _, height, width] => [height, width],
                    // The operator says what is wrong.
                    _ => [1; 2],
                };
                Pool { padding: self.padding.sizes(input, kernel, stride, dilation), ..self.window }
            }
        }
    };
}

pooling! {
    /// The largest element of each window of `[n, c, h, w]`.
    MaxPool2d
}

pooling! {
    /// The mean of each window of `[n, c, h, w]`. Padding does not count, as in Keras; PyTorch counts
    /// it unless told otherwise.
    AvgPool2d, count_include_pad: false
}

impl AvgPool2d {
    /// Whether zeros of the padding count in the mean.
    pub fn count_include_pad(mut self, count: bool) -> Self {
        self.count_include_pad = count;
        self
    }
}

impl Layer for MaxPool2d {
    fn name(&self) -> String {
        "max_pool2d".into()
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        x.max_pool2d(self.pool(x))
    }
}

impl Layer for AvgPool2d {
    fn name(&self) -> String {
        "avg_pool2d".into()
    }

    fn forward<'g>(&self, _scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        x.avg_pool2d(self.pool(x), self.count_include_pad)
    }
}

/// The mean of each channel: `[n, c, h, w]` becomes `[n, c]`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GlobalAvgPool2d;

impl Layer for GlobalAvgPool2d {
    fn name(&self) -> String {
        "global_avg_pool2d".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        if x.shape().rank() != 4 {
            let message = format!("global_avg_pool2d takes [n, c, h, w], {} was given", x.shape());
            return if x.is_poison() { x } else { scope.fail(Error::shape(message)) };
        }
        x.mean(&[2, 3], false)
    }
}
