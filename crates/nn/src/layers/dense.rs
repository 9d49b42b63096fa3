use anygrad_core::Error;
use anygrad_graph::Tensor;

use super::weights::{Weights, weight_options};
use crate::{Layer, Scope};

/// y = activation(x . kernel + bias)
///
/// x: `[n, ..., in]`, kernel: `[in, units]`, bias: `[units]`, y: `[n, ..., units]`.
#[derive(Clone, Debug)]
pub struct Dense {
    units: usize,
    weights: Weights,
}

impl Dense {
    /// A dense layer of so many units.
    pub fn new(units: usize) -> Self {
        Dense { units, weights: Weights::default() }
    }
}

weight_options!(Dense);

impl Layer for Dense {
    fn name(&self) -> String {
        self.weights.name.clone().unwrap_or_else(|| "dense".into())
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let shape = x.shape();
        let rank = shape.rank();
        if rank < 2 || self.units == 0 {
            return scope.fail(Error::shape(format!(
                "a dense layer of {} units takes [batch, ..., features], {shape} was given",
                self.units
            )));
        }
        let features = shape[rank - 1];
        let kernel = self.weights.kernel(scope, &[features, self.units]);
        // One matrix product over all leading axes.
        let rows: usize = shape[..rank - 1].iter().product();
        let mut y = x.reshape(&[rows, features]).matmul(kernel);
        if let Some(bias) = self.weights.bias(scope, self.units, features) {
            y = y + bias;
        }
        self.weights.activation.apply(y).reshape(&shape.with(rank - 1, self.units))
    }
}
