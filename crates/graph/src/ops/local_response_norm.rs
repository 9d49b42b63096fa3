//! y[c] = x[c] / (k + alpha / size * sum over i of x[i]^2)^beta, i from c - floor((size - 1) / 2) to
//! c + ceil((size - 1) / 2) along the channels (Krizhevsky, Sutskever, Hinton 2012)

use anygrad_core::{DType, Error};

use super::Pool;
use crate::{Case, Fill, Tensor, Tolerance};

impl<'g> Tensor<'g> {
    /// Local response normalization of x `[n, channels, ...]` over windows of `size` neighbouring
    /// channels, as in ONNX and PyTorch, whose defaults are alpha 1e-4, beta 0.75 and k 1. TensorFlow
    /// does not divide alpha by the size. For an even size the window has one more channel behind than
    /// before, as in ONNX; PyTorch's has it before.
    #[track_caller]
    pub fn local_response_norm(self, size: usize, alpha: f64, beta: f64, k: f64) -> Tensor<'g> {
        let shape = self.shape();
        if self.is_poison() || shape.rank() < 2 || size == 0 {
            let message = format!("local_response_norm: {shape} in windows of {size}; wanted is [n, c, ...]");
            return if self.is_poison() { self } else { self.fail(Error::shape(message)) };
        }
        if shape.elements() == 0 {
            return self;
        }
        let inner = shape.elements() / shape[0] / shape[1];
        let padding = [[(size - 1) / 2, size / 2], [0, 0]];
        let pool = Pool { stride: [1, 1], padding, ..Pool::new([size, 1]) };
        let mean = self.square().reshape(&[shape[0], 1, shape[1], inner]).avg_pool2d(pool, true);
        self * (mean.reshape(&shape) * alpha + k).pow(-beta)
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (size, sizes) in [(1, &[2, 3][..]), (3, &[2, 5, 3]), (4, &[2, 7, 2, 3]), (9, &[1, 4, 5])] {
        let case = Case::new(format!("local_response_norm {size} of {sizes:?}"), move |x| {
            x[0].local_response_norm(size, 0.5, 0.75, 1.5)
        });
        // WGSL's exp2 and log2 err by a few units.
        cases.push(
            case.filled(sizes, DType::F32, Fill::Uniform(-2.0, 2.0))
                .tolerance(Tolerance { relative: 1e-5, absolute: 2e-6 }),
        );
    }
    cases
}
