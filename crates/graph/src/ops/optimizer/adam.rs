//! m and v are running means of g and g^2, c_i = 1 - beta_i^step,
//! p -= lr (m / c_1) / sqrt(v / c_2)

use anygrad_shaders::{self as shaders, AdamParams, Kernel};

use super::{Convention, Step, WeightDecay, correction};

/// Adam (Kingma and Ba, 2015); AdamW by [`WeightDecay::Decoupled`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Shares of the mean and of the mean square that are kept from step to step.
    pub betas: (f64, f64),
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Whether the largest mean square so far is used (Reddi, Kale and Kumar, 2018).
    pub amsgrad: bool,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
    /// Where epsilon stands.
    pub convention: Convention,
}

impl Default for Adam {
    /// Keras's values.
    fn default() -> Self {
        Adam {
            betas: (0.9, 0.999),
            epsilon: 1e-7,
            amsgrad: false,
            weight_decay: WeightDecay::None,
            convention: Convention::Keras,
        }
    }
}

impl Step for Adam {
    const NAME: &'static str = "adam";
    const STEPS: bool = true;

    fn state_names(&self) -> Vec<&'static str> {
        if self.amsgrad { vec!["m", "v", "v_max"] } else { vec!["m", "v"] }
    }

    fn advance(&self, lr: f64, step: f64) -> impl Fn(&mut [f64], f64) {
        let (beta_1, beta_2) = self.betas;
        let root_2 = correction(beta_2, step).sqrt();
        let epsilon = if self.convention.is_keras() { self.epsilon } else { self.epsilon * root_2 };
        let rate = lr * root_2 / correction(beta_1, step);
        move |p, g| {
            p[1] += (1.0 - beta_1) * (g - p[1]);
            p[2] += (1.0 - beta_2) * (g * g - p[2]);
            let mut v = p[2];
            if self.amsgrad {
                // NaN stays.
                v = if p[3] > v { p[3] } else { v };
                p[3] = v;
            }
            p[0] -= rate * p[1] / (v.sqrt() + epsilon);
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let (beta_1, beta_2) = self.betas;
        let params = AdamParams {
            count,
            log_beta_1: beta_1.ln() as f32,
            log_beta_2: beta_2.ln() as f32,
            one_minus_beta_1: (1.0 - beta_1) as f32,
            one_minus_beta_2: (1.0 - beta_2) as f32,
            epsilon: self.epsilon as f32,
            l2: self.weight_decay.l2() as f32,
            decay: self.weight_decay.decoupled() as f32,
        };
        let switches = vec![("AMSGRAD", self.amsgrad), ("CORRECTED", !self.convention.is_keras())];
        (&shaders::ADAM, params.bytes(), switches)
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1), Some(2), self.amsgrad.then_some(3)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
