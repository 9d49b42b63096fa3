//! v = rho v + (1 - rho) g^2, p -= lr g / sqrt(v), centred and with momentum where asked for

use anygrad_shaders::{self as shaders, Kernel, RmspropParams};

use super::{Convention, Step, WeightDecay};

/// RMSProp (Hinton, 2012).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RmsProp {
    /// Share of the mean square that is kept from step to step.
    pub rho: f64,
    /// Share of the velocity that is kept; 0 for none.
    pub momentum: f64,
    /// Keeps the division finite.
    pub epsilon: f64,
    /// Whether the gradient is divided by its deviation, not by its mean square.
    pub centered: bool,
    /// Pull towards zero.
    pub weight_decay: WeightDecay,
    /// Where epsilon and the learning rate stand.
    pub convention: Convention,
}

impl Default for RmsProp {
    /// Keras's values.
    fn default() -> Self {
        RmsProp {
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            centered: false,
            weight_decay: WeightDecay::None,
            convention: Convention::Keras,
        }
    }
}

impl Step for RmsProp {
    const NAME: &'static str = "rmsprop";
    const STEPS: bool = false;

    fn state_names(&self) -> Vec<&'static str> {
        let mut slots = vec!["mean_square"];
        slots.extend(self.centered.then_some("mean"));
        slots.extend((self.momentum != 0.0).then_some("velocity"));
        slots
    }

    fn advance(&self, lr: f64, _step: f64) -> impl Fn(&mut [f64], f64) {
        let keras = self.convention.is_keras();
        let (inside, outside) = if keras { (lr, 1.0) } else { (1.0, lr) };
        let velocity = 2 + usize::from(self.centered);
        move |p, g| {
            p[1] = self.rho * p[1] + (1.0 - self.rho) * g * g;
            let mut spread = p[1];
            if self.centered {
                p[2] = self.rho * p[2] + (1.0 - self.rho) * g;
                // Rounding must not make the variance negative; NaN stays.
                spread -= p[2] * p[2];
                spread = if spread < 0.0 { 0.0 } else { spread };
            }
            let root = if keras { (spread + self.epsilon).sqrt() } else { spread.sqrt() + self.epsilon };
            let direction = g / root;
            if self.momentum == 0.0 {
                p[0] -= lr * direction;
                return;
            }
            p[velocity] = self.momentum * p[velocity] + inside * direction;
            p[0] -= outside * p[velocity];
        }
    }

    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>) {
        let params = RmspropParams {
            count,
            rho: self.rho as f32,
            one_minus_rho: (1.0 - self.rho) as f32,
            momentum: self.momentum as f32,
            epsilon: self.epsilon as f32,
            l2: self.weight_decay.l2() as f32,
            decay: self.weight_decay.decoupled() as f32,
        };
        let switches = vec![
            ("CENTERED", self.centered),
            ("MOMENTUM", self.momentum != 0.0),
            ("KERAS", self.convention.is_keras()),
        ];
        (&shaders::RMSPROP, params.bytes(), switches)
    }

    fn places(&self) -> Vec<Option<usize>> {
        let velocity = 2 + usize::from(self.centered);
        vec![Some(1), self.centered.then_some(2), (self.momentum != 0.0).then_some(velocity)]
    }

    fn decay(&self) -> WeightDecay {
        self.weight_decay
    }
}
