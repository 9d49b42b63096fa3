use anygrad_core::{DType, Error, Result, Shape};

use super::Conv;
use crate::Meta;

/// Largest padded size and span of a kernel: positions in a kernel are 32-bit integers.
const MAX_SIZE: usize = 1 << 30;

/// The sizes of one convolution, from which all three operators and their kernels take theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub batch: usize,
    pub groups: usize,
    /// Channels of one group of x.
    pub in_channels: usize,
    /// Channels of one group of y.
    pub out_channels: usize,
    /// Height and width of x, of the kernel and of y.
    pub input: [usize; 2],
    pub kernel: [usize; 2],
    pub output: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Padding before x.
    pub before: [usize; 2],
}

impl Geometry {
    /// # Errors
    /// The shapes, or the options, do not fit.
    pub fn new(conv: &Conv, x: Meta, w: Meta) -> Result<Self> {
        if x.dtype != DType::F32 || w.dtype != DType::F32 {
            return Err(Error::shape(format!("takes f32, {x} and {w} were given")));
        }
        let (&[batch, channels, height, width], &[out_channels, in_channels, kernel_h, kernel_w]) =
            (&*x.shape, &*w.shape)
        else {
            return Err(Error::shape(format!(
                "takes an input [n, c, h, w] and a weight [out_c, c / groups, kernel_h, kernel_w], {} and {} were given",
                x.shape, w.shape
            )));
        };
        if conv.stride.contains(&0) || conv.dilation.contains(&0) || conv.groups == 0 {
            return Err(Error::shape(format!(
                "stride {:?}, dilation {:?} and groups {} must all be at least 1",
                conv.stride, conv.dilation, conv.groups
            )));
        }
        if channels != in_channels.saturating_mul(conv.groups) || out_channels % conv.groups != 0 {
            return Err(Error::shape(format!(
                "{channels} input channels and {out_channels} output channels in {} groups do not fit a weight of {}",
                conv.groups, w.shape
            )));
        }
        let mut output = [0; 2];
        let (input, kernel) = ([height, width], [kernel_h, kernel_w]);
        for axis in 0..2 {
            let [before, after] = conv.padding[axis];
            let padded = input[axis].saturating_add(before).saturating_add(after);
            let span = kernel[axis].saturating_sub(1).saturating_mul(conv.dilation[axis]).saturating_add(1);
            if kernel[axis] == 0
                || span > padded
                || padded > MAX_SIZE
                || conv.stride[axis].max(conv.dilation[axis]) > MAX_SIZE
            {
                return Err(Error::shape(format!(
                    "a kernel of {} with dilation {} spans {span}, the input with padding has {} + {before} + {after}, stride {} (sizes up to {MAX_SIZE})",
                    kernel[axis], conv.dilation[axis], input[axis], conv.stride[axis]
                )));
            }
            output[axis] = (padded - span) / conv.stride[axis] + 1;
        }
        Ok(Geometry {
            batch,
            groups: conv.groups,
            in_channels,
            out_channels: out_channels / conv.groups,
            input,
            kernel,
            output,
            stride: conv.stride,
            dilation: conv.dilation,
            before: conv.padding.map(|[before, _]| before),
        })
    }

    /// # Errors
    /// Too many elements to address.
    pub fn input_shape(&self) -> Result<Shape> {
        Shape::new(&[self.batch, self.groups * self.in_channels, self.input[0], self.input[1]])
    }

    /// # Errors
    /// Too many elements to address.
    pub fn weight_shape(&self) -> Result<Shape> {
        Shape::new(&[self.groups * self.out_channels, self.in_channels, self.kernel[0], self.kernel[1]])
    }

    /// # Errors
    /// Too many elements to address.
    pub fn output_shape(&self) -> Result<Shape> {
        Shape::new(&[self.batch, self.groups * self.out_channels, self.output[0], self.output[1]])
    }

    /// # Errors
    /// `dy` is not of the output's shape, or not `f32`.
    pub fn check_output(&self, dy: Meta) -> Result<()> {
        let wanted = Meta::f32(self.output_shape()?);
        if dy == wanted {
            return Ok(());
        }
        Err(Error::shape(format!(
            "an input {} and a weight {} make {wanted}, {dy} was given",
            self.input_shape()?,
            self.weight_shape()?
        )))
    }

    /// Output positions along an axis whose tap `tap` falls into the input.
    fn inside(&self, axis: usize, tap: usize) -> std::ops::Range<usize> {
        let offset = tap * self.dilation[axis];
        let first = self.before[axis].saturating_sub(offset).div_ceil(self.stride[axis]);
        // position * stride + offset - before < input
        let room = (self.input[axis] + self.before[axis]).saturating_sub(offset);
        first..room.div_ceil(self.stride[axis]).min(self.output[axis])
    }

    /// Calls `visit(position in x, in w, in y)` for each product of the sum.
    pub fn for_each_product(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ([height, width], [kernel_h, kernel_w], [out_h, out_w]) = (self.input, self.kernel, self.output);
        for n in 0..self.batch {
            for out_channel in 0..self.groups * self.out_channels {
                let group = out_channel / self.out_channels;
                let y_plane = (n * self.groups * self.out_channels + out_channel) * out_h * out_w;
                for channel in 0..self.in_channels {
                    let x_plane = ((n * self.groups + group) * self.in_channels + channel) * height * width;
                    let w_plane = (out_channel * self.in_channels + channel) * kernel_h * kernel_w;
                    for tap_y in 0..kernel_h {
                        for tap_x in 0..kernel_w {
                            let at_w = w_plane + tap_y * kernel_w + tap_x;
                            for y in self.inside(0, tap_y) {
                                let in_y = y * self.stride[0] + tap_y * self.dilation[0] - self.before[0];
                                for x in self.inside(1, tap_x) {
                                    let in_x = x * self.stride[1] + tap_x * self.dilation[1] - self.before[1];
                                    visit(x_plane + in_y * width + in_x, at_w, y_plane + y * out_w + x);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
