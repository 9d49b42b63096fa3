//! y[k] = sum over i of f(i - c(k)) x[i], with c(k) where place k of the result lies in x
//!
//! One axis after the other: f picks the nearest element, or weighs two (linear) or four (cubic)
//! around c. Beyond the border the border element counts again. The formulas of c and f are those of
//! ONNX's Resize, which has the modes of PyTorch's `interpolate` among its own.

mod axis;
mod cases;

use anygrad_core::{Array, DType, Error, Result, Shape};

use super::taps::{LONGEST, Taps};
use crate::{Attributes, Tensor};
use axis::Axis;

pub(super) use cases::cases;

/// How an element between those of x is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Interpolation {
    /// The nearest element.
    Nearest(Rounding),
    /// Two neighbours, each by how near it is: (bi-, tri-)linear.
    Linear,
    /// Four neighbours by the cubic convolution of Keys (1981) with coefficient `a`: -0.75 in PyTorch
    /// and as ONNX's default, -0.5 in TensorFlow and Keras.
    Cubic {
        /// The slope at distance 1.
        a: f64,
    },
}

/// Which element is nearest, as ONNX's `nearest_mode` calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest, halves down: ONNX's default.
    RoundPreferFloor,
    /// To the nearest, halves up: PyTorch's `nearest-exact`, with half pixels.
    RoundPreferCeil,
    /// Down: PyTorch's `nearest`, with asymmetric coordinates.
    Floor,
    /// Up.
    Ceil,
}

/// Where place `k` of `out` lies among `size` elements, `scale` being `out / size` unless it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coordinates {
    /// `(k + 0.5) / scale - 0.5`: elements are squares. PyTorch's `align_corners=False`.
    HalfPixel,
    /// As half pixels, with the middle of both kept when a scale does not give a whole size.
    HalfPixelSymmetric,
    /// As half pixels, but 0 where there is one place.
    PytorchHalfPixel,
    /// `k (size - 1) / (out - 1)`: the corners keep their places.
    AlignCorners,
    /// `k / scale`
    Asymmetric,
}

/// The options of [`Tensor::resize`].
///
/// ```
/// use anygrad_graph::ops::{Coordinates, Resize};
///
/// // PyTorch's interpolate(mode="bilinear", align_corners=True)
/// let how = Resize { coordinates: Coordinates::AlignCorners, ..Resize::linear() };
/// # let _ = how;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Resize {
    /// How an element is made.
    pub interpolation: Interpolation,
    /// Where it lies.
    pub coordinates: Coordinates,
    /// Whether a smaller result takes in all elements (a filter as wide as the step) rather than the
    /// neighbours only. PyTorch's `antialias=True` is this with `exclude_outside`.
    pub antialias: bool,
    /// Whether elements beyond the border do not count, and the weights of the others add up to 1.
    pub exclude_outside: bool,
}

impl Resize {
    /// PyTorch's `nearest`: whole factors repeat each element.
    pub fn nearest() -> Self {
        Resize::new(Interpolation::Nearest(Rounding::Floor), Coordinates::Asymmetric)
    }

    /// PyTorch's `linear`, `bilinear` and `trilinear`, by half pixels.
    pub fn linear() -> Self {
        Resize::new(Interpolation::Linear, Coordinates::HalfPixel)
    }

    /// PyTorch's `bicubic`, by half pixels.
    pub fn cubic() -> Self {
        Resize::new(Interpolation::Cubic { a: -0.75 }, Coordinates::HalfPixel)
    }

    /// Without anti-aliasing.
    pub fn new(interpolation: Interpolation, coordinates: Coordinates) -> Self {
        Resize { interpolation, coordinates, antialias: false, exclude_outside: false }
    }

    /// What it is set to, in the words of ONNX.
    fn attributes(&self) -> Attributes {
        let coordinates = match self.coordinates {
            Coordinates::HalfPixel => "half_pixel",
            Coordinates::HalfPixelSymmetric => "half_pixel_symmetric",
            Coordinates::PytorchHalfPixel => "pytorch_half_pixel",
            Coordinates::AlignCorners => "align_corners",
            Coordinates::Asymmetric => "asymmetric",
        };
        let attributes = Attributes::new().with("coordinates", coordinates).with("antialias", self.antialias);
        let attributes = attributes.with("exclude_outside", self.exclude_outside);
        match self.interpolation {
            Interpolation::Linear => attributes.with("mode", "linear"),
            Interpolation::Cubic { a } => attributes.with("mode", "cubic").with("a", a),
            Interpolation::Nearest(rounding) => attributes.with("mode", "nearest").with(
                "rounding",
                match rounding {
                    Rounding::RoundPreferFloor => "round_prefer_floor",
                    Rounding::RoundPreferCeil => "round_prefer_ceil",
                    Rounding::Floor => "floor",
                    Rounding::Ceil => "ceil",
                },
            ),
        }
    }
}

impl<'g> Tensor<'g> {
    /// The last axes resized to `sizes`: of `[n, c, h, w]` to two sizes, of `[n, c, l]` to one, of
    /// volumes to three. With a gradient.
    #[track_caller]
    pub fn resize(self, sizes: &[usize], how: Resize) -> Tensor<'g> {
        let axis = |size, out| Ok(Axis { size, out, scale: None, part: None });
        let y = self.resize_axes(sizes, how, axis);
        y.composed("resize", how.attributes().with("axes", sizes.len()), &[("x", Some(self))])
    }

    /// The last axes multiplied by `scales`, results of size `floor(size * scale)`. The scales as they
    /// are given say where elements lie, as in ONNX and in PyTorch's `scale_factor`. Where a product is
    /// not whole, aligned corners are those of the product in ONNX and here, of the size in PyTorch:
    /// give [`Tensor::resize`] the sizes for that.
    #[track_caller]
    pub fn resize_by(self, scales: &[f64], how: Resize) -> Tensor<'g> {
        let axis = |size: usize, scale: f64| {
            let out = size as f64 * scale;
            // NaN is refused, too.
            if scale > 0.0 && out < f64::from(1u32 << 30) {
                return Ok(Axis { size, out: out as usize, scale: Some(scale), part: None });
            }
            Err(Error::shape(format!("{size} elements cannot be multiplied by {scale}")))
        };
        let y = self.resize_axes(scales, how, axis);
        let attributes = how.attributes().with("axes", scales.len()).with("scales", scales);
        y.composed("resize", attributes, &[("x", Some(self))])
    }

    /// The last axes resized to sizes, for each `(size, scale)`: what is not `size / scale` elements wide is seen as
    /// a part of what is. ONNX's scales beside sizes, as its policies that keep proportions have them.
    #[track_caller]
    pub fn resize_to(self, wanted: &[(usize, f64)], how: Resize) -> Tensor<'g> {
        let axis = |size: usize, (out, scale): (usize, f64)| match scale > 0.0 && scale.is_finite() {
            true => Ok(Axis { size, out, scale: Some(scale), part: None }),
            false => Err(Error::shape(format!("{size} elements cannot be multiplied by {scale}"))),
        };
        self.resize_axes(wanted, how, axis)
    }

    /// Each of the last axes made larger by a whole factor, every element repeated: nearest-neighbour
    /// upsampling.
    #[track_caller]
    pub fn upsample_nearest(self, factors: &[usize]) -> Tensor<'g> {
        let axis = |size: usize, factor| {
            Ok(Axis { size, out: size.saturating_mul(factor), scale: None, part: None })
        };
        let how = Resize::nearest();
        let y = self.resize_axes(factors, how, axis);
        y.composed("resize", how.attributes().with("axes", factors.len()), &[("x", Some(self))])
    }

    /// Parts of the last axes resized to `sizes`. A part `(start, end)` is told in shares of the way
    /// from the first element (0) to the last (1), which the first and the last place of the result
    /// take; what lies beyond them is `outside`. ONNX's `tf_crop_and_resize`, with its `roi` and
    /// `extrapolation_value`. The coordinates of `how` do not count.
    #[track_caller]
    pub fn crop_and_resize(
        self,
        parts: &[(f64, f64)],
        sizes: &[usize],
        how: Resize,
        outside: f64,
    ) -> Tensor<'g> {
        if parts.len() != sizes.len() || parts.iter().any(|(start, end)| !(start + end).is_finite()) {
            let message = format!("crop_and_resize: {parts:?} are not parts for the sizes {sizes:?}");
            return self.fail(Error::shape(message));
        }
        let wanted: Vec<_> = parts.iter().copied().zip(sizes.iter().copied()).collect();
        let axis_of = |size, (part, out)| Axis { size, out, scale: None, part: Some(part) };
        let y = self.resize_axes(&wanted, how, |size, wanted| Ok(axis_of(size, wanted)));
        if y.is_poison() {
            return y;
        }
        let first = y.shape().rank() - wanted.len();
        wanted.iter().enumerate().fold(y, |y, (at, &part)| {
            let axis = axis_of(self.shape()[first + at], part);
            let inside: Vec<f64> = (0..axis.out).map(|k| f64::from(u8::from(!axis.is_outside(k)))).collect();
            let ones = vec![1; wanted.len() - 1 - at];
            match Shape::new(&[&[axis.out], &ones[..]].concat()) {
                Ok(_) if inside.iter().all(|&inside| inside == 1.0) => y,
                Ok(shape) => {
                    let inside = y.graph().constant(Array::from_f64(shape, DType::Bool, &inside));
                    inside.broadcast_to(&y.shape()).select(y, outside)
                }
                Err(error) => y.fail(error.context("crop_and_resize")),
            }
        })
    }

    #[track_caller]
    fn resize_axes<T: Copy + std::fmt::Debug>(
        self,
        wanted: &[T],
        how: Resize,
        axis_of: impl Fn(usize, T) -> Result<Axis>,
    ) -> Tensor<'g> {
        if self.is_poison() {
            return self;
        }
        let shape = self.shape();
        let Some(first) = shape.rank().checked_sub(wanted.len()) else {
            return self.fail(Error::shape(format!("resize: {wanted:?} are more than the axes of {shape}")));
        };
        let mut axes = Vec::new();
        for (at, &wanted) in (first..).zip(wanted) {
            match axis_of(shape[at], wanted) {
                Ok(axis) if axis.size == 0 || axis.out == 0 || axis.out > LONGEST => {
                    return self.fail(Error::shape(format!(
                        "resize: axis {at} of {shape} cannot become {} elements",
                        axis.out
                    )));
                }
                Ok(axis) => axes.push((at, axis)),
                Err(error) => return self.fail(error.context("resize")),
            }
        }
        // Axes that shrink go first: there is less to do for the others.
        axes.sort_by(|(_, a), (_, b)| (a.out * b.size).cmp(&(b.out * a.size)));
        axes.into_iter().fold(self, |x, (at, axis)| {
            x.taps(at, Taps::new(axis.size, (0..axis.out).map(|k| axis.row(k, &how))))
        })
    }
}
