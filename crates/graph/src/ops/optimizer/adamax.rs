//! m is a running mean of g, u = max(beta_2 u, |g|), p -= lr m / (1 - beta_1^step) / u

use anygrad_shaders::{self as shaders, Kernel};

use super::{Convention, Step, WeightDecay, correction, shares};

/// Adamax: Adam with the largest gradient in the place of the root mean square (Kingma and Ba, 2015).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adamax {
    /// Shares of the mean and of the largest gradient that are kept from step to step.
    pub betas: (f64, f64),
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
    /// Where epsilon stands.
    pub convention: Convention,
}

impl Default for Adamax {
    /// Keras's values.
    fn default() -> Self {
        Adamax {
            betas: (0.9, 0.999),
            epsilon: 1e-7,
            weight_decay: WeightDecay::None,
            convention: Convention::Keras,
        }
    }
}

impl Step for Adamax {
    const NAME: &'static str = "adamax";
    const STEPS: bool = true;

    fn state_names(&self) -> Vec<&'static str> {
        vec!["m", "u"]
    }

    fn advance(&self, lr: f64, step: f64) -> impl Fn(&mut [f64], f64) {
        let (beta_1, beta_2) = self.betas;
        let rate = lr / correction(beta_1, step);
        let (inside, outside) =
            if self.convention.is_keras() { (0.0, self.epsilon) } else { (self.epsilon, 0.0) };
        move |p, g| {
            p[1] += (1.0 - beta_1) * (g - p[1]);
            let (kept, new) = (beta_2 * p[2], g.abs() + inside);
            // NaN stays, whichever it is.
            p[2] = if kept > new || kept.is_nan() { kept } else { new };
            p[0] -= rate * p[1] / (p[2] + outside);
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = shares(count, self.betas, self.epsilon, self.weight_decay);
        (&shaders::ADAMAX, params.bytes(), vec![("KERAS", self.convention.is_keras())])
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1), Some(2)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
