//! a += g^2, p -= lr g / sqrt(a)

use anygrad_shaders::{self as shaders, AdagradParams, Kernel};

use super::{Convention, Step, WeightDecay};

/// Adagrad (Duchi, Hazan and Singer, 2011). Keras starts the accumulator at 0.1, PyTorch at 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adagrad {
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
    /// Where epsilon stands.
    pub convention: Convention,
}

impl Default for Adagrad {
    /// Keras's values.
    fn default() -> Self {
        Adagrad { epsilon: 1e-7, weight_decay: WeightDecay::None, convention: Convention::Keras }
    }
}

impl Step for Adagrad {
    const NAME: &'static str = "adagrad";
    const STEPS: bool = false;

    fn state_names(&self) -> Vec<&'static str> {
        vec!["accumulator"]
    }

    fn advance(&self, lr: f64, _step: f64) -> impl Fn(&mut [f64], f64) {
        move |p, g| {
            p[1] += g * g;
            let root = if self.convention.is_keras() {
                (p[1] + self.epsilon).sqrt()
            } else {
                p[1].sqrt() + self.epsilon
            };
            p[0] -= lr * g / root;
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = AdagradParams {
            count,
            epsilon: self.epsilon as f32,
            l2: self.weight_decay.l2() as f32,
            decay: self.weight_decay.decoupled() as f32,
        };
        (&shaders::ADAGRAD, params.bytes(), vec![("KERAS", self.convention.is_keras())])
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
