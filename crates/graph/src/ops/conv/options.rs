use std::array::from_fn;

use crate::Attributes;

/// The options of a convolution along `N` axes: (height, width), or (depth, height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv<const N: usize = 2> {
    /// Input elements between neighbouring outputs, per axis.
    pub stride: [usize; N],
    /// Zeros `(before, after)` the input, per axis.
    pub padding: [[usize; 2]; N],
    /// Input elements between neighbouring elements of the kernel, per axis.
    pub dilation: [usize; N],
    /// Into how many groups the channels are cut; as many as channels is a depthwise convolution, with
    /// as many outputs per channel as the output channels are a multiple of them.
    pub groups: usize,
}

impl<const N: usize> Default for Conv<N> {
    fn default() -> Self {
        Conv { stride: [1; N], padding: [[0; 2]; N], dilation: [1; N], groups: 1 }
    }
}

/// Elements from the first to the last that a kernel reads.
fn span(kernel: usize, dilation: usize) -> usize {
    kernel.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// `(before, after)`: where the sum is odd the extra zero goes at the end.
fn halves(total: usize) -> [usize; 2] {
    [total / 2, total - total / 2]
}

impl<const N: usize> Conv<N> {
    /// Padding that gives `ceil(input / stride)` outputs per axis. Where it is odd the extra zero
    /// goes at the end, as in Keras and ONNX's SAME_UPPER.
    pub fn same(input: [usize; N], kernel: [usize; N], stride: [usize; N], dilation: [usize; N]) -> Self {
        let padding = from_fn(|axis| {
            // A stride of 0 is refused where the convolution is made.
            let outputs = input[axis].div_ceil(stride[axis].max(1));
            let reach = outputs.saturating_sub(1).saturating_mul(stride[axis]);
            let needed = reach.saturating_add(span(kernel[axis], dilation[axis]));
            halves(needed.saturating_sub(input[axis]))
        });
        Conv { stride, padding, dilation, groups: 1 }
    }

    /// Padding and output padding of a transposed convolution that gives `input * stride` outputs
    /// per axis, as Keras's `same` and ONNX's SAME_UPPER do.
    pub fn same_transposed(
        kernel: [usize; N],
        stride: [usize; N],
        dilation: [usize; N],
    ) -> (Self, [usize; N]) {
        let spans: [usize; N] = from_fn(|axis| span(kernel[axis], dilation[axis]));
        let padding = from_fn(|axis| halves(spans[axis].saturating_sub(stride[axis])));
        let output_padding = from_fn(|axis| stride[axis].saturating_sub(spans[axis]));
        (Conv { stride, padding, dilation, groups: 1 }, output_padding)
    }

    /// The same along the last of three axes.
    pub(super) fn in_space(&self) -> Conv<3> {
        Conv {
            stride: last(&self.stride, 1),
            padding: last(&self.padding, [0; 2]),
            dilation: last(&self.dilation, 1),
            groups: self.groups,
        }
    }
}

impl Conv<3> {
    /// What a convolution along the last `axes` of three is set to.
    pub(super) fn attributes(&self, axes: usize) -> Attributes {
        let from = 3 - axes;
        let attributes = Attributes::new().with("stride", &self.stride[from..]);
        let attributes = attributes.with("padding", self.padding[from..].as_flattened());
        attributes.with("dilation", &self.dilation[from..]).with("groups", self.groups)
    }
}

/// Up to three values as the last of three; `fill` takes the place of those that are missing.
pub(in super::super) fn last<T: Copy>(values: &[T], fill: T) -> [T; 3] {
    from_fn(|axis| (axis + values.len()).checked_sub(3).map_or(fill, |axis| values[axis]))
}
