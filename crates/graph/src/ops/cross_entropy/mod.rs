//! loss[r] = -sum over c of q[r, c] log p[r, c], p = softmax of the logits
//!
//! q[r, c] = w[c] (t[r, c] (1 - a) + a / classes), with t the targets' shares, or 1 at the class that is
//! named and 0 elsewhere, a the smoothing and w the weights of the classes.
//! dlogits[r, c] = dloss[r] (p[r, c] sum over c of q[r, c] - q[r, c])

mod cases;
mod formula;
mod slope;

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, CrossEntropyParams};

use self::slope::Slope;
use super::rows::{LONGEST_ROW, RowKernels};
use crate::{At, Dispatch, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Rows, Tensor, Values};

pub(in crate::ops) use cases::cases;

/// What cross-entropy counts, and how much.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// a, which moves the targets towards equal shares: t (1 - a) + a / classes.
    pub label_smoothing: f64,
    /// w, one for each class, or none for 1.
    pub class_weights: Vec<f64>,
    /// A class number whose row does not count: its loss and its gradient are 0.
    pub ignore_index: Option<i32>,
}

/// What [`Tensor::cross_entropy`] makes.
#[derive(Clone, Copy, Debug)]
pub struct ClassLosses<'g> {
    /// The losses, `[n, ...]`.
    pub losses: Tensor<'g>,
    /// How much each counts in a mean, `[n, ...]`: of class numbers the weight of the class, or 1 without
    /// weights, and 0 where the row does not count; of shares 1.
    pub counted: Tensor<'g>,
}

/// The options of rows. Inputs: logits `[rows, classes]`, shares of that shape or class numbers `[rows]`,
/// and weights `[classes]` where there are. Outputs: losses `[rows]`, what they count `[rows]`, and
/// `[rows, 4]` of the largest logit, log(sum e^(logit - largest)), the sum of q, and 0.
#[derive(Clone, Copy, Debug)]
struct Loss {
    shares: bool,
    weighted: bool,
    smoothing: f64,
    ignored: Option<i32>,
}

/// Numbers that are kept of each row for the way back.
const STATS: usize = 4;

impl<'g> Tensor<'g> {
    /// The cross-entropy of logits `[n, ..., classes]` with class numbers `[n, ...]` as `i32`, or with
    /// shares of the classes, of the shape of the logits.
    ///
    /// A class number that is none of the classes counts as no class at all: without smoothing its loss
    /// is 0. A NaN makes its row NaN.
    #[track_caller]
    pub fn cross_entropy(self, targets: Tensor<'g>, options: &CrossEntropy) -> ClassLosses<'g> {
        let checked = options.check("cross_entropy", self, targets);
        let (loss, weights) = match checked {
            Ok(checked) => checked,
            Err(mistake) => return ClassLosses { losses: mistake, counted: mistake },
        };
        let dtype = self.dtype();
        let (shape, logits) = (self.shape(), self.cast(DType::F32));
        let classes = shape[shape.rank() - 1];
        if classes > LONGEST_ROW {
            // Reductions split rows that are too long for one kernel.
            return loss.of_logs(logits.log_softmax(-1), targets, weights, dtype);
        }
        let outer = &shape[..shape.rank() - 1];
        let rows: usize = outer.iter().product();
        let targets = if loss.shares {
            targets.cast(DType::F32).reshape(&[rows, classes])
        } else {
            targets.reshape(&[rows])
        };
        let rows = logits.reshape(&[rows, classes]);
        let inputs: Vec<Tensor<'g>> = [rows, targets].into_iter().chain(weights).collect();
        let made = rows.apply_all(loss, &inputs);
        ClassLosses { losses: made[0].cast(dtype).reshape(outer), counted: made[1].reshape(outer) }
    }

    /// As [`Tensor::cross_entropy`], of logarithms of probabilities in place of logits.
    #[track_caller]
    pub fn negative_log_likelihood(self, targets: Tensor<'g>, options: &CrossEntropy) -> ClassLosses<'g> {
        match options.check("negative_log_likelihood", self, targets) {
            Ok((loss, weights)) => loss.of_logs(self, targets, weights, self.dtype()),
            Err(mistake) => ClassLosses { losses: mistake, counted: mistake },
        }
    }
}

impl CrossEntropy {
    /// The operator and its weights, or a mistake.
    #[track_caller]
    fn check<'g>(
        &self,
        what: &str,
        logits: Tensor<'g>,
        targets: Tensor<'g>,
    ) -> std::result::Result<(Loss, Option<Tensor<'g>>), Tensor<'g>> {
        if let Some(mistake) = [logits, targets].into_iter().find(|x| x.is_poison()) {
            return Err(mistake);
        }
        let (shape, given) = (logits.shape(), targets.meta());
        let shares = given.dtype.is_float();
        let fits = match shares {
            true => shape.rank() > 0 && given.shape == shape,
            false => {
                shape.rank() > 0 && given.dtype == DType::I32 && given.shape[..] == shape[..shape.rank() - 1]
            }
        };
        let count = self.class_weights.len();
        let message = if !fits || !logits.dtype().is_float() {
            format!(
                "{what}: of logits {} and targets {given}; wanted are class numbers i32 without the last axis, \
                 or shares of the logits' shape",
                logits.meta()
            )
        } else if count != 0 && count != shape[shape.rank() - 1] {
            format!("{what}: {count} weights for {} classes", shape[shape.rank() - 1])
        } else if shares && self.ignore_index.is_some() {
            format!("{what}: shares {given} hold no class number that could be ignored")
        } else {
            let line = Shape::new(&[count]).unwrap_or(Shape::SCALAR);
            let array = || Array::from_f64(line, DType::F32, &self.class_weights);
            let weights = (count > 0).then(|| logits.graph().constant(array()));
            let loss = Loss {
                shares,
                weighted: count > 0,
                smoothing: self.label_smoothing,
                ignored: self.ignore_index,
            };
            return Ok((loss, weights));
        };
        Err(logits.fail(Error::shape(message)))
    }
}

impl Loss {
    /// The class of a row, where it is one and counts.
    fn class(&self, number: f64, classes: usize) -> Option<usize> {
        let counts = !self.is_ignored(number) && (0.0..classes as f64).contains(&number);
        counts.then_some(number as usize)
    }

    fn is_ignored(&self, number: f64) -> bool {
        self.ignored.is_some_and(|ignored| number == f64::from(ignored))
    }

    /// q of a row.
    fn wanted(&self, x: &[&Values], row: usize) -> Vec<f64> {
        let classes = x[0].meta.shape[1];
        if !self.shares && self.is_ignored(x[1].data[row]) {
            return vec![0.0; classes];
        }
        let class = if self.shares { None } else { self.class(x[1].data[row], classes) };
        let share = |c: usize| match self.shares {
            true => x[1].data[row * classes + c],
            false => f64::from(u8::from(class == Some(c))),
        };
        let smoothed = |c: usize| match self.smoothing {
            0.0 => share(c),
            a => share(c) * (1.0 - a) + a / classes as f64,
        };
        (0..classes).map(|c| if self.weighted { x[2].data[c] * smoothed(c) } else { smoothed(c) }).collect()
    }

    fn params(&self, rows: usize, classes: usize, lanes: usize) -> CrossEntropyParams {
        CrossEntropyParams {
            rows: rows as u32,
            columns: (classes / lanes) as u32,
            keep: (1.0 - self.smoothing) as f32,
            share: (self.smoothing / classes.max(1) as f64) as f32,
            ignored: self.ignored.unwrap_or(0),
        }
    }

    fn overrides(&self) -> Vec<(&'static str, f64)> {
        let flag = |flag: bool| f64::from(u8::from(flag));
        vec![
            ("SHARES", flag(self.shares)),
            ("SMOOTHED", flag(self.smoothing != 0.0)),
            ("WEIGHTED", flag(self.weighted)),
            ("IGNORES", flag(self.ignored.is_some())),
        ]
    }

    /// Shares, class numbers and weights as the kernels bind them: the logits where there are none.
    fn bindings(&self) -> [Operand; 3] {
        let or_logits = |wanted: bool, input: usize| Operand::Input(if wanted { input } else { 0 });
        [or_logits(self.shares, 1), or_logits(!self.shares, 1), or_logits(self.weighted, 2)]
    }
}

impl Op for Loss {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        if let Some(other) = [Some(&x[0]), x.get(2)].into_iter().flatten().find(|x| x.dtype != DType::F32) {
            return Err(Error::shape(format!("takes f32, {other} was given")));
        }
        let losses = x[0].with_shape(Shape::new(&x[0].shape[..1])?);
        Ok(vec![losses, losses, x[0].with_shape(x[0].shape.with(1, STATS))])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let classes = x[0].meta.shape[1];
        for row in 0..x[0].meta.shape[0] {
            let logits = &x[0].data[row * classes..][..classes];
            // A NaN comes through the sum.
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log_sum = logits.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
            let wanted = self.wanted(x, row);
            let term = |c: usize| wanted[c] * (logits[c] - largest - log_sum);
            let sparse = !self.shares && self.smoothing == 0.0;
            let class = if self.shares { None } else { self.class(x[1].data[row], classes) };
            let ignored = !self.shares && self.is_ignored(x[1].data[row]);
            y[0].data[row] = match class {
                _ if ignored => 0.0,
                // Of one class the others count nothing, infinities neither.
                Some(class) if sparse => -term(class),
                None if sparse => 0.0,
                _ => -(0..classes).map(term).sum::<f64>(),
            };
            y[1].data[row] = match class {
                _ if self.shares => 1.0,
                _ if ignored => 0.0,
                _ if !self.weighted => 1.0,
                class => class.map_or(0.0, |class| x[2].data[class]),
            };
            let sum: f64 = wanted.iter().sum();
            y[2].data[STATS * row..][..STATS].copy_from_slice(&[largest, log_sum, sum, 0.0]);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let mut gradients = vec![None; at.x.len()];
        let Some(dy) = at.dys[0] else { return gradients };
        if at.wanted[0] {
            let inputs: Vec<Tensor<'g>> = at.x.iter().copied().chain([at.y[2], dy]).collect();
            gradients[0] = Some(dy.apply(Slope { of: *self }, &inputs));
        }
        if self.shares && at.wanted[1] {
            let per_share = dy.unsqueeze(1) * (self.smoothing - 1.0);
            let per_share = at.x.get(2).map_or(per_share, |weights| per_share * *weights);
            gradients[1] = Some(at.x[0].log_softmax(-1) * per_share);
        }
        gradients
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], caps: &Caps) -> Result<Lowering> {
        const KERNELS: RowKernels = RowKernels {
            alone: &shaders::CROSS_ENTROPY_ALONE,
            subgroup: [&shaders::CROSS_ENTROPY_SUBGROUP, &shaders::CROSS_ENTROPY_SUBGROUP_VEC4],
            workgroup: [&shaders::CROSS_ENTROPY_WORKGROUP, &shaders::CROSS_ENTROPY_WORKGROUP_VEC4],
        };
        let (rows, classes) = (x[0].shape()[0], x[0].shape()[1]);
        let choice = KERNELS.choose(rows, classes, caps);
        let mut overrides = self.overrides();
        overrides.extend(choice.overrides);
        let mut bindings = vec![Operand::Input(0)];
        bindings.extend(self.bindings());
        bindings.extend([Operand::Output(0), Operand::Output(1), Operand::Output(2)]);
        Ok(Kernels::one(Dispatch {
            kernel: choice.kernel,
            overrides,
            params: self.params(rows, classes, choice.lanes).bytes(),
            bindings,
            workgroups: choice.workgroups,
        }))
    }

    fn rows(&self, x: &[Layout], _y: &[Meta]) -> Option<Rows> {
        let mut inputs = vec![true; x.len()];
        if self.weighted {
            inputs[2] = false;
        }
        Some(Rows { count: x[0].shape()[0], inputs, outputs: vec![true; 3] })
    }
}
