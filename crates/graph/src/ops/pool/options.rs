use std::array::from_fn;

use anygrad_core::{Error, Result};

use super::super::conv::last;
use crate::Attributes;

/// Largest padded size and span of a window: positions in a kernel are 32-bit integers.
const MAX_SIZE: usize = 1 << 30;

/// The options of pooling along `N` axes: (height, width), or (depth, height, width).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool<const N: usize = 2> {
    /// Elements of a window, per axis.
    pub kernel: [usize; N],
    /// Input elements between neighbouring windows, per axis.
    pub stride: [usize; N],
    /// Padding `(before, after)` the input, per axis.
    pub padding: [[usize; 2]; N],
    /// Input elements between neighbouring elements of a window, per axis.
    pub dilation: [usize; N],
    /// Whether a last window that reaches past the padded input counts. It must start before the end
    /// of the input.
    pub ceil_mode: bool,
}

impl Pool<1> {
    /// Windows along one axis.
    pub fn new_1d(
        kernel: usize,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
        ceil_mode: bool,
    ) -> Self {
        Pool { kernel: [kernel], stride: [stride], padding: [padding], dilation: [dilation], ceil_mode }
    }
}

impl<const N: usize> Pool<N> {
    /// Windows side by side: the stride is the kernel.
    pub fn new(kernel: [usize; N]) -> Self {
        Pool { kernel, stride: kernel, padding: [[0; 2]; N], dilation: [1; N], ceil_mode: false }
    }

    /// What it is set to.
    pub(super) fn attributes(&self) -> Attributes {
        let attributes = Attributes::new().with("kernel", &self.kernel[..]).with("stride", &self.stride[..]);
        let attributes = attributes.with("padding", self.padding.as_flattened());
        attributes.with("dilation", &self.dilation[..]).with("ceil_mode", self.ceil_mode)
    }

    /// The same along the last of three axes.
    pub(super) fn in_space(&self) -> Pool<3> {
        Pool {
            kernel: last(&self.kernel, 1),
            stride: last(&self.stride, 1),
            padding: last(&self.padding, [0; 2]),
            dilation: last(&self.dilation, 1),
            ceil_mode: self.ceil_mode,
        }
    }

    /// The axes of these numbers; windows of one element along the others.
    pub(super) fn of_axes<const M: usize>(&self, axes: [Option<usize>; M]) -> Pool<M> {
        let pick = |from: &[usize; N]| from_fn(|at| axes[at].map_or(1, |axis| from[axis]));
        Pool {
            kernel: pick(&self.kernel),
            stride: pick(&self.stride),
            padding: from_fn(|at| axes[at].map_or([0; 2], |axis| self.padding[axis])),
            dilation: pick(&self.dilation),
            ceil_mode: self.ceil_mode,
        }
    }

    /// Whether every window is one element, and every element one window.
    pub(super) fn is_identity(&self) -> bool {
        self.kernel == [1; N] && self.stride == [1; N] && self.padding == [[0; 2]; N]
    }

    /// The number of windows along each axis.
    ///
    /// # Errors
    /// The options, or the sizes, do not fit.
    pub(in super::super) fn windows(&self, input: [usize; N]) -> Result<[usize; N]> {
        let mut output = [0; N];
        for axis in 0..N {
            let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
            let [before, after] = self.padding[axis];
            if kernel == 0 || stride == 0 || dilation == 0 {
                return Err(Error::shape(format!(
                    "kernel {kernel}, stride {stride} and dilation {dilation} must all be at least 1"
                )));
            }
            let span = (kernel - 1).saturating_mul(dilation).saturating_add(1);
            let padded = input[axis].saturating_add(before).saturating_add(after);
            if before >= span || after >= span {
                return Err(Error::shape(format!(
                    "padding of {before} and {after} is not smaller than the window, which spans {span}"
                )));
            }
            if span > padded || padded > MAX_SIZE || stride.max(dilation) > MAX_SIZE {
                return Err(Error::shape(format!(
                    "a window of {kernel} with dilation {dilation} spans {span}, the input with padding has {} + {before} + {after}, stride {stride} (sizes up to {MAX_SIZE})",
                    input[axis]
                )));
            }
            let room = padded - span;
            let windows = if self.ceil_mode { room.div_ceil(stride) } else { room / stride } + 1;
            // A window that starts behind the input would hold padding only.
            let starts_behind = windows > 1 && (windows - 1) * stride >= input[axis] + before;
            output[axis] = windows - usize::from(self.ceil_mode && starts_behind);
        }
        Ok(output)
    }
}
