//! y[n, o, p, q] = sum over i, j, k of x[n, i, s p + d j - b, s q + d k - b] w[o, i, j, k]
//!
//! with stride s, dilation d and padding b before each axis; x is 0 outside of itself. With groups,
//! output channels of group g read input channels of group g only. One sum over (n, o, i, p, q, j, k)
//! of x w y, of which one factor is left out, is all three: convolution, its gradient with respect to
//! x (the transposed convolution) and its gradient with respect to w. So the three are each other's
//! gradients.

mod cases;
mod geometry;
mod lower;
mod rows;

use anygrad_core::{Caps, Error, Result, Shape};

use crate::{At, Grads, Layout, Lowering, Meta, Op, Tensor, Values};

pub(super) use cases::cases;
use geometry::Geometry;

/// The options of a two-dimensional convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv {
    /// Input pixels between neighbouring outputs, per axis (height, width).
    pub stride: [usize; 2],
    /// Zeros `(before, after)` the input, per axis.
    pub padding: [[usize; 2]; 2],
    /// Input pixels between neighbouring elements of the kernel, per axis.
    pub dilation: [usize; 2],
    /// Into how many groups the channels are cut; as many as channels is a depthwise convolution.
    pub groups: usize,
}

impl Default for Conv {
    fn default() -> Self {
        Conv { stride: [1; 2], padding: [[0; 2]; 2], dilation: [1; 2], groups: 1 }
    }
}

impl Conv {
    /// Padding that gives `ceil(input / stride)` outputs per axis. Where it is odd the extra zero
    /// goes at the end, as in Keras and ONNX's SAME_UPPER.
    pub fn same(input: [usize; 2], kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> Self {
        let padding = [0, 1].map(|axis| {
            // A stride of 0 is refused where the convolution is made.
            let outputs = input[axis].div_ceil(stride[axis].max(1));
            let reach = outputs.saturating_sub(1).saturating_mul(stride[axis]);
            let span = kernel[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1);
            let total = reach.saturating_add(span).saturating_sub(input[axis]);
            [total / 2, total - total / 2]
        });
        Conv { stride, padding, dilation, groups: 1 }
    }
}

/// y from x and w.
#[derive(Debug)]
struct Conv2d(Conv);

/// dx from dy and w. Strides can leave pixels at the end unread, so the sizes of x stand here.
#[derive(Debug)]
struct Conv2dInputGrad {
    conv: Conv,
    input: [usize; 2],
}

/// dw from x and dy.
#[derive(Debug)]
struct Conv2dWeightGrad {
    conv: Conv,
    kernel: [usize; 2],
}

impl<'g> Tensor<'g> {
    /// Two-dimensional convolution (cross-correlation, as everywhere in deep learning) of
    /// x `[n, c, h, w]` with `weight` `[out_c, c / groups, kernel_h, kernel_w]`: `[n, out_c, out_h, out_w]`
    /// with `out = (size + padding - dilation * (kernel - 1) - 1) / stride + 1`.
    #[track_caller]
    pub fn conv2d(self, weight: Tensor<'g>, conv: Conv) -> Tensor<'g> {
        self.apply(Conv2d(conv), &[self, weight])
    }

    /// One-dimensional convolution of x `[n, c, l]` with `weight` `[out_c, c / groups, kernel]`:
    /// `[n, out_c, out_l]`. `padding` is `(before, after)`.
    #[track_caller]
    pub fn conv1d(
        self,
        weight: Tensor<'g>,
        stride: usize,
        padding: [usize; 2],
        dilation: usize,
        groups: usize,
    ) -> Tensor<'g> {
        let [n, c, l] = self.dims("conv1d: the input");
        let [out_c, in_c, kernel] = weight.dims("conv1d: the weight");
        let conv = Conv { stride: [1, stride], padding: [[0, 0], padding], dilation: [1, dilation], groups };
        let y = self.reshape(&[n, c, 1, l]).conv2d(weight.reshape(&[out_c, in_c, 1, kernel]), conv);
        y.squeeze(2)
    }

    /// Transposed convolution of x `[n, c, h, w]` with `weight` `[c, out_c / groups, kernel_h, kernel_w]`:
    /// `[n, out_c, out_h, out_w]` with
    /// `out = (size - 1) * stride - padding + dilation * (kernel - 1) + 1 + output_padding`.
    /// It is the gradient of [`Tensor::conv2d`] with respect to its input.
    #[track_caller]
    pub fn conv_transpose2d(self, weight: Tensor<'g>, conv: Conv, output_padding: [usize; 2]) -> Tensor<'g> {
        let [_, _, height, width] = self.dims("conv_transpose2d: the input");
        let [_, _, kernel_h, kernel_w] = weight.dims("conv_transpose2d: the weight");
        let size = |axis: usize, size: usize, kernel: usize| {
            let reach = size.checked_sub(1)?.checked_mul(conv.stride[axis])?;
            let span = kernel.checked_sub(1)?.checked_mul(conv.dilation[axis])?.checked_add(1)?;
            let all = reach.checked_add(span)?.checked_add(output_padding[axis])?;
            all.checked_sub(conv.padding[axis].iter().try_fold(0usize, |sum, &p| sum.checked_add(p))?)
        };
        match (size(0, height, kernel_h), size(1, width, kernel_w)) {
            (Some(h), Some(w)) => self.apply(Conv2dInputGrad { conv, input: [h, w] }, &[self, weight]),
            _ if self.is_poison() || weight.is_poison() => self.graph().tensor(crate::ValueId::POISON),
            _ => self.fail(Error::shape(format!(
                "conv_transpose2d: {} with weight {} and {conv:?} leaves no output",
                self.shape(),
                weight.shape()
            ))),
        }
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let geometry = Geometry::new(&self.0, x[0], x[1])?;
        Ok(vec![Meta::f32(geometry.output_shape()?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = Geometry::new(&self.0, x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_y] += x[0].data[at_x] * x[1].data[at_w]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, w, dy) = (at.x[0], at.x[1], at.dy());
        vec![
            at.wanted[0].then(|| input_gradient(self.0, dy, w, x.shape())),
            at.wanted[1].then(|| weight_gradient(self.0, x, dy, w.shape())),
        ]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::forward(&Geometry::new(&self.0, x[0].meta, x[1].meta)?, caps)
    }
}

fn input_gradient<'g>(conv: Conv, dy: Tensor<'g>, w: Tensor<'g>, x: Shape) -> Tensor<'g> {
    dy.apply(Conv2dInputGrad { conv, input: [x[2], x[3]] }, &[dy, w])
}

fn weight_gradient<'g>(conv: Conv, x: Tensor<'g>, dy: Tensor<'g>, w: Shape) -> Tensor<'g> {
    x.apply(Conv2dWeightGrad { conv, kernel: [w[2], w[3]] }, &[x, dy])
}

impl Conv2dInputGrad {
    fn geometry(&self, dy: Meta, w: Meta) -> Result<Geometry> {
        let sizes = [
            dy.shape.first().copied().unwrap_or(0),
            w.shape.get(1).copied().unwrap_or(0).saturating_mul(self.conv.groups),
            self.input[0],
            self.input[1],
        ];
        let geometry = Geometry::new(&self.conv, dy.with_shape(Shape::new(&sizes)?), w)?;
        geometry.check_output(dy)?;
        Ok(geometry)
    }
}

impl Op for Conv2dInputGrad {
    fn name(&self) -> &'static str {
        "conv2d_input_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::f32(self.geometry(x[0], x[1])?.input_shape()?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = self.geometry(x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_x] += x[0].data[at_y] * x[1].data[at_w]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // The sum of dx z over dx(dy, w) is the sum of dy y over y = conv2d(z, w).
        let (dy, w, z) = (at.x[0], at.x[1], at.dy());
        vec![
            at.wanted[0].then(|| z.conv2d(w, self.conv)),
            at.wanted[1].then(|| weight_gradient(self.conv, z, dy, w.shape())),
        ]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::input_gradient(&self.geometry(x[0].meta, x[1].meta)?, caps)
    }
}

impl Conv2dWeightGrad {
    fn geometry(&self, x: Meta, dy: Meta) -> Result<Geometry> {
        let in_channels = x.shape.get(1).copied().unwrap_or(0) / self.conv.groups.max(1);
        let sizes = [dy.shape.get(1).copied().unwrap_or(0), in_channels, self.kernel[0], self.kernel[1]];
        let geometry = Geometry::new(&self.conv, x, dy.with_shape(Shape::new(&sizes)?))?;
        geometry.check_output(dy)?;
        Ok(geometry)
    }
}

impl Op for Conv2dWeightGrad {
    fn name(&self) -> &'static str {
        "conv2d_weight_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::f32(self.geometry(x[0], x[1])?.weight_shape()?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = self.geometry(x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_w] += x[0].data[at_x] * x[1].data[at_y]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // The sum of dw z over dw(x, dy) is the sum of dy y over y = conv2d(x, z).
        let (x, dy, z) = (at.x[0], at.x[1], at.dy());
        vec![
            at.wanted[0].then(|| input_gradient(self.conv, dy, z, x.shape())),
            at.wanted[1].then(|| x.conv2d(z, self.conv)),
        ]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::weight_gradient(&self.geometry(x[0].meta, x[1].meta)?, caps)
    }
}
