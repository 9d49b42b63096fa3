//! m and v are running means of g and g^2, mu_t = beta_1 (1 - 0.96^(t momentum_decay) / 2),
//! P_t = mu_1 ... mu_t, n = (1 - mu_t) / (1 - P_t) g + mu_{t+1} / (1 - P_{t+1}) m,
//! p -= lr n / (sqrt(v / (1 - beta_2^t)) + epsilon)

use anygrad_shaders::{self as shaders, Kernel, UpdateParams};

use super::{Step, WeightDecay, correction, shares};

/// Nadam: Adam that looks ahead along its mean, as Nesterov's momentum does (Dozat, 2016).
///
/// Keras and PyTorch agree but for `momentum_decay`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Nadam {
    /// Shares of the mean and of the mean square that are kept from step to step.
    pub betas: (f64, f64),
    /// Keeps the division finite.
    pub epsilon: f64,
    /// How fast the weight of the mean grows from a half of `beta_1` to all of it: 1 in Keras, 0.004
    /// in PyTorch and in the paper. At 0 it stays a half.
    pub momentum_decay: f64,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
}

impl Default for Nadam {
    /// Keras's values.
    fn default() -> Self {
        Nadam { betas: (0.9, 0.999), epsilon: 1e-7, momentum_decay: 1.0, weight_decay: WeightDecay::None }
    }
}

impl Nadam {
    /// The logarithm of the factor by which mu comes closer to `beta_1` in a step.
    fn log_decay(&self) -> f64 {
        self.momentum_decay * 0.96f64.ln()
    }

    /// mu_t
    fn momentum(&self, step: f64) -> f64 {
        self.betas.0 * (1.0 - 0.5 * (step * self.log_decay()).exp())
    }

    /// P_t. Once it is this small, 1 - P_t is 1.
    fn product(&self, step: f64) -> f64 {
        let mut product = 1.0;
        let mut t = 1.0;
        while t <= step && product > 1e-30 {
            product *= self.momentum(t);
            t += 1.0;
        }
        product
    }
}

impl Step for Nadam {
    const NAME: &'static str = "nadam";
    const STEPS: bool = true;

    fn state_names(&self) -> Vec<&'static str> {
        vec!["m", "v"]
    }

    fn advance(&self, lr: f64, step: f64) -> impl Fn(&mut [f64], f64) {
        let (beta_1, beta_2) = self.betas;
        // A step 0, which no correction would survive, counts as the first.
        let step = step.max(1.0);
        let (now, next, product) = (self.momentum(step), self.momentum(step + 1.0), self.product(step));
        let of_gradient = lr * (1.0 - now) / (1.0 - product);
        let of_mean = lr * next / (1.0 - product * next);
        let root_2 = correction(beta_2, step).sqrt();
        move |p, g| {
            p[1] += (1.0 - beta_1) * (g - p[1]);
            p[2] += (1.0 - beta_2) * (g * g - p[2]);
            p[0] -= (of_gradient * g + of_mean * p[1]) / (p[2].sqrt() / root_2 + self.epsilon);
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = UpdateParams {
            // The kernel divides by 1 - 0.96^momentum_decay: this close to 0 the result is the limit.
            log_decay: self.log_decay().min(-1e-12) as f32,
            ..shares(count, self.betas, self.epsilon, self.weight_decay)
        };
        (&shaders::NADAM, params.bytes(), Vec::new())
    }

    fn places(&self) -> Vec<Option<usize>> {
        vec![Some(1), Some(2)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
