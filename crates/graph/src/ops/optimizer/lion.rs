//! p -= lr sign(beta_1 m + (1 - beta_1) g), m = beta_2 m + (1 - beta_2) g

use anygrad_shaders::{self as shaders, Kernel};

use super::{Step, WeightDecay, shares};

/// Lion (Chen and others, 2023): every element moves by the learning rate, so that is three to ten
/// times smaller than Adam's, and decay larger by as much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lion {
    /// The mean's share in the direction, and its share that is kept from step to step.
    pub betas: (f64, f64),
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
}

impl Default for Lion {
    /// The paper's values, which are Keras's.
    fn default() -> Self {
        Lion { betas: (0.9, 0.99), weight_decay: WeightDecay::None }
    }
}

impl Step for Lion {
    const NAME: &'static str = "lion";
    const STEPS: bool = true;

    fn state_names(&self) -> Vec<&'static str> {
        vec!["m"]
    }

    fn advance(&self, lr: f64, _step: f64) -> impl Fn(&mut [f64], f64) {
        let (beta_1, beta_2) = self.betas;
        move |p, g| {
            let direction = beta_1 * p[1] + (1.0 - beta_1) * g;
            p[1] = beta_2 * p[1] + (1.0 - beta_2) * g;
            // The sign of 0 is 0; NaN stays.
            p[0] -= lr * if direction == 0.0 { 0.0 } else { direction.signum() };
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = shares(count, self.betas, 0.0, self.weight_decay);
        (&shaders::LION, params.bytes(), Vec::new())
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1), None]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
