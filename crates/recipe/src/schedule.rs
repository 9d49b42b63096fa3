//! Learning rates that change. Each begins with the optimizer's.

use anygrad_nn as nn;

use crate::node::{Mistake, Node, Value};
use crate::schema::{ABOVE_0, FROM_0, FROM_1, SHARE, Setting, section, variants};

/// A length of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// So many steps.
    Steps(u64),
    /// So many times through the training part.
    Epochs(f64),
}

impl Setting for Length {
    fn kind() -> String {
        "a number of steps, or text as \"3 epochs\"".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let wrong = || Mistake::new(&node.place, format!("{}: takes {}", node.told(), Length::kind()));
        match &node.value {
            Value::Whole(steps) => u64::try_from(*steps).map(Length::Steps).map_err(|_| wrong()),
            Value::Text(text) => {
                let number = text.trim().strip_suffix("epochs").or(text.trim().strip_suffix("epoch"));
                let number = number.and_then(|number| number.trim().parse::<f64>().ok());
                let is_length = |epochs: &f64| (0.0..=1e9).contains(epochs);
                number.filter(is_length).map(Length::Epochs).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }

    fn write(&self) -> Option<Node> {
        match self {
            Length::Steps(steps) => steps.write(),
            Length::Epochs(epochs) => Some(Node::text(&format!("{epochs} epochs"))),
        }
    }
}

/// How long training is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// Steps that change parameters, per epoch.
    pub per_epoch: u64,
    /// All of them.
    pub total: u64,
}

impl Steps {
    fn of(&self, length: Length) -> u64 {
        match length {
            Length::Steps(steps) => steps,
            Length::Epochs(epochs) => (epochs * self.per_epoch as f64).round() as u64,
        }
    }

    /// A length, or what is left of training behind another.
    fn or_rest(&self, length: Option<Length>, before: u64) -> u64 {
        length.map_or(self.total.saturating_sub(before), |length| self.of(length)).max(1)
    }
}

variants! {
    /// How the learning rate changes, from the optimizer's on. Lengths are numbers of steps, or text as
    /// `"3 epochs"`.
    Schedule: "schedule", "type" {
        "constant" => Constant(Constant),
        "step" | "step_lr" => Step(Step),
        "multi_step" | "multi_step_lr" => MultiStep(MultiStep),
        "exponential" | "exponential_decay" => Exponential(Exponential),
        "inverse_time" | "inverse_time_decay" => InverseTime(InverseTime),
        "polynomial" | "polynomial_decay" | "linear" => Polynomial(Polynomial),
        "cosine" | "cosine_decay" | "cosine_annealing" => Cosine(Cosine),
        "cosine_restarts" | "cosine_decay_restarts" => CosineRestarts(CosineRestarts),
        "one_cycle" | "one_cycle_lr" => OneCycle(OneCycle),
        "piecewise" | "piecewise_constant_decay" => Piecewise(Piecewise),
        "warmup" => Warmup(Warmup),
        "plateau" | "reduce_lr_on_plateau" => Plateau(Plateau),
    }
}

section! {
    /// Always the optimizer's.
    Constant {}
}

section! {
    /// Times `gamma` every so many steps.
    Step {
        /// Between two changes.
        step_size: Length = Length::Epochs(10.0),
        /// The factor of each change.
        gamma: f64 = 0.1 => ABOVE_0,
    }
}

section! {
    /// Times `gamma` at each milestone.
    MultiStep {
        /// Where it changes.
        milestones: Vec<Length>,
        /// The factor of each change.
        gamma: f64 = 0.1 => ABOVE_0,
    }
}

section! {
    /// Times rate^(step / decay_steps).
    Exponential {
        /// Until it has shrunk by `rate`.
        decay_steps: Length = Length::Epochs(1.0),
        /// The factor per `decay_steps`.
        rate | decay_rate | gamma: f64 = 0.9 => ABOVE_0,
        /// Whether it changes only every `decay_steps`.
        staircase: bool = false,
    }
}

section! {
    /// Over 1 + rate step / decay_steps.
    InverseTime {
        /// Per `rate`.
        decay_steps: Length = Length::Epochs(1.0),
        /// What the divisor grows by.
        rate | decay_rate: f64 = 0.5 => FROM_0,
    }
}

section! {
    /// Down to `end`, along (1 - step / decay_steps)^power.
    Polynomial {
        /// Until `end`; all of training unless given.
        decay_steps: Option<Length> = None,
        /// The last learning rate.
        end | end_learning_rate: f64 = 0.0001 => FROM_0,
        /// 1 is a line.
        power: f64 = 1.0 => ABOVE_0,
    }
}

section! {
    /// A line up to the optimizer's, then half a cosine down.
    Cosine {
        /// The line; none unless given.
        warmup_steps: Length = Length::Steps(0),
        /// The first learning rate of the line.
        initial: f64 = 0.0 => FROM_0,
        /// The cosine; what is left of training unless given.
        decay_steps | t_max: Option<Length> = None,
        /// The last learning rate over the highest.
        alpha: f64 = 0.0 => SHARE,
    }
}

section! {
    /// Half cosines one after another.
    CosineRestarts {
        /// The first cosine.
        first_steps | first_decay_steps | t_0: Length = Length::Epochs(1.0),
        /// How much longer each is than the one before.
        t_mul | t_mult: f64 = 2.0 => FROM_1,
        /// How much higher each begins than the one before.
        m_mul: f64 = 1.0 => ABOVE_0,
        /// The learning rate at the end of a cosine over that at its beginning.
        alpha: f64 = 0.0 => SHARE,
    }
}

section! {
    /// Up to the optimizer's and far down again.
    OneCycle {
        /// All of it; training unless given.
        total_steps: Option<Length> = None,
        /// The share that goes up.
        warmup_share | pct_start: f64 = 0.3 => SHARE,
        /// The highest learning rate over the first.
        div_factor: f64 = 25.0 => FROM_1,
        /// The first learning rate over the last.
        final_div_factor: f64 = 10_000.0 => FROM_1,
        /// Whether both ways are lines.
        linear: bool = false,
    }
}

section! {
    /// Given learning rates, whatever the optimizer's.
    Piecewise {
        /// The last step of each value but the last, rising.
        boundaries: Vec<Length>,
        /// The learning rates, one more than the boundaries.
        values: Vec<f64> => FROM_0,
    }
}

section! {
    /// A line up to another schedule.
    Warmup {
        /// The line.
        steps: Length = Length::Epochs(1.0),
        /// The share of the other schedule at step 0.
        start_factor: f64 = 0.0 => SHARE,
        /// The other schedule.
        then: Box<Schedule> = Box::new(Schedule::Constant(Constant {})),
    }
}

section! {
    /// Times `factor` when the loss of an epoch no longer improves: that of the validation part if there is one.
    Plateau {
        /// The factor of each change.
        factor: f64 = 0.1 => ABOVE_0,
        /// How many epochs in a row may fail to improve.
        patience: u64 = 10,
        /// The share of the best loss that counts as an improvement.
        threshold: f64 = 1e-4 => FROM_0,
        /// How many epochs after a change do not count against it.
        cooldown: u64 = 0,
        /// The last learning rate over the first.
        min_scale: f64 = 0.0 => SHARE,
    }
}

impl Schedule {
    /// The schedule of the engine; none for a plateau, which depends on how training goes.
    ///
    /// # Errors
    /// What is wrong, with the key within this table.
    pub(crate) fn build(&self, lr: f64, steps: &Steps) -> Result<Option<nn::Schedule>, String> {
        let length = |length| steps.of(length).max(1);
        let rising = |lengths: &[Length]| lengths.iter().map(|&length| steps.of(length)).collect::<Vec<_>>();
        let is_rising = |steps: &[u64]| steps.is_sorted_by(|a, b| a < b);
        Ok(Some(match self {
            Schedule::Constant(_) => nn::Schedule::Constant(lr),
            Schedule::Step(s) => {
                nn::Schedule::Step { initial: lr, step_size: length(s.step_size), gamma: s.gamma }
            }
            Schedule::MultiStep(s) => {
                let milestones = rising(&s.milestones);
                if !is_rising(&milestones) {
                    return Err(format!("milestones: {milestones:?} steps do not rise"));
                }
                nn::Schedule::MultiStep { initial: lr, milestones, gamma: s.gamma }
            }
            Schedule::Exponential(s) => nn::Schedule::Exponential {
                initial: lr,
                decay_steps: length(s.decay_steps) as f64,
                rate: s.rate,
                staircase: s.staircase,
            },
            Schedule::InverseTime(s) => nn::Schedule::InverseTime {
                initial: lr,
                decay_steps: length(s.decay_steps) as f64,
                rate: s.rate,
            },
            Schedule::Polynomial(s) => nn::Schedule::Polynomial {
                initial: lr,
                decay_steps: steps.or_rest(s.decay_steps, 0) as f64,
                end: s.end,
                power: s.power,
            },
            Schedule::Cosine(s) => {
                let warmup = steps.of(s.warmup_steps);
                nn::Schedule::CosineWarmup {
                    initial: if warmup == 0 { lr } else { s.initial },
                    warmup_steps: warmup as f64,
                    warmup_target: lr,
                    decay_steps: steps.or_rest(s.decay_steps, warmup) as f64,
                    alpha: s.alpha,
                }
            }
            Schedule::CosineRestarts(s) => nn::Schedule::CosineRestarts {
                initial: lr,
                first_steps: length(s.first_steps) as f64,
                t_mul: s.t_mul,
                m_mul: s.m_mul,
                alpha: s.alpha,
            },
            Schedule::OneCycle(s) => nn::Schedule::OneCycle {
                max: lr,
                total_steps: steps.or_rest(s.total_steps, 0),
                warmup_share: s.warmup_share,
                div_factor: s.div_factor,
                final_div_factor: s.final_div_factor,
                linear: s.linear,
            },
            Schedule::Piecewise(s) => {
                let boundaries = rising(&s.boundaries);
                if !is_rising(&boundaries) {
                    return Err(format!("boundaries: {boundaries:?} steps do not rise"));
                }
                if s.values.len() != boundaries.len() + 1 {
                    let (values, wanted) = (s.values.len(), boundaries.len() + 1);
                    return Err(format!("values: {values} for {} boundaries: takes {wanted}", wanted - 1));
                }
                nn::Schedule::Piecewise { boundaries, values: s.values.clone() }
            }
            Schedule::Warmup(s) => match s.then.build(lr, steps).map_err(|why| format!("then: {why}"))? {
                Some(then) => then.warmup(steps.of(s.steps), s.start_factor),
                None => {
                    return Err("then: a plateau is no schedule of steps: leave the warmup out".to_owned());
                }
            },
            Schedule::Plateau(_) => return Ok(None),
        }))
    }

    /// The plateau of the engine, if this is one.
    pub(crate) fn plateau(&self) -> Option<nn::Plateau> {
        let Schedule::Plateau(p) = self else { return None };
        let plateau = nn::Plateau::new(p.factor, p.patience).threshold(p.threshold);
        Some(plateau.cooldown(p.cooldown).min_scale(p.min_scale))
    }
}
