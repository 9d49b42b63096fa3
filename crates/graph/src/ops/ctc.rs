//! Connectionist temporal classification (Graves, Fernandez, Gomez and Schmidhuber, 2006): minus the
//! logarithm of the probability of a sequence of labels, summed over all ways to spread it over time.
//!
//! z = blank, l_1, blank, l_2, ..., l_L, blank: the positions s = 0 .. 2 L of a walk that starts at 0 or
//! 1, ends at one of the last two, and moves on in each step by 0, by 1, or, where z_s is no blank and
//! not z_{s-2}, by 2
//! a_t(s) = log p_t(z_s) + logsumexp of a_{t-1} over where s can be reached from
//! loss = -logsumexp(a_{T-1}(2 L), a_{T-1}(2 L - 1))
//! b is a of the sequences read from their ends, at the same time and position
//! dloss / dlog p_t(k) = -sum_{s: z_s = k} share_t(s), share_t(s) ~ exp(a_t(s) + b_t(s) - log p_t(z_s)),
//! and the shares of a time are 1 together
//!
//! Kernels subtract a number per time from a and from b, which keeps the digits of long sequences; the
//! shares do not change.

use std::ops::Range;

use anygrad_core::{Array, Caps, DType, Error, Result, Shape};
use anygrad_shaders::{self as shaders, CtcGradParams, CtcTotalParams, CtcWalkParams};

use crate::{
    At, Case, Dispatch, Fill, Grads, Kernels, Layout, Lowering, Meta, Op, Operand, Tensor, Tolerance, Values,
    workgroups,
};

impl<'g> Tensor<'g> {
    /// The losses `[n]` of label sequences under log-probabilities `[n, time, classes]` (a
    /// [`Tensor::log_softmax`] over the last axis).
    ///
    /// `targets` `[n, labels]` hold class numbers as `i32`, of each row the first `target_lengths` `[n]`;
    /// what is behind is not read. Of the times the first `input_lengths` `[n]` count. Lengths are `i32`
    /// and held within what there is. `blank` is the class that stands for no label.
    ///
    /// The loss is infinite where the times do not suffice for the labels (equal neighbours need a blank
    /// between them), or a label is no class; the gradient of such a loss is NaN, as in PyTorch, unless
    /// what arrives there is 0.
    #[track_caller]
    pub fn ctc_loss(
        self,
        targets: Tensor<'g>,
        input_lengths: Tensor<'g>,
        target_lengths: Tensor<'g>,
        blank: usize,
    ) -> Tensor<'g> {
        let lengths = self.graph().stack(&[input_lengths, target_lengths], 1);
        self.apply_all(Ctc { blank }, &[self, targets, lengths])[0]
    }
}

/// The logarithm of what is impossible. It is finite, because WGSL may take infinities for granted not to
/// occur, and far enough from the end of f32 for a sum of one per time.
const NEVER: f64 = -1e30;

/// Loop iterations of one dispatch, per invocation: far below the 65,535 that software adapters allow, and
/// enough to hide what a dispatch costs.
const ITERATIONS: usize = 256;

/// Inputs: log-probabilities, targets, and lengths `[n, 2]`. Outputs: the losses `[n]`, and a, up to a
/// number per time, `[n, time, 2 labels + 1]`, 0 outside of the lengths.
#[derive(Debug)]
struct Ctc {
    blank: usize,
}

/// Inputs: log-probabilities, targets, lengths, a, losses, and the gradient of the losses. Output: that of
/// the log-probabilities.
#[derive(Debug)]
struct CtcGradient {
    blank: usize,
}

#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    time: usize,
    classes: usize,
    labels: usize,
}

impl Sizes {
    fn of(log_probs: &Shape, targets: &Shape) -> Sizes {
        Sizes { batch: log_probs[0], time: log_probs[1], classes: log_probs[2], labels: targets[1] }
    }

    fn positions(&self) -> usize {
        2 * self.labels + 1
    }

    fn walk(&self) -> Result<Meta> {
        Ok(Meta::f32(Shape::new(&[self.batch, self.time, self.positions()])?))
    }
}

/// One row: its lengths, and the class at each position of its walk.
struct Row<'a> {
    sizes: Sizes,
    blank: usize,
    steps: usize,
    labels: usize,
    log_probs: &'a [f64],
    targets: &'a [f64],
}

impl<'a> Row<'a> {
    fn of(sizes: Sizes, blank: usize, x: &[&'a Values], row: usize) -> Row<'a> {
        let length =
            |which: usize, limit: usize| x[2].data[2 * row + which].clamp(0.0, limit as f64) as usize;
        let per_row = sizes.time * sizes.classes;
        Row {
            sizes,
            blank,
            steps: length(0, sizes.time),
            labels: length(1, sizes.labels),
            log_probs: &x[0].data[row * per_row..(row + 1) * per_row],
            targets: &x[1].data[row * sizes.labels..(row + 1) * sizes.labels],
        }
    }

    fn positions(&self) -> usize {
        2 * self.labels + 1
    }

    /// Where both are, `None` for a label that is no class.
    fn class(&self, position: usize) -> Option<usize> {
        if position.is_multiple_of(2) {
            return Some(self.blank);
        }
        let label = self.targets[position / 2];
        (0.0..self.sizes.classes as f64).contains(&label).then_some(label as usize)
    }

    fn log_prob(&self, time: usize, position: usize) -> f64 {
        let p = self.class(position).map_or(NEVER, |k| self.log_probs[time * self.sizes.classes + k]);
        if p < NEVER { NEVER } else { p }
    }

    /// a, or, read from the ends, b with its times and positions counted from there.
    fn walk(&self, backward: bool, walk: &mut [f64]) {
        let width = self.sizes.positions();
        for step in 0..self.steps {
            let time = if backward { self.steps - 1 - step } else { step };
            for place in 0..self.positions() {
                let of = |place: usize| if backward { self.positions() - 1 - place } else { place };
                let at = step * width + place;
                let before = if step == 0 {
                    if place < 2 { 0.0 } else { NEVER }
                } else {
                    let from = |back: usize| walk[at - width - back];
                    let class = self.class(of(place));
                    let skips = place > 1 && class != Some(self.blank) && class != self.class(of(place - 2));
                    log_sum([
                        from(0),
                        if place > 0 { from(1) } else { NEVER },
                        if skips { from(2) } else { NEVER },
                    ])
                };
                walk[at] = self.log_prob(time, of(place)) + before;
            }
        }
    }

    fn loss(&self, walk: &[f64]) -> f64 {
        if self.steps == 0 {
            return if self.labels == 0 { 0.0 } else { f64::INFINITY };
        }
        let end = (self.steps - 1) * self.sizes.positions() + self.positions() - 1;
        let total = log_sum([walk[end], if self.labels > 0 { walk[end - 1] } else { NEVER }, NEVER]);
        if total < NEVER / 2.0 { f64::INFINITY } else { -total }
    }
}

/// The logarithm of a sum from the logarithms of its terms; NaN stays.
fn log_sum(terms: [f64; 3]) -> f64 {
    let largest = terms.into_iter().fold(f64::NEG_INFINITY, f64::max);
    largest + terms.into_iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
}

fn check(x: &[Meta], blank: usize) -> Result<Sizes> {
    let ([_, _, classes], [batch, labels]) = (
        <[usize; 3]>::try_from(&*x[0].shape)
            .map_err(|_| Error::shape(format!("log-probabilities are [n, time, classes], not {}", x[0])))?,
        <[usize; 2]>::try_from(&*x[1].shape)
            .map_err(|_| Error::shape(format!("targets are [n, labels], not {}", x[1])))?,
    );
    let sizes = Sizes::of(&x[0].shape, &x[1].shape);
    let lengths = Meta { shape: Shape::new(&[sizes.batch, 2])?, dtype: DType::I32 };
    if batch != sizes.batch || x[2] != lengths {
        return Err(Error::shape(format!(
            "{} rows of log-probabilities, {batch} of targets, and lengths {} of [input, target] as i32",
            sizes.batch, x[2]
        )));
    }
    if x[0].dtype != DType::F32 || x[1].dtype != DType::I32 {
        return Err(Error::shape(format!(
            "takes log-probabilities as f32 and targets as i32, not {} and {}",
            x[0], x[1]
        )));
    }
    if blank >= classes {
        return Err(Error::shape(format!("the blank is class {blank}, there are {classes} classes")));
    }
    // The sum over the positions of a time looks at each of them twice, in one invocation.
    if labels > 16_000 {
        return Err(Error::shape(format!("{labels} labels per row, 16000 at most")));
    }
    Ok(sizes)
}

/// The dispatches of one walk. Bindings: log-probabilities, targets, lengths, walk, losses.
fn walk(sizes: Sizes, blank: usize, backward: bool, walk: Operand, losses: Operand) -> Vec<Dispatch> {
    let kernel = &shaders::CTC_WALK;
    let [size, every] = ["SIZE", "EVERY"].map(|name| kernel.constant(name) as usize);
    let per_step = sizes.positions().div_ceil(size) + sizes.positions().div_ceil(every) + 1;
    let chunk = (ITERATIONS / per_step).max(1);
    let part = |steps: Range<usize>| Dispatch {
        kernel,
        overrides: vec![("BACKWARD", f64::from(u8::from(backward)))],
        params: CtcWalkParams {
            batch: sizes.batch as u32,
            time: sizes.time as u32,
            classes: sizes.classes as u32,
            labels: sizes.labels as u32,
            blank: blank as u32,
            first: steps.start as u32,
            end: steps.end as u32,
        }
        .bytes(),
        bindings: vec![Operand::Input(0), Operand::Input(1), Operand::Input(2), walk, losses],
        workgroups: workgroups(sizes.batch),
    };
    let starts = (0..sizes.time.max(1)).step_by(chunk);
    starts.map(|start| part(start..(start + chunk).min(sizes.time))).collect()
}

impl Op for Ctc {
    fn name(&self) -> &'static str {
        "ctc"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let sizes = check(x, self.blank)?;
        Ok(vec![Meta::f32(Shape::new(&[sizes.batch])?), sizes.walk()?])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let sizes = Sizes::of(&x[0].shape(), &x[1].shape());
        let per_row = sizes.time * sizes.positions();
        let (losses, walks) = y.split_at_mut(1);
        for row in 0..sizes.batch {
            let walk = &mut walks[0].data[row * per_row..(row + 1) * per_row];
            let row_of = Row::of(sizes, self.blank, x, row);
            row_of.walk(false, walk);
            losses[0].data[row] = row_of.loss(walk);
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        let inputs = [at.x[0], at.x[1], at.x[2], at.y[1], at.y[0], at.dy()];
        vec![Some(at.x[0].apply(CtcGradient { blank: self.blank }, &inputs)), None, None]
    }

    fn lower(&self, x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let sizes = Sizes::of(&x[0].shape(), &x[1].shape());
        let dispatches = walk(sizes, self.blank, false, Operand::Output(1), Operand::Output(0));
        Ok(Lowering::Kernels(Kernels { scratch: Vec::new(), dispatches }))
    }
}

impl Op for CtcGradient {
    fn name(&self) -> &'static str {
        "ctc_grad"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        let sizes = check(x, self.blank)?;
        let losses = Meta::f32(Shape::new(&[sizes.batch])?);
        if x[3..] != [sizes.walk()?, losses, losses] {
            return Err(Error::shape(format!("a walk {} with losses {} and {}", x[3], x[4], x[5])));
        }
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        let sizes = Sizes::of(&x[0].shape(), &x[1].shape());
        let (width, per_row) = (sizes.positions(), sizes.time * sizes.positions());
        for row in 0..sizes.batch {
            let dloss = x[5].data[row];
            if dloss == 0.0 {
                continue;
            }
            let of = Row::of(sizes, self.blank, x, row);
            let forward = &x[3].data[row * per_row..(row + 1) * per_row];
            let mut backward = vec![0.0; per_row];
            of.walk(true, &mut backward);
            let loss = x[4].data[row];
            for time in 0..of.steps {
                let slopes = &mut y[0].data[(row * sizes.time + time) * sizes.classes..][..sizes.classes];
                if loss.is_infinite() {
                    slopes.fill(f64::NAN);
                    continue;
                }
                let last = (of.steps - 1 - time) * width + of.positions() - 1;
                let logs = (0..of.positions()).map(|place| {
                    forward[time * width + place] + backward[last - place] - of.log_prob(time, place)
                });
                let logs: Vec<f64> = logs.collect();
                let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = logs.iter().map(|log| (log - largest).exp()).sum();
                for (place, log) in logs.into_iter().enumerate() {
                    if let Some(class) = of.class(place) {
                        slopes[class] -= dloss * (log - largest).exp() / total;
                    }
                }
            }
        }
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        // As a function of the log-probabilities and of what arrives: the walk and the losses are
        // functions of the former. Only where a gradient is differentiated again, step after step.
        let (log_probs, dlosses) = (at.x[0].identity(), at.x[5].identity());
        let graph = log_probs.graph();
        let losses = unrolled(log_probs, at.x[1], at.x[2], self.blank);
        let slopes = graph.gradients((losses * dlosses).sum_all(), &[log_probs]);
        let again = graph.gradients((slopes[0] * at.dy()).sum_all(), &[log_probs, dlosses]);
        vec![Some(again[0]), None, None, None, None, Some(again[1])]
    }

    fn lower(&self, x: &[Layout], y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        let sizes = Sizes::of(&x[0].shape(), &x[1].shape());
        let [back, losses, total] = [0, 1, 2].map(Operand::Scratch);
        let mut dispatches = walk(sizes, self.blank, true, back, losses);
        let times = Meta::f32(Shape::new(&[sizes.batch, sizes.time])?);
        dispatches.push(Dispatch {
            kernel: &shaders::CTC_TOTAL,
            overrides: Vec::new(),
            params: CtcTotalParams {
                times: (sizes.batch * sizes.time) as u32,
                time: sizes.time as u32,
                classes: sizes.classes as u32,
                labels: sizes.labels as u32,
                blank: self.blank as u32,
            }
            .bytes(),
            bindings: vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Input(2),
                Operand::Input(3),
                back,
                Operand::Input(4),
                total,
            ],
            workgroups: workgroups((sizes.batch * sizes.time).div_ceil(64)),
        });
        let elements = y[0].shape.elements();
        dispatches.push(Dispatch {
            kernel: &shaders::CTC_GRAD,
            overrides: Vec::new(),
            params: CtcGradParams {
                elements: elements as u32,
                time: sizes.time as u32,
                classes: sizes.classes as u32,
                labels: sizes.labels as u32,
                blank: self.blank as u32,
            }
            .bytes(),
            bindings: vec![
                Operand::Input(0),
                Operand::Input(1),
                Operand::Input(2),
                Operand::Input(3),
                back,
                total,
                Operand::Input(5),
                Operand::Output(0),
            ],
            workgroups: workgroups(elements.div_ceil(64)),
        });
        Ok(Lowering::Kernels(Kernels { scratch: vec![sizes.walk()?, x[4].meta, times], dispatches }))
    }
}

/// The losses from simple operators, with 1e30 where they are infinite.
fn unrolled<'g>(log_probs: Tensor<'g>, targets: Tensor<'g>, lengths: Tensor<'g>, blank: usize) -> Tensor<'g> {
    let graph = log_probs.graph();
    let sizes = Sizes::of(&log_probs.shape(), &targets.shape());
    let (batch, width) = (sizes.batch, sizes.positions());
    let integer = |n: usize| graph.constant(Array::from_f64(Shape::SCALAR, DType::I32, &[n as f64]));
    let [steps, labels] = [0, 1].map(|i| lengths.narrow(1, i..i + 1).maximum(integer(0)));
    let (steps, labels) = (steps.minimum(integer(sizes.time)), labels.minimum(integer(sizes.labels)));
    let never = |columns: usize| graph.scalar(NEVER).broadcast_to(&[batch, columns]);

    let blanks = |columns: usize| integer(blank).broadcast_to(&[batch, columns]);
    let pairs = graph.stack(&[blanks(sizes.labels), targets], 2).reshape(&[batch, width - 1]);
    let classes = graph.concat(&[pairs, blanks(1)], 1);
    let known = classes.ge(integer(0)).logical_and(classes.lt(integer(sizes.classes)));
    // Moves on by two, unless there is a blank or the same label.
    let skips = (width > 2).then(|| {
        let (here, before) = (classes.narrow(1, 2..width), classes.narrow(1, 0..width - 2));
        here.ne(before).logical_and(here.ne(integer(blank))).select(0.0, NEVER)
    });
    let mut walk = graph.concat(&[never(width.min(2)) * 0.0, never(width.saturating_sub(2))], 1);
    for step in 0..sizes.time {
        let here = log_probs.narrow(1, step..step + 1).reshape(&[batch, sizes.classes]);
        let here = known.select(here.gather_elements(1, classes), NEVER).maximum(NEVER);
        let mut from = walk;
        if let Some(skips) = skips.filter(|_| step > 0) {
            let one = graph.concat(&[never(1), walk.narrow(1, 0..width - 1)], 1);
            let two = graph.concat(&[never(2), walk.narrow(1, 0..width - 2) + skips], 1);
            from = graph.stack(&[walk, one, two], 2).logsumexp(&[2], false);
        }
        walk = steps.gt(integer(step)).select(here + from, walk);
    }
    let last = labels * integer(2);
    let other = labels.gt(integer(0)).select(walk.gather_elements(1, last - integer(1)), NEVER);
    let total = graph.concat(&[walk.gather_elements(1, last), other], 1).logsumexp(&[1], false);
    let counts = steps.gt(integer(0)).reshape(&[batch]);
    counts.select(-total, 0.0)
}

pub(super) fn cases() -> Vec<Case> {
    let ints = |numbers: &[i32]| Fill::Given(numbers.iter().map(|&n| f64::from(n)).collect());
    let case = |name: &str, [batch, time, classes]: [usize; 3], targets: &[i32], lengths: [&[i32]; 2]| {
        let labels = targets.len() / batch;
        let blank = if name.contains("blank last") { classes - 1 } else { 0 };
        Case::new(format!("ctc {name}"), move |x| x[0].log_softmax(-1).ctc_loss(x[1], x[2], x[3], blank))
            .filled(&[batch, time, classes], DType::F32, Fill::Uniform(-3.0, 3.0))
            .filled(&[batch, labels], DType::I32, ints(targets))
            .filled(&[batch], DType::I32, ints(lengths[0]))
            .filled(&[batch], DType::I32, ints(lengths[1]))
            // Logarithms of up to some hundreds are kept in f32, however long the sequence: a share is off
            // by their rounding, 2^-24 times their size, which adds up like a random walk.
            .gradient_tolerance(Tolerance { relative: 2e-5, absolute: 4e-6 + 3e-6 * (time as f64).sqrt() })
    };
    let count = |n: usize| (0..n).map(|i| 1 + (i * i % 7 % 4) as i32).collect::<Vec<_>>();
    // Labels that repeat and are not read behind their length, a row without any, short rows, lengths
    // that are more than there is; infinite losses where nothing is differentiated.
    let targets = [1, 2, 2, 3, 3, -7, 1, 99, 99, 2, 1, 2];
    let infinite = [3, 3, 3, 1, 2, 3, 9, 1, 1, 2, 2, 2];
    vec![
        case("rows of 3", [4, 7, 4], &targets, [&[7, 5, 4, 900], &[3, 2, 1, 3]]),
        case("no labels in a row", [2, 5, 3], &[1, 2, 2, 1], [&[5, 3], &[0, 2]]),
        case("no labels at all", [2, 5, 3], &[], [&[5, 3], &[0, 0]]),
        case("one time", [3, 1, 5], &[4, 1, 2], [&[1, 1, 1], &[1, 0, 1]]),
        case("blank last", [2, 6, 3], &[0, 1, 1, 0, 0, 1], [&[6, 6], &[3, 3]]),
        // 65 positions are more than a workgroup, and 90 times more than one dispatch.
        case("65 positions", [2, 90, 5], &count(64), [&[90, 81], &[32, 17]]),
        case("long", [1, 1000, 12], &count(40), [&[1000], &[40]]),
        case("no times", [2, 0, 3], &[1, 2], [&[0, 3], &[0, 1]]).forward_only(),
        case("infinite", [4, 4, 4], &infinite, [&[4, 0, 4, 0], &[3, 2, 3, 0]]).forward_only(),
        Case::new("ctc infinite and not asked for", |x| {
            let losses = x[0].log_softmax(-1).ctc_loss(x[1], x[2], x[3], 0);
            losses.lt(1e30).select(losses, 0.0)
        })
        .filled(&[2, 4, 4], DType::F32, Fill::Uniform(-3.0, 3.0))
        .filled(&[2, 3], DType::I32, ints(&[3, 3, 3, 1, 2, 2]))
        .filled(&[2], DType::I32, ints(&[4, 4]))
        .filled(&[2], DType::I32, ints(&[3, 3])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{GradientOptions, Graph, check_gradients};

    /// It is made of simple operators, so the kernels of those need no case of it.
    #[test]
    fn the_gradient_can_be_differentiated() -> Result<()> {
        let graph = Graph::new();
        let x = graph.input("x", &[3, 5, 3], DType::F32);
        let targets = graph.constant(Array::i32(&[3, 2], vec![1, 1, 2, 1, 1, 9])?);
        let times = graph.constant(Array::i32(&[3], vec![5, 4, 3])?);
        let labels = graph.constant(Array::i32(&[3], vec![2, 2, 0])?);
        let losses = x.log_softmax(-1).ctc_loss(targets, times, labels, 0);
        let slope = graph.gradients(losses.square().sum_all(), &[x])[0];
        let numbers = Fill::Uniform(-2.0, 2.0).numbers(45, 1);
        let values = [("x".to_string(), Array::from_f64(x.shape(), DType::F32, &numbers))];
        let options = GradientOptions { probes: 45, ..GradientOptions::default() };
        let report = check_gradients(&graph, slope.square().sum_all(), &[x], &values, &options)?;
        assert!(report.passed() && report.warnings().count() == 0, "{report}");
        Ok(())
    }
}
