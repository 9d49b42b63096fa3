//! y[n, o, p, q] = sum over i, j, k of x[n, i, s p + d j - b, s q + d k - b] w[o, i, j, k]
//!
//! with stride s, dilation d and padding b before each axis; x is 0 outside of itself. Written for
//! images: lines have one axis, volumes three. With groups, output channels of group g read input
//! channels of group g only. One sum over (n, o, i, p, q, j, k) of x w y, of which one factor is left
//! out, is all three: convolution, its gradient with respect to x (the transposed convolution) and its
//! gradient with respect to w. So the three are each other's gradients.

mod cases;
mod geometry;
mod lower;
mod methods;
mod options;
mod pixels;
mod rows;
mod volume_cases;

use anygrad_core::{Caps, Error, Result, Shape};

use crate::{
    Arrangement, At, Attributes, Grads, Layout, Lowering, Meta, Op, Rows, Tensor, Tolerance, Values,
};

use super::itself::WrittenOut;
use geometry::Geometry;
pub use options::Conv;
pub(super) use options::last;
use pixels::Product;

pub(super) fn cases() -> Vec<crate::Case> {
    [cases::cases(), volume_cases::cases()].concat()
}

/// y from x and w.
#[derive(Debug)]
struct Convolution {
    conv: Conv<3>,
    axes: usize,
}

/// dx from dy and w. Strides can leave pixels at the end unread, so the sizes of x stand here.
#[derive(Debug)]
struct InputGrad {
    conv: Conv<3>,
    axes: usize,
    input: [usize; 3],
}

/// dw from x and dy; and the sum of dy over each channel, the gradient of a bias.
#[derive(Debug)]
struct WeightGrad {
    conv: Conv<3>,
    axes: usize,
    kernel: [usize; 3],
    bias: bool,
}

impl Convolution {
    fn ways(&self, x: &[Layout], caps: &Caps) -> Result<Vec<Lowering>> {
        let geometry = Geometry::new(&self.conv, self.axes, x[0].meta, x[1].meta)?;
        match pixels::stands(&x[0]) {
            true => Ok(pixels::images(&geometry, Product::Forward, caps)),
            false => Ok(vec![lower::forward(&geometry, caps)?]),
        }
    }
}

/// The gradient of y = conv(x, w) + b, those of weight and bias taken together.
/// Inputs: y, x, w, b.
#[derive(Debug)]
struct Biased {
    conv: Conv<3>,
    axes: usize,
}

/// `[channels]` beside the axes of an image.
fn spread(bias: Tensor<'_>, axes: usize) -> Tensor<'_> {
    bias.reshape(&[&*bias.shape(), &[1, 1, 1][..axes]].concat())
}

impl WrittenOut for Biased {
    const NAME: &'static str = "biased";

    /// Through x, w and b alone: y follows from them.
    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, w, dy) = (at.x[1], at.x[2], at.dy());
        let dx = at.wanted[1].then(|| input_gradient(self.conv, dy, w, x.shape()));
        let (dw, db) = match (at.wanted[2], at.wanted[3]) {
            (true, true) => {
                let (dw, db) = weight_and_bias_gradient(self.conv, x, dy, w.shape());
                (Some(dw), Some(db))
            }
            (dw, db) => {
                let axes: Vec<isize> = [0].into_iter().chain(2..self.axes as isize + 2).collect();
                let dw = dw.then(|| weight_gradient(self.conv, x, dy, w.shape()));
                (dw, db.then(|| dy.sum(&axes, false)))
            }
        };
        vec![None, dx, dw, db]
    }
}

impl Op for Convolution {
    fn name(&self) -> &'static str {
        ["conv1d", "conv2d", "conv3d"][self.axes - 1]
    }

    fn attributes(&self) -> Attributes {
        self.conv.attributes(self.axes)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let geometry = Geometry::new(&self.conv, self.axes, x[0], x[1])?;
        Ok(vec![Meta::f32(geometry.output_shape()?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = Geometry::new(&self.conv, self.axes, x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_y] += x[0].data[at_x] * x[1].data[at_w]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let (x, w, dy) = (at.x[0], at.x[1], at.dy());
        vec![
            at.wanted[0].then(|| input_gradient(self.conv, dy, w, x.shape())),
            at.wanted[1].then(|| weight_gradient(self.conv, x, dy, w.shape())),
        ]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        by_rule(self.ways(x, caps))
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Arrangement {
        let geometry = Geometry::new(&self.conv, self.axes, x[0].meta, x[1].meta);
        arrange(geometry, Product::Forward, x, y, caps)
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        alternatives(|caps| self.ways(x, caps), caps)
    }

    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        Geometry::new(&self.conv, self.axes, x[0], x[1]).map_or(0.0, |geometry| geometry.operations())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(x[1].shape().elements() / x[1].shape()[0].max(1))
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true, false])
    }
}

/// The ways on this adapter, the one of the rule first, and those of every adapter.
fn alternatives(ways: impl Fn(&Caps) -> Result<Vec<Lowering>>, caps: &Caps) -> Result<Vec<Lowering>> {
    let all = [ways(caps)?, ways(&caps.portable())?].concat();
    Lowering::distinct(all.into_iter().map(Ok))
}

/// The way of the rule.
fn by_rule(ways: Result<Vec<Lowering>>) -> Result<Lowering> {
    ways?.into_iter().next().ok_or_else(|| Error::internal("no way to run"))
}

fn input_gradient<'g>(conv: Conv<3>, dy: Tensor<'g>, w: Tensor<'g>, x: Shape) -> Tensor<'g> {
    dy.apply(InputGrad { conv, axes: x.rank() - 2, input: last(&x[2..], 1) }, &[dy, w])
}

fn weight_gradient<'g>(conv: Conv<3>, x: Tensor<'g>, dy: Tensor<'g>, w: Shape) -> Tensor<'g> {
    x.apply(WeightGrad { conv, axes: w.rank() - 2, kernel: last(&w[2..], 1), bias: false }, &[x, dy])
}

/// The gradients of the weight and of a bias, which is summed up on the way.
fn weight_and_bias_gradient<'g>(
    conv: Conv<3>,
    x: Tensor<'g>,
    dy: Tensor<'g>,
    w: Shape,
) -> (Tensor<'g>, Tensor<'g>) {
    let op = WeightGrad { conv, axes: w.rank() - 2, kernel: last(&w[2..], 1), bias: true };
    let both = x.apply_all(op, &[x, dy]);
    (both[0], both[both.len() - 1])
}

/// Images with channels last where that pays, row-major otherwise.
fn arrange(conv: Result<Geometry>, product: Product, x: &[Layout], y: &[Meta], caps: &Caps) -> Arrangement {
    let last = conv.ok().and_then(|conv| pixels::arrange(&conv, product, x, y, caps));
    last.unwrap_or_else(|| Arrangement::row_major(x, y))
}

/// `[first, second, sizes...]`, of three sizes those that count for so many axes.
fn shape_of(first: usize, second: usize, sizes: [usize; 3], axes: usize) -> Result<Shape> {
    Shape::new(&[&[first, second], &sizes[3 - axes..]].concat())
}

impl InputGrad {
    fn transposed(axes: usize) -> &'static str {
        match axes {
            1 => "conv_transpose1d",
            2 => "conv_transpose2d",
            3 => "conv_transpose3d",
            _ => "conv_transpose_nd",
        }
    }

    fn geometry(&self, dy: Meta, w: Meta) -> Result<Geometry> {
        let batch = dy.shape.first().copied().unwrap_or(0);
        let channels = w.shape.get(1).copied().unwrap_or(0).saturating_mul(self.conv.groups);
        let x = dy.with_shape(shape_of(batch, channels, self.input, self.axes)?);
        let geometry = Geometry::new(&self.conv, self.axes, x, w)?;
        geometry.check_output(dy)?;
        Ok(geometry)
    }

    fn ways(&self, x: &[Layout], caps: &Caps) -> Result<Vec<Lowering>> {
        let geometry = self.geometry(x[0].meta, x[1].meta)?;
        match pixels::stands(&x[0]) {
            true => Ok(pixels::images(&geometry, Product::InputGradient, caps)),
            false => Ok(vec![lower::input_gradient(&geometry, caps)?]),
        }
    }
}

impl Op for InputGrad {
    fn name(&self) -> &'static str {
        ["conv1d_input_grad", "conv2d_input_grad", "conv3d_input_grad"][self.axes - 1]
    }

    fn attributes(&self) -> Attributes {
        self.conv.attributes(self.axes)
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![Meta::f32(self.geometry(x[0], x[1])?.input_shape()?)])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = self.geometry(x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_x] += x[0].data[at_y] * x[1].data[at_w]);
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // The sum of dx z over dx(dy, w) is the sum of dy y over y = conv(z, w).
        let (dy, w, z) = (at.x[0], at.x[1], at.dy());
        vec![
            at.wanted[0].then(|| z.apply(Convolution { conv: self.conv, axes: self.axes }, &[z, w])),
            at.wanted[1].then(|| weight_gradient(self.conv, z, dy, w.shape())),
        ]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        by_rule(self.ways(x, caps))
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Arrangement {
        arrange(self.geometry(x[0].meta, x[1].meta), Product::InputGradient, x, y, caps)
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        alternatives(|caps| self.ways(x, caps), caps)
    }

    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        self.geometry(x[0], x[1]).map_or(0.0, |geometry| geometry.operations())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(x[1].shape().elements() / x[1].shape()[1].max(1))
    }

    fn rows(&self, _x: &[Layout], y: &[Meta]) -> Option<Rows> {
        Rows::first_axis(&y[0], &[true, false])
    }
}

impl WeightGrad {
    fn geometry(&self, x: Meta, dy: Meta) -> Result<Geometry> {
        let in_channels = x.shape.get(1).copied().unwrap_or(0) / self.conv.groups.max(1);
        let out_channels = dy.shape.get(1).copied().unwrap_or(0);
        let w = dy.with_shape(shape_of(out_channels, in_channels, self.kernel, self.axes)?);
        let geometry = Geometry::new(&self.conv, self.axes, x, w)?;
        geometry.check_output(dy)?;
        Ok(geometry)
    }

    fn ways(&self, x: &[Layout], caps: &Caps) -> Result<Vec<Lowering>> {
        let geometry = self.geometry(x[0].meta, x[1].meta)?;
        match pixels::stands(&x[0]) {
            true => pixels::weight_gradients(&geometry, self.bias, caps),
            false => Ok(vec![lower::weight_and_bias_gradient(&geometry, self.bias, caps)?]),
        }
    }
}

impl Op for WeightGrad {
    fn name(&self) -> &'static str {
        ["conv1d_weight_grad", "conv2d_weight_grad", "conv3d_weight_grad"][self.axes - 1]
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let geometry = self.geometry(x[0], x[1])?;
        let mut y = vec![Meta::f32(geometry.weight_shape()?)];
        if self.bias {
            y.push(Meta::f32(Shape::new(&[geometry.groups * geometry.out_channels])?));
        }
        Ok(y)
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(geometry) = self.geometry(x[0].meta, x[1].meta) else { return };
        geometry.for_each_product(|at_x, at_w, at_y| y[0].data[at_w] += x[0].data[at_x] * x[1].data[at_y]);
        let dy = x[1];
        let pixels = geometry.output.iter().product::<usize>();
        if let [_, db] = y {
            let channels = db.data.len();
            for (i, slope) in dy.data.iter().enumerate() {
                db.data[i / pixels % channels] += slope;
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // The sum of dw z over dw(x, dy) is the sum of dy y over y = conv(x, z).
        let (x, dy, z) = (at.x[0], at.x[1], at.dy());
        let of_weight = || x.apply(Convolution { conv: self.conv, axes: self.axes }, &[x, z]);
        let of_bias = || {
            let z = at.dys.get(1).copied().flatten()?;
            Some(spread(z, self.axes).broadcast_to(&dy.shape()))
        };
        let of_dy = || of_bias().map_or_else(of_weight, |of_bias| of_weight() + of_bias);
        vec![at.wanted[0].then(|| input_gradient(self.conv, dy, z, x.shape())), at.wanted[1].then(of_dy)]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        by_rule(self.ways(x, caps))
    }

    fn arrange(&self, x: &[Layout], y: &[Meta], caps: &Caps) -> Arrangement {
        arrange(self.geometry(x[0].meta, x[1].meta), Product::WeightGradient, x, y, caps)
    }

    fn alternatives(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Vec<Lowering>> {
        alternatives(|caps| self.ways(x, caps), caps)
    }

    fn operations(&self, x: &[Meta], _y: &[Meta]) -> f64 {
        self.geometry(x[0], x[1]).map_or(0.0, |geometry| geometry.operations())
    }

    fn tolerance(&self, x: &[Layout], _y: &[Meta]) -> Tolerance {
        Tolerance::sum(x[1].shape().elements() / x[1].shape()[1].max(1))
    }
}
