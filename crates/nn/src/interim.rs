//! Operators composed of simpler ones until their own kernels are there.

use anygrad_graph::Tensor;

pub(crate) trait Interim {
    fn matmul(self, w: Self) -> Self;
    fn softmax(self, axis: isize) -> Self;
    fn log_softmax(self, axis: isize) -> Self;
    fn argmax(self, axis: isize) -> Self;
}

impl Interim for Tensor<'_> {
    fn matmul(self, w: Self) -> Self {
        (self.unsqueeze(2) * w.unsqueeze(0)).sum(&[1], false)
    }

    fn softmax(self, axis: isize) -> Self {
        self.log_softmax(axis).exp()
    }

    fn log_softmax(self, axis: isize) -> Self {
        let shifted = self - self.max(&[axis], true);
        shifted - shifted.exp().sum(&[axis], true).log()
    }

    fn argmax(self, axis: isize) -> Self {
        let last = self.shape()[self.shape().rank() - 1];
        let places: Vec<f32> = (0..last).map(|i| i as f32).collect();
        let places = self
            .graph()
            .constant(anygrad_core::Array::f32(&[last], places).unwrap_or(anygrad_core::Array::scalar(0.0)));
        self.eq(self.max(&[axis], true))
            .select(places, last as f64)
            .min(&[axis], false)
            .cast(anygrad_core::DType::I32)
    }
}
