//! Learning rates that change from step to step.

/// The learning rate as a function of the number of steps done, with Keras's formulas and names.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// initial rate^(step / decay_steps)
    Exponential {
        /// The learning rate at step 0.
        initial: f64,
        /// Steps until it has shrunk by `rate`.
        decay_steps: f64,
        /// The factor per `decay_steps`.
        rate: f64,
        /// Whether it changes only every `decay_steps`.
        staircase: bool,
    },
    /// initial / (1 + rate step / decay_steps)
    InverseTime {
        /// The learning rate at step 0.
        initial: f64,
        /// Steps per `rate`.
        decay_steps: f64,
        /// What the divisor grows by.
        rate: f64,
    },
    /// From `initial` to `end` within `decay_steps`, along (1 - step / decay_steps)^power.
    Polynomial {
        /// The learning rate at step 0.
        initial: f64,
        /// Steps until `end`.
        decay_steps: f64,
        /// The last learning rate.
        end: f64,
        /// 1 is a line.
        power: f64,
    },
    /// A line from `initial` to `warmup_target`, then half a cosine down to `alpha` times the target.
    CosineWarmup {
        /// The learning rate at step 0; where there is no warm-up, that of the whole cosine.
        initial: f64,
        /// Steps of the warm-up; 0 for none.
        warmup_steps: f64,
        /// The highest learning rate, where there is a warm-up.
        warmup_target: f64,
        /// Steps of the cosine.
        decay_steps: f64,
        /// The last learning rate over the highest.
        alpha: f64,
    },
    /// `values[i]` up to and with step `boundaries[i]`, then the last value.
    Piecewise {
        /// The last step of each value but the last, rising.
        boundaries: Vec<u64>,
        /// One more than the boundaries.
        values: Vec<f64>,
    },
}

impl Schedule {
    /// The learning rate of the step after `step` steps.
    pub fn lr(&self, step: u64) -> f64 {
        let t = step as f64;
        match *self {
            Schedule::Exponential { initial, decay_steps, rate, staircase } => {
                let power = t / decay_steps;
                initial * rate.powf(if staircase { power.floor() } else { power })
            }
            Schedule::InverseTime { initial, decay_steps, rate } => initial / (1.0 + rate * t / decay_steps),
            Schedule::Polynomial { initial, decay_steps, end, power } => {
                (initial - end) * (1.0 - t.min(decay_steps) / decay_steps).powf(power) + end
            }
            Schedule::CosineWarmup { initial, warmup_steps, warmup_target, decay_steps, alpha } => {
                if t < warmup_steps {
                    return initial + (warmup_target - initial) * t / warmup_steps;
                }
                let highest = if warmup_steps > 0.0 { warmup_target } else { initial };
                let done = ((t - warmup_steps) / decay_steps).min(1.0);
                let cosine = 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
                highest * ((1.0 - alpha) * cosine + alpha)
            }
            Schedule::Piecewise { ref boundaries, ref values } => {
                let place = boundaries.iter().filter(|&&last| step > last).count();
                values.get(place).or(values.last()).copied().unwrap_or(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_formulas() {
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        let smooth = Schedule::Exponential { initial: 0.1, decay_steps: 2.0, rate: 0.25, staircase: false };
        near(smooth.lr(1), 0.05);
        let stairs = Schedule::Exponential { initial: 0.1, decay_steps: 2.0, rate: 0.25, staircase: true };
        near(stairs.lr(1), 0.1);
        near(stairs.lr(3), 0.025);
        near(Schedule::InverseTime { initial: 1.0, decay_steps: 2.0, rate: 3.0 }.lr(2), 0.25);
        let curve = Schedule::Polynomial { initial: 1.0, decay_steps: 4.0, end: 0.2, power: 2.0 };
        near(curve.lr(2), 0.4);
        near(curve.lr(9), 0.2);
        let cosine = Schedule::CosineWarmup {
            initial: 0.0,
            warmup_steps: 4.0,
            warmup_target: 1.0,
            decay_steps: 10.0,
            alpha: 0.1,
        };
        near(cosine.lr(1), 0.25);
        near(cosine.lr(4), 1.0);
        near(cosine.lr(9), 0.55);
        near(cosine.lr(100), 0.1);
        let steps = Schedule::Piecewise { boundaries: vec![5, 17], values: vec![0.1, 0.03, 0.002] };
        assert_eq!([5, 6, 17, 18].map(|step| steps.lr(step)), [0.1, 0.03, 0.03, 0.002]);
    }
}
