//! a = rho a + (1 - rho) g^2, d = sqrt(b + epsilon) / sqrt(a + epsilon) g, b = rho b + (1 - rho) d^2,
//! p -= lr d

use anygrad_shaders::{self as shaders, Kernel};

use super::{Step, WeightDecay, shares};

/// Adadelta (Zeiler, 2012). Keras and PyTorch agree on the formula and differ in the defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adadelta {
    /// Share of the mean squares of gradients and of movements that is kept from step to step.
    pub rho: f64,
    /// Keeps the division finite, and the first movement from 0.
    pub epsilon: f64,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
}

impl Default for Adadelta {
    /// Keras's values.
    fn default() -> Self {
        Adadelta { rho: 0.95, epsilon: 1e-7, weight_decay: WeightDecay::None }
    }
}

impl Step for Adadelta {
    const NAME: &'static str = "adadelta";
    const STEPS: bool = true;

    fn state_names(&self) -> Vec<&'static str> {
        vec!["mean_square", "movement_mean_square"]
    }

    fn advance(&self, lr: f64, _step: f64) -> impl Fn(&mut [f64], f64) {
        move |p, g| {
            p[1] = self.rho * p[1] + (1.0 - self.rho) * g * g;
            let movement = (p[2] + self.epsilon).sqrt() / (p[1] + self.epsilon).sqrt() * g;
            p[2] = self.rho * p[2] + (1.0 - self.rho) * movement * movement;
            p[0] -= lr * movement;
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = shares(count, (self.rho, self.rho), self.epsilon, self.weight_decay);
        (&shaders::ADADELTA, params.bytes(), Vec::new())
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1), Some(2)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
