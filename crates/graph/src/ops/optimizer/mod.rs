//! The update rules of optimizers: p, s1, s2, ... -> their next values, written in place.
//!
//! Keras and PyTorch differ in where epsilon stands and what a velocity contains; both are here.
//! The learning rate and the step are tensors, so that a schedule needs no new plan.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod lion;
mod nadam;
mod rmsprop;
mod sgd;

use std::fmt::Debug;
use std::sync::Arc;

use anygrad_core::{Caps, DType, Error, Result, Shape};
use anygrad_shaders::{Kernel, UpdateParams};

use crate::{
    At, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor, Tolerance,
    Values, workgroups,
};

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::Adam;
pub use adamax::Adamax;
pub use lion::Lion;
pub use nadam::Nadam;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;

/// Whose formulas an update rule follows where libraries differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// A velocity holds the movement; epsilon stands inside the root (RMSProp, Adagrad) or is
    /// added to the uncorrected root (Adam), or to the largest gradient afterwards (Adamax).
    #[default]
    Keras,
    /// A velocity holds the gradient; epsilon is added to the root, which Adam corrects before, and
    /// by Adamax to each gradient's magnitude.
    PyTorch,
}

impl Convention {
    fn is_keras(self) -> bool {
        self == Convention::Keras
    }
}

/// How weights are pulled towards zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum WeightDecay {
    /// Not at all.
    #[default]
    None,
    /// The gradient becomes g + `0` p: PyTorch's `weight_decay` of every optimizer but AdamW.
    L2(f64),
    /// p shrinks by lr `0` p before the step: AdamW (Loshchilov and Hutter, 2019), and Keras's
    /// `weight_decay` of every optimizer.
    Decoupled(f64),
}

impl WeightDecay {
    fn l2(self) -> f64 {
        if let WeightDecay::L2(decay) = self { decay } else { 0.0 }
    }

    fn decoupled(self) -> f64 {
        if let WeightDecay::Decoupled(decay) = self { decay } else { 0.0 }
    }
}

/// An update rule: what a parameter keeps from step to step, and how a step changes both.
pub trait UpdateRule: Debug + Send + Sync {
    /// The names of the state tensors that a parameter needs, each of its shape.
    fn slots(&self) -> Vec<&'static str>;

    /// The next values of a parameter and of its state, in the order of [`UpdateRule::slots`].
    ///
    /// `lr` is a scalar; `step` is a scalar too, the number of this step counted from 1 (at 0 Adam
    /// and Adamax leave out their bias correction, as ONNX does). Both are `f32`.
    fn update<'g>(
        &self,
        parameter: Tensor<'g>,
        gradient: Tensor<'g>,
        state: &[Tensor<'g>],
        lr: Tensor<'g>,
        step: Tensor<'g>,
    ) -> Vec<Tensor<'g>>;
}

/// A rule with a kernel: what happens to one element, and how the kernel is told.
trait Step: Debug + Send + Sync + Copy + PartialEq + 'static {
    const NAME: &'static str;
    const STEPS: bool;
    /// The slots of [`UpdateRule::slots`].
    fn state_names(&self) -> Vec<&'static str>;
    /// What a step does to one element: a function of the parameter with its state, and the gradient.
    fn advance(&self, lr: f64, step: f64) -> impl Fn(&mut [f64], f64);
    fn kernel(&self, count: u32) -> (&'static Kernel, Vec<u8>, Vec<(&'static str, bool)>);
    /// For each state of the kernel, the slot that stands there; `None` for a dummy.
    fn places(&self) -> Vec<Option<usize>>;
    fn decay(&self) -> WeightDecay;
    /// The next value as an expression, which fuses, where the rule keeps no state.
    #[track_caller]
    fn stateless<'g>(
        &self,
        _parameter: Tensor<'g>,
        _gradient: Tensor<'g>,
        _lr: Tensor<'g>,
    ) -> Option<Tensor<'g>> {
        None
    }
}

/// 1 - beta^step: what a running mean that began at 0 lacks. ONNX does not correct at step 0.
fn correction(beta: f64, step: f64) -> f64 {
    // For a step of 1 and a beta close to 1 the power alone would cost digits.
    if step > 0.0 { -(step * beta.ln()).exp_m1() } else { 1.0 }
}

/// The parameters of `update.wgsl` for rules that keep these shares of their two states.
fn shares(count: u32, betas: (f64, f64), epsilon: f64, decay: WeightDecay) -> UpdateParams {
    let (beta_1, beta_2) = betas;
    UpdateParams {
        count,
        beta_1: beta_1 as f32,
        beta_2: beta_2 as f32,
        one_minus_beta_1: (1.0 - beta_1) as f32,
        one_minus_beta_2: (1.0 - beta_2) as f32,
        log_beta_1: beta_1.ln() as f32,
        log_beta_2: beta_2.ln() as f32,
        epsilon: epsilon as f32,
        l2: decay.l2() as f32,
        decay: decay.decoupled() as f32,
        ..UpdateParams::default()
    }
}

/// Inputs: the parameter, its state, the gradient, the learning rate, and perhaps the step.
#[derive(Debug)]
struct Update<S> {
    rule: S,
    slots: usize,
}

impl<S: Step> UpdateRule for S {
    fn slots(&self) -> Vec<&'static str> {
        self.state_names()
    }

    #[track_caller]
    fn update<'g>(
        &self,
        parameter: Tensor<'g>,
        gradient: Tensor<'g>,
        state: &[Tensor<'g>],
        lr: Tensor<'g>,
        step: Tensor<'g>,
    ) -> Vec<Tensor<'g>> {
        if let Some(next) = self.stateless(parameter, gradient, lr) {
            return vec![next];
        }
        let slots = self.places().iter().flatten().count();
        if state.len() != slots {
            let message = format!("{}: {} states were given, {slots} are needed", S::NAME, state.len());
            return vec![parameter.fail(Error::shape(message)); slots + 1];
        }
        let mut inputs = vec![parameter];
        inputs.extend(state);
        inputs.extend([gradient, lr]);
        if S::STEPS {
            inputs.push(step);
        }
        let mut next = parameter.graph().apply_all(Arc::new(Update { rule: *self, slots }), &inputs);
        next.truncate(slots + 1);
        next
    }
}

impl<S: Step> Op for Update<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let parameter = x[0];
        if parameter.dtype != DType::F32 {
            return Err(Error::shape(format!("updates f32, {parameter} was given")));
        }
        if let Some(other) = x[1..self.slots + 2].iter().find(|meta| **meta != parameter) {
            return Err(Error::shape(format!("a parameter {parameter} with a state or gradient {other}")));
        }
        if let Some(other) = x[self.slots + 2..].iter().find(|meta| **meta != Meta::f32(Shape::SCALAR)) {
            return Err(Error::shape(format!("the learning rate and the step are f32 scalars, not {other}")));
        }
        Ok(vec![parameter; self.slots + 1])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let (gradient, lr) = (x[self.slots + 1], x[self.slots + 2].data[0]);
        let step = x.get(self.slots + 3).map_or(0.0, |step| step.data[0]);
        let decay = self.rule.decay();
        let mut element = vec![0.0; self.slots + 1];
        let advance = self.rule.advance(lr, step);
        for i in 0..gradient.data.len() {
            element.iter_mut().zip(x).for_each(|(to, from)| *to = from.data[i]);
            let slope = gradient.data[i] + decay.l2() * element[0];
            element[0] *= 1.0 - lr * decay.decoupled();
            advance(&mut element, slope);
            element.iter().zip(y.iter_mut()).for_each(|(from, to)| to.data[i] = *from);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![None; at.x.len()]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        // Buffers are whole groups of four.
        let count = y[0].shape.elements().div_ceil(4);
        let (kernel, params, switches) = self.rule.kernel(count as u32);
        let mut scratch = Vec::new();
        let mut bindings = vec![Operand::Output(0)];
        for place in self.rule.places() {
            bindings.push(match place {
                Some(slot) => Operand::Output(slot),
                None => {
                    scratch.push(Meta::f32(Shape::new(&[4])?));
                    Operand::Scratch(scratch.len() - 1)
                }
            });
        }
        bindings.extend((self.slots + 1..x.len()).map(Operand::Input));
        let per_workgroup = (kernel.constant("SIZE") * kernel.constant("ITEMS")) as usize;
        let dispatch = Dispatch {
            kernel,
            overrides: switches.into_iter().map(|(name, on)| (name, f64::from(u8::from(on)))).collect(),
            params,
            bindings,
            workgroups: workgroups(count.div_ceil(per_workgroup)),
        };
        Ok(Lowering::Kernels(Kernels { scratch, dispatches: vec![dispatch] }))
    }

    fn rows(&self, x: &[Layout], y: &[Meta]) -> Option<Rows> {
        // The learning rate and the step are the same for all.
        let inputs: Vec<bool> = (0..x.len()).map(|i| i < self.slots + 2).collect();
        let rows = Rows::first_axis(&y[0], &inputs)?;
        Some(Rows { outputs: vec![true; y.len()], ..rows })
    }

    fn in_place(&self) -> &[(usize, usize)] {
        &[(0, 0), (1, 1), (2, 2), (3, 3)][..=self.slots]
    }

    fn elementwise_inputs(&self) -> Option<usize> {
        Some(self.slots + 2)
    }
}

pub(super) fn cases() -> Vec<Case> {
    use Convention::{Keras, PyTorch};
    let mut cases = Vec::new();
    let mut add_at = |name: String, rule: Box<dyn UpdateRule>, count: usize, step: f64| {
        let slots = rule.slots().len();
        let mut case = Case::many(name, move |x| {
            let (state, scalars) = (&x[2..2 + slots], &x[2 + slots..]);
            rule.update(x[0], x[1], state, scalars[0], scalars[1])
        })
        .forward_only()
        // The last bits of a parameter of magnitude 1, and a short chain for the movement.
        .tolerance(Tolerance { relative: 5e-6, absolute: 3e-7 })
        .input(&[count])
        .filled(&[count], DType::F32, Fill::Uniform(-0.1, 0.1));
        for _ in 0..slots {
            // Mean squares are positive; the other states take positive numbers as well.
            case = case.filled(&[count], DType::F32, Fill::Uniform(0.01, 0.3));
        }
        cases.push(case.filled(&[], DType::F32, Fill::Given(vec![0.05])).filled(
            &[],
            DType::F32,
            Fill::Given(vec![step]),
        ));
    };
    // Bias corrections, from the first step to one where all powers are gone.
    for step in [0.0, 1.0, 1e6] {
        add_at(format!("adam step {step}"), Box::<Adam>::default(), 13, step);
        add_at(format!("adamax step {step}"), Box::<Adamax>::default(), 13, step);
        for momentum_decay in [1.0, 0.004, 0.0] {
            let rule = Nadam { momentum_decay, ..Nadam::default() };
            add_at(format!("nadam {momentum_decay} step {step}"), Box::new(rule), 13, step);
        }
    }
    let slow = Nadam { betas: (0.99, 0.9999), momentum_decay: 0.004, ..Nadam::default() };
    add_at("nadam 0.004 step 50".into(), Box::new(slow), 13, 50.0);
    let mut add = |name: String, rule: Box<dyn UpdateRule>, count: usize| add_at(name, rule, count, 3.0);
    // Past one workgroup of 64 invocations with four groups of four, and with a ragged end.
    for count in [1, 257, 1024, 1030] {
        add(format!("sgd {count}"), Box::new(Sgd { momentum: 0.9, ..Sgd::default() }), count);
        add(format!("adagrad {count}"), Box::<Adagrad>::default(), count);
        add(format!("rmsprop {count}"), Box::<RmsProp>::default(), count);
        add(format!("adam {count}"), Box::<Adam>::default(), count);
        add(format!("adadelta {count}"), Box::<Adadelta>::default(), count);
        add(format!("adamax {count}"), Box::<Adamax>::default(), count);
        add(format!("lion {count}"), Box::<Lion>::default(), count);
        add(format!("nadam {count}"), Box::<Nadam>::default(), count);
    }
    for convention in [Keras, PyTorch] {
        for weight_decay in [WeightDecay::None, WeightDecay::L2(0.1), WeightDecay::Decoupled(0.1)] {
            let options = format!("{convention:?} {weight_decay:?}");
            for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.8, true)] {
                let rule = Sgd { momentum, nesterov, weight_decay, convention };
                add(format!("sgd {momentum} {nesterov} {options}"), Box::new(rule), 13);
            }
            let rule = Adagrad { epsilon: 1e-4, weight_decay, convention };
            add(format!("adagrad {options}"), Box::new(rule), 13);
            for (momentum, centered) in [(0.0, false), (0.0, true), (0.9, false), (0.9, true)] {
                let rule = RmsProp { rho: 0.95, momentum, epsilon: 1e-3, centered, weight_decay, convention };
                add(format!("rmsprop {momentum} {centered} {options}"), Box::new(rule), 13);
            }
            let rule = Adamax { betas: (0.8, 0.95), epsilon: 1e-2, weight_decay, convention };
            add(format!("adamax {options}"), Box::new(rule), 13);
            for amsgrad in [false, true] {
                let rule = Adam { betas: (0.8, 0.95), epsilon: 1e-3, amsgrad, weight_decay, convention };
                add(format!("adam {amsgrad} {options}"), Box::new(rule), 13);
            }
        }
    }
    for weight_decay in [WeightDecay::L2(0.1), WeightDecay::Decoupled(0.1)] {
        let rule = Adadelta { rho: 0.9, epsilon: 1e-3, weight_decay };
        add(format!("adadelta {weight_decay:?}"), Box::new(rule), 13);
        add(format!("lion {weight_decay:?}"), Box::new(Lion { betas: (0.8, 0.95), weight_decay }), 13);
        let rule = Nadam { betas: (0.8, 0.95), epsilon: 1e-3, momentum_decay: 1.0, weight_decay };
        add(format!("nadam {weight_decay:?}"), Box::new(rule), 13);
    }
    cases
}
