//! v = momentum v + g, p -= lr v, with the variants of Keras and Nesterov

use anygrad_shaders::{self as shaders, Kernel, SgdParams};

use super::{Convention, Step, WeightDecay};
use crate::Tensor;

/// Gradient descent, with momentum where that is not 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    /// Share of the velocity that is kept from step to step.
    pub momentum: f64,
    /// Whether the step looks ahead along the velocity (Nesterov).
    pub nesterov: bool,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
    /// What the velocity contains.
    pub convention: Convention,
}

impl Default for Sgd {
    /// No momentum.
    fn default() -> Self {
        Sgd { momentum: 0.0, nesterov: false, weight_decay: WeightDecay::None, convention: Convention::Keras }
    }
}

impl Step for Sgd {
    const NAME: &'static str = "sgd";
    const STEPS: bool = false;

    fn state_names(&self) -> Vec<&'static str> {
        if self.momentum == 0.0 { vec![] } else { vec!["velocity"] }
    }

    fn advance(&self, lr: f64, _step: f64) -> impl Fn(&mut [f64], f64) {
        let keras = self.convention.is_keras();
        let (inside, outside) = if keras { (-lr, 1.0) } else { (1.0, -lr) };
        move |p, g| {
            p[1] = self.momentum * p[1] + inside * g;
            let direction = if self.nesterov { self.momentum * p[1] + inside * g } else { p[1] };
            p[0] += outside * direction;
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = SgdParams {
            count,
            momentum: self.momentum as f32,
            l2: self.weight_decay.l2() as f32,
            decay: self.weight_decay.decoupled() as f32,
        };
        let switches = vec![("NESTEROV", self.nesterov), ("KERAS", self.convention.is_keras())];
        (&shaders::SGD, params.bytes(), switches)
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }

    #[track_caller]
    fn stateless<'g>(
        &self,
        parameter: Tensor<'g>,
        gradient: Tensor<'g>,
        lr: Tensor<'g>,
    ) -> Option<Tensor<'g>> {
        if self.momentum != 0.0 {
            return None;
        }
        // Without a velocity the two kinds of decay are one, and the step is a pointwise expression.
        let decay = self.weight_decay.l2() + self.weight_decay.decoupled();
        let slope = if decay == 0.0 { gradient } else { gradient + parameter * decay };
        Some(parameter - slope * lr)
    }
}
