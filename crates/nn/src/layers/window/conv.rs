use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::{Conv, PadMode};

use super::super::weights::{Weights, weight_options};
use super::{Padding, Sizes, channels_and_sizes};
use crate::{Layer, Scope};

/// Convolution along `N` axes: x `[n, c, sizes...]`, kernel `[filters, c / groups, sizes...]`, bias
/// `[filters]`, y `[n, filters, sizes...]` with
/// `out = (size + padding - dilation (kernel - 1) - 1) / stride + 1`.
///
/// As many groups as channels make it a depthwise convolution, of as many filters per channel as there
/// are filters for each.
#[derive(Clone, Debug)]
pub struct Convolution<const N: usize> {
    filters: usize,
    kernel: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    groups: usize,
    padding: Padding<N>,
    padding_mode: PadMode,
    weights: Weights,
}

/// Convolution of lines `[n, c, l]`, kernel `[filters, c / groups, k]`.
pub type Conv1d = Convolution<1>;

/// Convolution of images `[n, c, h, w]`, kernel `[filters, c / groups, kh, kw]`.
pub type Conv2d = Convolution<2>;

/// Convolution of volumes `[n, c, d, h, w]`, kernel `[filters, c / groups, kd, kh, kw]`.
pub type Conv3d = Convolution<3>;

impl<const N: usize> Convolution<N> {
    /// So many filters of a size: `3`, or `[3, 5]` for height and width.
    pub fn new(filters: usize, kernel_size: impl Sizes<N>) -> Self {
        Convolution {
            filters,
            kernel: kernel_size.sizes(),
            stride: [1; N],
            dilation: [1; N],
            groups: 1,
            padding: Padding::Valid,
            padding_mode: PadMode::Zeros,
            weights: Weights::default(),
        }
    }

    /// Elements from window to window; 1 unless told otherwise.
    pub fn stride(mut self, stride: impl Sizes<N>) -> Self {
        self.stride = stride.sizes();
        self
    }

    /// What stands around the input; nothing unless told otherwise.
    pub fn padding(mut self, padding: Padding<N>) -> Self {
        self.padding = padding;
        self
    }

    /// What the padding holds; zeros unless told otherwise.
    pub fn padding_mode(mut self, mode: PadMode) -> Self {
        self.padding_mode = mode;
        self
    }

    /// Elements from tap to tap within a window; 1 unless told otherwise.
    pub fn dilation(mut self, dilation: impl Sizes<N>) -> Self {
        self.dilation = dilation.sizes();
        self
    }

    /// Into how many groups the channels are cut; as many as channels for a depthwise convolution.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
}

weight_options!(Convolution<N>);

impl<const N: usize> Layer for Convolution<N> {
    fn name(&self) -> String {
        self.weights.name.clone().unwrap_or_else(|| format!("conv{N}d"))
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let (channels, sizes) = match channels_and_sizes(&format!("conv{N}d"), x) {
            _ if x.is_poison() => return x,
            Ok(sizes) => sizes,
            Err(error) => return scope.fail(error),
        };
        if self.filters == 0 || self.groups == 0 || channels % self.groups != 0 {
            return scope.fail(Error::shape(format!(
                "conv{N}d: {channels} channels and {} filters in {} groups",
                self.filters, self.groups
            )));
        }
        let per_group = channels / self.groups;
        let kernel = self.weights.kernel(scope, &[&[self.filters, per_group], &self.kernel[..]].concat());
        let mut padding = self.padding.sizes(sizes, self.kernel, self.stride, self.dilation);
        let mut padded = x;
        if self.padding_mode != PadMode::Zeros {
            let around = padding.map(|[before, after]| (before, after));
            padded = x.pad_with(&[&[(0, 0); 2], &around[..]].concat(), self.padding_mode);
            padding = [[0; 2]; N];
        }
        let conv = Conv { stride: self.stride, padding, dilation: self.dilation, groups: self.groups };
        let fan_in = self.kernel.iter().fold(per_group, |fan_in, &size| fan_in.saturating_mul(size));
        let y = match self.weights.bias(scope, self.filters, fan_in) {
            Some(bias) => padded.conv_nd_with_bias(kernel, bias, conv),
            None => padded.conv_nd(kernel, conv),
        };
        self.weights.activation.apply(y)
    }
}
