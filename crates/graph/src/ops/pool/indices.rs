//! Where the largest element of each window stands.

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};

use super::methods::largest;
use super::{Pool, Windows, lower};
use crate::{At, Grads, Layout, Lowering, Meta, Op, Tensor, Values};

/// What the indices of a pooling count through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndexBase {
    /// The elements of one channel of one example, as in PyTorch.
    #[default]
    Channel,
    /// All elements of the tensor, as in ONNX (with `storage_order` 0).
    Tensor,
}

/// The place of the largest element of each window, `i32`; -1 where there is none.
#[derive(Debug)]
pub(super) struct MaxPoolIndices {
    pub(super) pool: Pool,
    pub(super) base: IndexBase,
}

impl<'g> Tensor<'g> {
    /// As [`Tensor::max_pool_nd`], with the place of each largest element: values and indices (`i32`,
    /// row-major), both `[n, c, outs...]`. A window that holds padding only has index -1. The values
    /// have a gradient.
    #[track_caller]
    pub fn max_pool_with_indices<const N: usize>(self, pool: Pool<N>, base: IndexBase) -> [Tensor<'g>; 2] {
        let name = "max_pool_with_indices";
        let values = self.pooled(name, &pool, largest);
        if values.is_poison() {
            return [values; 2];
        }
        if N == 3 {
            return [values, self.places_in_volumes(&pool.in_space(), base).reshape(&values.shape())];
        }
        [values, self.pooled(name, &pool, |x, pool| x.apply(MaxPoolIndices { pool, base }, &[x]))]
    }

    /// Where the largest element of each plane of a window stands, and then which plane has the largest
    /// of them: `[n * c, windows]`.
    #[track_caller]
    fn places_in_volumes(self, pool: &Pool<3>, base: IndexBase) -> Tensor<'g> {
        let [n, c, depth, height, width] = self.dims("max_pool_with_indices: the input");
        let within = pool.of_axes([Some(1), Some(2)]);
        let across = pool.of_axes([Some(0), None]);
        let place_of = |x: Tensor<'g>, pool| x.apply(MaxPoolIndices { pool, base: IndexBase::Channel }, &[x]);
        let planes = self.reshape(&[n, c * depth, height, width]);
        let largest = largest(planes, within);
        let windows = largest.shape()[2] * largest.shape()[3];
        let places =
            place_of(planes, within).reshape(&[n * c, depth, windows]).counted_by_row(height * width);
        let plane_of = place_of(largest.reshape(&[n, c, depth, windows]), across);
        let outputs = plane_of.shape()[2] * windows;
        let plane_of = plane_of.reshape(&[n * c, outputs]);
        let chosen = places.reshape(&[n * c, depth * windows]).gather_elements(1, plane_of);
        // A window of padding only has no plane, for which 0 was picked.
        let none = plane_of.graph().constant(Array::from_f64(Shape::SCALAR, DType::I32, &[-1.0]));
        let chosen = plane_of.gt(none).select(chosen, none);
        match base {
            IndexBase::Channel => chosen,
            IndexBase::Tensor => chosen.counted_by_row(depth * height * width),
        }
    }
}

impl Op for MaxPoolIndices {
    fn name(&self) -> &'static str {
        "max_pool2d_indices"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let windows = Windows::new(&self.pool, x[0])?;
        if x[0].shape.elements() > i32::MAX as usize {
            return Err(Error::shape(format!("the places of {} do not fit an i32", x[0])));
        }
        Ok(vec![Meta { dtype: DType::I32, ..windows.output()? }])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let Ok(windows) = Windows::new(&self.pool, x[0].meta) else { return };
        let plane = windows.input[0] * windows.input[1];
        windows.for_each_winner(&x[0].data, |output, winner| {
            y[0].data[output] = match self.base {
                IndexBase::Tensor => winner.map_or(-1.0, |at| at as f64),
                IndexBase::Channel => winner.map_or(-1.0, |at| (at % plane) as f64),
            };
        });
    }

    fn gradient<'g>(&self, _at: &At<'g, '_>) -> Grads<'g> {
        vec![None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        lower::max_indices(&Windows::new(&self.pool, x[0].meta)?, self.base, caps)
    }
}
