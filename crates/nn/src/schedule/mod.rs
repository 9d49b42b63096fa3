//! Learning rates that change from step to step.

mod plateau;

pub use plateau::{Plateau, PlateauStanding};

/// The learning rate as a function of the number of steps done, with Keras's formulas and names, or
/// PyTorch's where Keras has none. A rate that follows from how training goes is a [`Plateau`].
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Always the same.
    Constant(f64),
    /// initial gamma^floor(step / step_size): PyTorch's `StepLR`.
    Step {
        /// The learning rate at step 0.
        initial: f64,
        /// Steps between two changes.
        step_size: u64,
        /// The factor of each change.
        gamma: f64,
    },
    /// initial gamma^m with m the number of milestones reached: PyTorch's `MultiStepLR`.
    MultiStep {
        /// The learning rate at step 0.
        initial: f64,
        /// The steps from which each change holds.
        milestones: Vec<u64>,
        /// The factor of each change.
        gamma: f64,
    },
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
    /// Half cosines down from `initial` one after the other (Loshchilov, Hutter 2017): Keras's
    /// `CosineDecayRestarts`.
    CosineRestarts {
        /// The learning rate at step 0.
        initial: f64,
        /// Steps of the first cosine.
        first_steps: f64,
        /// How much longer each cosine is than the one before; at least 1.
        t_mul: f64,
        /// How much higher each cosine begins than the one before.
        m_mul: f64,
        /// The learning rate at the end of a cosine over that at its beginning.
        alpha: f64,
    },
    /// Half a cosine, or a line, up to `max`, then one down to far below where it began (Smith, Topin
    /// 2018): PyTorch's `OneCycleLR`.
    OneCycle {
        /// The highest learning rate.
        max: f64,
        /// All steps; the last rate stays afterwards.
        total_steps: u64,
        /// The share of the steps that goes up; 0.3 is usual.
        warmup_share: f64,
        /// `max` over the first learning rate; 25 is usual.
        div_factor: f64,
        /// The first learning rate over the last; 1e4 is usual.
        final_div_factor: f64,
        /// Whether both ways are lines.
        linear: bool,
    },
    /// A line from `start_factor` times the rate of another schedule to all of it, then that one alone.
    Warmup {
        /// Steps of the line.
        steps: u64,
        /// The share at step 0.
        start_factor: f64,
        /// The other schedule, which counts from step 0 as well.
        then: Box<Schedule>,
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
    /// Half a cosine down from `initial` to `alpha` times that.
    pub fn cosine(initial: f64, decay_steps: f64, alpha: f64) -> Self {
        Schedule::CosineWarmup { initial, warmup_steps: 0.0, warmup_target: initial, decay_steps, alpha }
    }

    /// One cycle with PyTorch's usual values.
    pub fn one_cycle(max: f64, total_steps: u64) -> Self {
        Schedule::OneCycle {
            max,
            total_steps,
            warmup_share: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            linear: false,
        }
    }

    /// This, after a line from `start_factor` times it.
    pub fn warmup(self, steps: u64, start_factor: f64) -> Self {
        Schedule::Warmup { steps, start_factor, then: Box::new(self) }
    }

    /// The learning rate of the step after `step` steps.
    pub fn lr(&self, step: u64) -> f64 {
        let t = step as f64;
        match *self {
            Schedule::Constant(lr) => lr,
            Schedule::Step { initial, step_size, gamma } => {
                initial * gamma.powf((step / step_size.max(1)) as f64)
            }
            Schedule::MultiStep { initial, ref milestones, gamma } => {
                let reached = milestones.iter().filter(|&&milestone| step >= milestone).count();
                initial * gamma.powf(reached as f64)
            }
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
                highest * ((1.0 - alpha) * half_cosine(done) + alpha)
            }
            Schedule::CosineRestarts { initial, first_steps, t_mul, m_mul, alpha } => {
                let (mut begun, mut steps, mut height) = (0.0, first_steps, 1.0);
                // At least a step long, so that this ends.
                while t >= begun + steps && steps >= 1.0 {
                    begun += steps;
                    steps *= t_mul;
                    height *= m_mul;
                }
                let cosine = height * half_cosine(((t - begun) / steps).min(1.0));
                initial * ((1.0 - alpha) * cosine + alpha)
            }
            Schedule::OneCycle { max, total_steps, warmup_share, div_factor, final_div_factor, linear } => {
                let first = max / div_factor;
                let last_step = total_steps as f64 - 1.0;
                let top = warmup_share * total_steps as f64 - 1.0;
                let (from, to, done) = if t <= top {
                    (first, max, t / top)
                } else {
                    (max, first / final_div_factor, ((t - top) / (last_step - top)).min(1.0))
                };
                to + (from - to) * if linear { 1.0 - done } else { half_cosine(done) }
            }
            Schedule::Warmup { steps, start_factor, ref then } => {
                let done = if step >= steps { 1.0 } else { t / steps as f64 };
                then.lr(step) * (start_factor + (1.0 - start_factor) * done)
            }
            Schedule::Piecewise { ref boundaries, ref values } => {
                let place = boundaries.iter().filter(|&&last| step > last).count();
                values.get(place).or(values.last()).copied().unwrap_or(0.0)
            }
        }
    }
}

/// From 1 to 0 along half a cosine.
fn half_cosine(done: f64) -> f64 {
    0.5 * (1.0 + (std::f64::consts::PI * done).cos())
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

    #[track_caller]
    fn rates(schedule: &Schedule, wanted: &[(u64, f64)]) {
        for &(step, rate) in wanted {
            let got = schedule.lr(step);
            assert!((got - rate).abs() < 1e-12, "step {step} of {schedule:?}: {got}, wanted {rate}");
        }
    }

    #[test]
    fn steps_and_milestones() {
        rates(&Schedule::Constant(0.3), &[(0, 0.3), (1_000_000, 0.3)]);
        let steps = Schedule::Step { initial: 0.8, step_size: 3, gamma: 0.5 };
        rates(&steps, &[(0, 0.8), (2, 0.8), (3, 0.4), (5, 0.4), (6, 0.2), (9, 0.1)]);
        // 0.05 before epoch 30, 0.005 before 80, then 0.0005: the example of PyTorch's MultiStepLR.
        let milestones = Schedule::MultiStep { initial: 0.05, milestones: vec![30, 80], gamma: 0.1 };
        rates(&milestones, &[(0, 0.05), (29, 0.05), (30, 0.005), (79, 0.005), (80, 0.0005)]);
    }

    #[test]
    fn cosines_with_restarts() {
        let schedule =
            Schedule::CosineRestarts { initial: 2.0, first_steps: 4.0, t_mul: 2.0, m_mul: 0.5, alpha: 0.1 };
        // Cosines of 4, 8 and 16 steps from 1, 1/2 and 1/4.
        let height = |cosine: f64| 2.0 * (0.9 * cosine + 0.1);
        let quarter = 0.5 * (1.0 + std::f64::consts::FRAC_1_SQRT_2);
        rates(&schedule, &[(0, 2.0), (1, height(quarter)), (2, height(0.5)), (4, height(0.5))]);
        rates(
            &schedule,
            &[(6, height(0.5 * quarter)), (8, height(0.25)), (12, height(0.25)), (20, height(0.125))],
        );
        let equal =
            Schedule::CosineRestarts { initial: 1.0, first_steps: 10.0, t_mul: 1.0, m_mul: 1.0, alpha: 0.0 };
        rates(&equal, &[(5, 0.5), (10, 1.0), (1_000_005, 0.5)]);
        rates(&Schedule::cosine(1.0, 10.0, 0.2), &[(0, 1.0), (5, 0.6), (10, 0.2), (99, 0.2)]);
    }

    #[test]
    fn one_cycle_and_warm_up() {
        // 3 of 10 steps go up: the top is at step 2.
        let cycle = Schedule::one_cycle(1.0, 10);
        let last = 0.04 / 1e4;
        rates(&cycle, &[(0, 0.04), (1, 0.52), (2, 1.0), (9, last), (50, last)]);
        let third = 0.5 * (1.0 + (std::f64::consts::PI * 3.0 / 7.0).cos());
        rates(&cycle, &[(5, last + (1.0 - last) * third)]);
        let Schedule::OneCycle { max, total_steps, warmup_share, div_factor, final_div_factor, .. } = cycle
        else {
            panic!("not one cycle")
        };
        let lines =
            Schedule::OneCycle { max, total_steps, warmup_share, div_factor, final_div_factor, linear: true };
        rates(&lines, &[(1, 0.52), (5, last + (1.0 - last) * 4.0 / 7.0)]);
        let warm = Schedule::Step { initial: 1.0, step_size: 3, gamma: 0.5 }.warmup(4, 0.2);
        rates(&warm, &[(0, 0.2), (1, 0.4), (2, 0.6), (3, 0.4), (4, 0.5), (6, 0.25)]);
        rates(&Schedule::Constant(2.0).warmup(0, 0.0), &[(0, 2.0)]);
    }
}
