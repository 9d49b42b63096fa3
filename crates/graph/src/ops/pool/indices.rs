//! Where the largest element of each window stands.

use anygrad_core::{Caps, DType, Error, Result};

use super::{Pool, Windows, lower};
use crate::{At, Grads, Layout, Lowering, Meta, Op, Values};

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
