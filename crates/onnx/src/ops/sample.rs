//! Elements of images at places between the pixels.
//!
//! y[n, p] = sum over the pixels i around place p of w(i - p) x[n, i], along all axes

use anygrad_core::{Array, DType, Error};
use anygrad_graph::Tensor;

/// How an element between the pixels is made.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Between {
    /// The nearest pixel.
    Nearest,
    /// Two pixels of each axis.
    Linear,
    /// Four pixels of each axis, by cubic convolution with a = -0.75.
    Cubic,
}

/// What stands outside of the image.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Outside {
    Zeros,
    /// The pixel at the border.
    Border,
    /// The image mirrored, again and again, from `first` to `last + shift`, in pixels: at the middle of the outer
    /// pixels where the shift is 0, at their outer edge where it is 0.5.
    Mirrored {
        shift: f64,
    },
}

/// Pixels along one axis: their places, whole numbers, and their weights where there are several.
type Pixels<'g> = Vec<(Tensor<'g>, Option<Tensor<'g>>)>;

/// The elements of x `[n, c, sizes...]` at places, in pixels, `[n, p]` for each axis: `[n, p, c]`.
pub(super) fn sampled<'g>(
    x: Tensor<'g>,
    places: &[Tensor<'g>],
    between: Between,
    outside: Outside,
) -> Result<Tensor<'g>, Error> {
    let shape = x.shape();
    let [n, c] = [shape[0], shape[1]];
    let sizes = shape[2..].to_vec();
    let pixels: usize = sizes.iter().product();
    // Rows of channels, so that one index fetches all of them.
    let rows = x.reshape(&[n, c, pixels]).permute(&[0, 2, 1]);
    let mut corners: Vec<Corner<'g>> = vec![Corner { index: None, inside: None, weight: None }];
    for (&place, &size) in places.iter().zip(&sizes) {
        let around = pixels_around(place, size, between, outside);
        let mut longer = Vec::with_capacity(corners.len() * around.len());
        for corner in &corners {
            for (pixel, weight) in &around {
                longer.push(corner.along(*pixel, *weight, size, outside)?);
            }
        }
        corners = longer;
    }
    let mut sum: Option<Tensor<'g>> = None;
    for corner in corners {
        let Some(index) = corner.index else { continue };
        let index = match corner.inside {
            Some(inside) => inside.select(index, x.graph().constant(Array::i32_from_i64(&[], &[-1])?)),
            None => index,
        };
        let rank = index.shape().rank();
        let mut part = rows.gather_nd(index.unsqueeze(rank), 1);
        if let Some(weight) = corner.weight {
            part = part * weight.unsqueeze(rank);
        }
        sum = Some(match sum {
            Some(sum) => sum + part,
            None => part,
        });
    }
    sum.ok_or_else(|| Error::input(format!("an image {shape} without axes")))
}

/// One pixel of all that make an element, along the axes so far.
#[derive(Clone, Copy)]
struct Corner<'g> {
    /// Row-major, `i32`.
    index: Option<Tensor<'g>>,
    /// Where it is in the image.
    inside: Option<Tensor<'g>>,
    weight: Option<Tensor<'g>>,
}

impl<'g> Corner<'g> {
    /// Along one more axis of this size.
    fn along(
        self,
        pixel: Tensor<'g>,
        weight: Option<Tensor<'g>>,
        size: usize,
        outside: Outside,
    ) -> Result<Self, Error> {
        let last = size as f64 - 1.0;
        let inside = (outside == Outside::Zeros).then(|| pixel.ge(0.0).logical_and(pixel.le(last)));
        let pixel = match outside {
            Outside::Mirrored { shift } => mirrored(pixel, size, shift),
            _ => pixel,
        };
        let pixel = pixel.clip(0.0, last).cast(DType::I32);
        let index = match self.index {
            Some(index) => index * pixel.graph().constant(Array::i32_from_i64(&[], &[size as i64])?) + pixel,
            None => pixel,
        };
        let both =
            |a: Option<Tensor<'g>>, b: Option<Tensor<'g>>, join: fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>| {
                match (a, b) {
                    (Some(a), Some(b)) => Some(join(a, b)),
                    (one, other) => one.or(other),
                }
            };
        Ok(Corner {
            index: Some(index),
            inside: both(self.inside, inside, |a, b| a.logical_and(b)),
            weight: both(self.weight, weight, |a, b| a * b),
        })
    }
}

fn pixels_around<'g>(place: Tensor<'g>, size: usize, between: Between, outside: Outside) -> Pixels<'g> {
    let place = if between == Between::Nearest { place.round() } else { place };
    let place = match outside {
        Outside::Mirrored { shift } => mirrored(place, size, shift),
        // All further places are the same: no pixel around them, or the border only.
        Outside::Zeros | Outside::Border => place.clip(-3.0, size as f64 + 2.0),
    };
    if between == Between::Nearest {
        return vec![(place, None)];
    }
    let first = place.floor();
    let behind = place - first;
    match between {
        Between::Linear => vec![(first, Some(1.0 - behind)), (first + 1.0, Some(behind))],
        _ => vec![
            (first - 1.0, Some(far(behind + 1.0))),
            (first, Some(near(behind))),
            (first + 1.0, Some(near(1.0 - behind))),
            (first + 2.0, Some(far(2.0 - behind))),
        ],
    }
}

/// The coefficient of the cubic convolution that the operators prescribe.
const A: f64 = -0.75;

/// The weight of pixels at a distance up to 1.
fn near(d: Tensor<'_>) -> Tensor<'_> {
    (d * (A + 2.0) - (A + 3.0)) * d * d + 1.0
}

/// The weight of pixels at a distance from 1 to 2.
fn far(d: Tensor<'_>) -> Tensor<'_> {
    ((d * A - 5.0 * A) * d + 8.0 * A) * d - 4.0 * A
}

/// A place brought back into the image by mirroring at both ends.
fn mirrored(place: Tensor<'_>, size: usize, shift: f64) -> Tensor<'_> {
    let (first, length) = (-shift, size as f64 - 1.0 + 2.0 * shift);
    if length <= 0.0 {
        return place.clip(0.0, 0.0);
    }
    let way = (place - first).abs().fmod(2.0 * length);
    way.le(length).select(way, 2.0 * length - way) + first
}
