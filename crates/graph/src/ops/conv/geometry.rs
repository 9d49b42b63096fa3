use anygrad_core::{DType, Error, Result, Shape};

use super::{Conv, last, shape_of};
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
    /// Axes that the shapes have; of depth, height and width, the last ones.
    pub axes: usize,
    /// Depth, height and width of x, of the kernel and of y.
    pub input: [usize; 3],
    pub kernel: [usize; 3],
    pub output: [usize; 3],
    pub stride: [usize; 3],
    pub dilation: [usize; 3],
    /// Padding before x.
    pub before: [usize; 3],
}

impl Geometry {
    /// # Errors
    /// The shapes, or the options, do not fit.
    pub fn new(conv: &Conv<3>, axes: usize, x: Meta, w: Meta) -> Result<Self> {
        if x.dtype != DType::F32 || w.dtype != DType::F32 {
            return Err(Error::shape(format!("takes f32, {x} and {w} were given")));
        }
        let ([batch, channels, input @ ..], [out_channels, in_channels, kernel @ ..]) =
            (&*x.shape, &*w.shape)
        else {
            return Err(ranks(axes, x, w));
        };
        if input.len() != axes || kernel.len() != axes {
            return Err(ranks(axes, x, w));
        }
        let (batch, channels, out_channels, in_channels) = (*batch, *channels, *out_channels, *in_channels);
        if conv.stride.contains(&0) || conv.dilation.contains(&0) || conv.groups == 0 {
            return Err(Error::shape(format!(
                "stride {:?}, dilation {:?} and groups {} must all be at least 1",
                &conv.stride[3 - axes..],
                &conv.dilation[3 - axes..],
                conv.groups
            )));
        }
        if channels != in_channels.saturating_mul(conv.groups) || out_channels % conv.groups != 0 {
            return Err(Error::shape(format!(
                "{channels} input channels and {out_channels} output channels in {} groups do not fit a weight of {}",
                conv.groups, w.shape
            )));
        }
        let mut output = [0; 3];
        let (input, kernel) = (last(input, 1), last(kernel, 1));
        for axis in 0..3 {
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
            axes,
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
        shape_of(self.batch, self.groups * self.in_channels, self.input, self.axes)
    }

    /// # Errors
    /// Too many elements to address.
    pub fn weight_shape(&self) -> Result<Shape> {
        shape_of(self.groups * self.out_channels, self.in_channels, self.kernel, self.axes)
    }

    /// # Errors
    /// Too many elements to address.
    pub fn output_shape(&self) -> Result<Shape> {
        shape_of(self.batch, self.groups * self.out_channels, self.output, self.axes)
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

    /// Additions and multiplications, those with the padding's zeros counted too.
    pub fn operations(&self) -> f64 {
        let sizes = [self.output, self.kernel].into_iter().flatten();
        let channels = [self.batch, self.groups, self.in_channels, self.out_channels];
        2.0 * sizes.chain(channels).map(|size| size as f64).product::<f64>()
    }

    /// Output positions along an axis whose tap `tap` falls into the input.
    fn inside(&self, axis: usize, tap: usize) -> std::ops::Range<usize> {
        let offset = tap * self.dilation[axis];
        let first = self.before[axis].saturating_sub(offset).div_ceil(self.stride[axis]);
        // position * stride + offset - before < input
        let room = (self.input[axis] + self.before[axis]).saturating_sub(offset);
        first..room.div_ceil(self.stride[axis]).min(self.output[axis])
    }

    /// Whether all is in one plane: lines and images, and volumes that are one.
    pub fn is_flat(&self) -> bool {
        let one = [self.input, self.kernel, self.output].iter().all(|sizes| sizes[0] == 1);
        one && self.before[0] == 0
    }

    /// Calls `visit(position in x, in w, in y)` for each product of the sum.
    pub fn for_each_product(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ([_, height, width], [_, out_h, out_w]) = (self.input, self.output);
        let [kernel_d, kernel_h, kernel_w] = self.kernel;
        let volume = |sizes: [usize; 3]| sizes.iter().product::<usize>();
        let at = |axis: usize, output: usize, tap: usize| {
            output * self.stride[axis] + tap * self.dilation[axis] - self.before[axis]
        };
        for n in 0..self.batch {
            for out_channel in 0..self.groups * self.out_channels {
                let group = out_channel / self.out_channels;
                let y_image = (n * self.groups * self.out_channels + out_channel) * volume(self.output);
                for channel in 0..self.in_channels {
                    let x_image =
                        ((n * self.groups + group) * self.in_channels + channel) * volume(self.input);
                    let w_image = (out_channel * self.in_channels + channel) * volume(self.kernel);
                    for tap in 0..kernel_d * kernel_h * kernel_w {
                        let (tap_y, tap_x) = (tap / kernel_w % kernel_h, tap % kernel_w);
                        let tap_z = tap / kernel_w / kernel_h;
                        for z in self.inside(0, tap_z) {
                            for y in self.inside(1, tap_y) {
                                let x_row = (at(0, z, tap_z) * height + at(1, y, tap_y)) * width;
                                let y_row = y_image + (z * out_h + y) * out_w;
                                for x in self.inside(2, tap_x) {
                                    visit(x_image + x_row + at(2, x, tap_x), w_image + tap, y_row + x);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The error of shapes that are not those of so many axes.
fn ranks(axes: usize, x: Meta, w: Meta) -> Error {
    let sizes = ["d", "h", "w"][3 - axes..].join(", ");
    let kernel = ["kernel_d", "kernel_h", "kernel_w"][3 - axes..].join(", ");
    Error::shape(format!(
        "takes an input [n, c, {sizes}] and a weight [out_c, c / groups, {kernel}], {} and {} were given",
        x.shape, w.shape
    ))
}
