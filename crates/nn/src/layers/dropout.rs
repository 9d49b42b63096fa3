use anygrad_core::Error;
use anygrad_graph::Tensor;

use crate::{Layer, Scope};

/// In training, sets each element to 0 with probability `rate` and divides the others by 1 - rate;
/// otherwise the identity (Srivastava et al. 2014).
///
/// What drops is a function of the seed, the layer's path and the number of the step.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    rate: f64,
}

impl Dropout {
    /// Dropout of a rate from 0 up to, not including, 1.
    pub fn new(rate: f64) -> Self {
        Dropout { rate }
    }
}

impl Layer for Dropout {
    fn name(&self) -> String {
        "dropout".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        scope.dropout(x, self.rate)
    }
}

impl<'g> Scope<'g> {
    /// x after dropout in training, otherwise x. Each call draws numbers of its own.
    pub fn dropout(&mut self, x: Tensor<'g>, rate: f64) -> Tensor<'g> {
        if !(0.0..1.0).contains(&rate) {
            return self
                .fail(Error::input(format!("a dropout rate of {rate}: wanted 0 up to, not including, 1")));
        }
        let seed = self.random_seed();
        if self.training() && rate > 0.0 && !x.is_poison() { x.dropout(rate, seed, self.step()) } else { x }
    }
}
