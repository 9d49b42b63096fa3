use anygrad_core::Error;
use anygrad_graph::Tensor;
use anygrad_graph::ops::Conv;

use super::super::weights::{Weights, weight_options};
use super::{Padding, Sizes, channels_and_sizes};
use crate::{Layer, Scope};

/// Transposed convolution along `N` axes: x `[n, c, sizes...]`, kernel `[c, filters / groups, sizes...]`,
/// bias `[filters]`, y `[n, filters, sizes...]` with
/// `out = (size - 1) stride - padding + dilation (kernel - 1) + 1 + output padding`.
#[derive(Clone, Debug)]
pub struct ConvolutionTranspose<const N: usize> {
    filters: usize,
    kernel: [usize; N],
    stride: [usize; N],
    dilation: [usize; N],
    groups: usize,
    padding: Padding<N>,
    output_padding: Option<[usize; N]>,
    weights: Weights,
}

/// Transposed convolution of lines `[n, c, l]`, kernel `[c, filters / groups, k]`.
pub type ConvTranspose1d = ConvolutionTranspose<1>;

/// Transposed convolution of images `[n, c, h, w]`, kernel `[c, filters / groups, kh, kw]`.
pub type ConvTranspose2d = ConvolutionTranspose<2>;

/// Transposed convolution of volumes `[n, c, d, h, w]`, kernel `[c, filters / groups, kd, kh, kw]`.
pub type ConvTranspose3d = ConvolutionTranspose<3>;

impl<const N: usize> ConvolutionTranspose<N> {
    /// So many filters of a size: `3`, or `[3, 5]` for height and width.
    pub fn new(filters: usize, kernel_size: impl Sizes<N>) -> Self {
        ConvolutionTranspose {
            filters,
            kernel: kernel_size.sizes(),
            stride: [1; N],
            dilation: [1; N],
            groups: 1,
            padding: Padding::Valid,
            output_padding: None,
            weights: Weights::default(),
        }
    }

    /// By how much the input grows; 1 unless told otherwise.
    pub fn stride(mut self, stride: impl Sizes<N>) -> Self {
        self.stride = stride.sizes();
        self
    }

    /// What is taken off around the output; nothing unless told otherwise. [`Padding::Same`] gives
    /// outputs of `size * stride`.
    pub fn padding(mut self, padding: Padding<N>) -> Self {
        self.padding = padding;
        self
    }

    /// What is added behind the output, less than the stride; nothing unless told otherwise or needed
    /// for [`Padding::Same`].
    pub fn output_padding(mut self, output_padding: impl Sizes<N>) -> Self {
        self.output_padding = Some(output_padding.sizes());
        self
    }

    /// Elements from tap to tap within a window; 1 unless told otherwise.
    pub fn dilation(mut self, dilation: impl Sizes<N>) -> Self {
        self.dilation = dilation.sizes();
        self
    }

    /// Into how many groups the channels are cut.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }
}

weight_options!(ConvolutionTranspose<N>);

impl<const N: usize> Layer for ConvolutionTranspose<N> {
    fn name(&self) -> String {
        self.weights.name.clone().unwrap_or_else(|| format!("conv_transpose{N}d"))
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let (channels, _) = match channels_and_sizes::<N>(&format!("conv_transpose{N}d"), x) {
            _ if x.is_poison() => return x,
            Ok(sizes) => sizes,
            Err(error) => return scope.fail(error),
        };
        let fits = self.groups > 0
            && channels.is_multiple_of(self.groups)
            && self.filters.is_multiple_of(self.groups);
        if self.filters == 0 || !fits {
            return scope.fail(Error::shape(format!(
                "conv_transpose{N}d: {channels} channels and {} filters in {} groups",
                self.filters, self.groups
            )));
        }
        let per_group = self.filters / self.groups;
        let kernel = self.weights.kernel(scope, &[&[channels, per_group], &self.kernel[..]].concat());
        let (same, needed) = Conv::same_transposed(self.kernel, self.stride, self.dilation);
        let (padding, output_padding) = match self.padding {
            Padding::Valid => ([[0; 2]; N], [0; N]),
            Padding::Same => (same.padding, needed),
            Padding::Explicit(sizes) => (sizes, [0; N]),
        };
        let conv = Conv { padding, groups: self.groups, ..same };
        let mut y = x.conv_transpose_nd(kernel, conv, self.output_padding.unwrap_or(output_padding));
        // The fan-in of PyTorch and Keras: that of the kernel's shape, not of a sum.
        let fan_in = self.kernel.iter().fold(per_group, |fan_in, &size| fan_in.saturating_mul(size));
        if let Some(bias) = self.weights.bias(scope, self.filters, fan_in) {
            y = y + bias.reshape(&[&[self.filters], &[1; N][..]].concat());
        }
        self.weights.activation.apply(y)
    }
}
