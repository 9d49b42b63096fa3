//! What is summed over batches on the device: the loss and what metrics need.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_graph::{Graph, Tensor};

use super::Metric;
use crate::Loss;

/// Most answers of one batch: whole numbers that `f32` holds.
const MAX_ANSWERS: usize = 1 << 24;

/// scikit-learn's divisor for targets of 0: the distance from 1 to the next number in double precision.
const SMALLEST_TARGET: f64 = f64::EPSILON;

/// Sums of `f32` over batches stand in so many parts, each of every so manyth batch: few additions round, and
/// the host adds the parts in double precision.
pub(crate) const PARTS: usize = 256;

/// What the predictions of a loss say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// One of so many classes, the last axis.
    Classes(usize),
    /// One number that says yes or no.
    YesNo,
    /// So many numbers, the last axis, each of which says yes or no.
    Labels(usize),
}

impl Answers {
    /// `predictions` with the batch in front.
    pub(crate) fn of(loss: &Loss, predictions: &Shape) -> Self {
        let last = if predictions.rank() > 1 { predictions[predictions.rank() - 1] } else { 1 };
        match last {
            1 => Answers::YesNo,
            _ if loss.takes_classes() || loss.takes_distributions() => Answers::Classes(last),
            _ => Answers::Labels(last),
        }
    }

    /// The classes that are counted: no and yes are two.
    pub(crate) fn classes(self) -> usize {
        match self {
            Answers::Classes(classes) | Answers::Labels(classes) => classes,
            Answers::YesNo => 2,
        }
    }
}

/// A sum of `f32`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sum {
    /// Of the loss, by rows.
    Loss,
    LogLosses,
    AbsoluteErrors,
    SquaredErrors,
    /// One for each column of the predictions.
    SquaredErrorsByColumn,
    RelativeErrors,
}

/// A count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Count {
    /// Answers to targets that are not ignored, where some may be.
    Answers,
    Right,
    /// Predictions on the targets' side of a border.
    RightOf(f64),
    /// Rows whose class is among the first so many.
    RightAmong(usize),
    /// Hits, answers and rows of each class.
    Classes,
    /// Answers of each class, for each true class.
    Confusion,
}

/// Which sums and counts the metrics need, and where each stands among the others.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    pub(super) answers: Answers,
    /// Numbers in a row of the predictions.
    pub(super) columns: usize,
    sums: Vec<(Sum, usize)>,
    counts: Vec<(Count, usize)>,
    /// Whether the scores of all rows are needed.
    pub(crate) collects: bool,
}

/// What one batch adds to the sums and to the counts, `[c]`, and its scores.
pub(crate) struct Batch<'g> {
    sums: Sums<'g>,
    pub(crate) counts: Option<Tensor<'g>>,
    pub(crate) scores: Option<Tensor<'g>>,
}

enum Sums<'g> {
    /// A scalar and its factor.
    One(Tensor<'g>, f64),
    Line(Tensor<'g>),
}

impl Tally {
    /// `predictions` with the batch in front.
    pub(crate) fn new(metrics: &[Metric], loss: &Loss, predictions: &Shape) -> Result<Self> {
        let answers = Answers::of(loss, predictions);
        let columns = predictions.iter().skip(1).product::<usize>().max(1);
        let mut tally =
            Tally { answers, columns, sums: vec![(Sum::Loss, 1)], counts: Vec::new(), collects: false };
        let ignores = matches!(answers, Answers::Classes(_)) && loss.ignore_index().is_some();
        for metric in metrics {
            metric.check(answers, loss)?;
            tally.collects |= metric.is_area();
            let (sums, mut counts) = metric.needs();
            counts.retain(|count| *count != Count::Answers || ignores);
            for &sum in sums {
                let length = if sum == Sum::SquaredErrorsByColumn { columns } else { 1 };
                if !tally.sums.iter().any(|(known, _)| *known == sum) {
                    tally.sums.push((sum, length));
                }
            }
            for count in counts {
                let classes = answers.classes();
                let length = match count {
                    Count::Classes => 3 * classes,
                    Count::Confusion => classes * classes,
                    _ => 1,
                };
                if !tally.counts.iter().any(|(known, _)| *known == count) {
                    tally.counts.push((count, length));
                }
            }
        }
        Ok(tally)
    }

    /// How many sums there are.
    pub(crate) fn sums(&self) -> usize {
        self.sums.iter().map(|(_, length)| length).sum()
    }

    /// How many counts there are.
    pub(crate) fn counts(&self) -> usize {
        self.counts.iter().map(|(_, length)| length).sum()
    }

    pub(super) fn sum<'a>(&self, sums: &'a [f64], which: Sum) -> &'a [f64] {
        part(&self.sums, sums, &which)
    }

    pub(super) fn count<'a>(&self, counts: &'a [u64], which: Count) -> &'a [u64] {
        part(&self.counts, counts, &which)
    }

    /// What a batch adds: predictions and targets as the loss takes them, and the mean loss with its
    /// penalties.
    #[track_caller]
    pub(crate) fn batch<'g>(&self, loss: &Loss, mean: Tensor<'g>, p: Tensor<'g>, t: Tensor<'g>) -> Batch<'g> {
        let graph = p.graph();
        let rows = p.shape()[0];
        let answers = self.answers;
        let asked = Asked { loss, answers, p, t };
        if !self.counts.is_empty() && p.shape().elements() / asked.width() > MAX_ANSWERS {
            let message =
                format!("{} answers in a batch, {MAX_ANSWERS} can be counted", p.shape().elements());
            let failed = p.fail(Error::unsupported(message));
            return Batch { sums: Sums::Line(failed), counts: None, scores: None };
        }
        let sums = if self.sums.len() == 1 {
            Sums::One(mean, rows as f64)
        } else {
            let parts = self.sums.iter().map(|&(sum, _)| match sum {
                Sum::Loss => mean * rows as f64,
                sum => asked.sum(sum),
            });
            Sums::Line(in_line(graph, &parts.collect::<Vec<_>>()))
        };
        let counts = self.counts.iter().map(|&(count, length)| asked.count(count).reshape(&[length]));
        let counts: Vec<Tensor<'g>> = counts.map(|count| count.cast(DType::U32)).collect();
        let counts = (!counts.is_empty()).then(|| graph.concat(&counts, 0));
        Batch { sums, counts, scores: self.collects.then(|| asked.scores()) }
    }
}

/// The numbers of one quantity, or none.
fn part<'a, Q: PartialEq, T>(all: &[(Q, usize)], numbers: &'a [T], which: &Q) -> &'a [T] {
    let mut first = 0;
    for (quantity, length) in all {
        if quantity == which {
            return numbers.get(first..first + length).unwrap_or(&[]);
        }
        first += length;
    }
    &[]
}

impl<'g> Batch<'g> {
    /// How many sums there are.
    pub(crate) fn width(&self) -> usize {
        match self.sums {
            Sums::One(..) => 1,
            Sums::Line(line) => line.shape().elements(),
        }
    }

    /// Adds to sums `[parts, m]` in one part, whose number is `part`, and goes to the next.
    pub(crate) fn add_to(&self, sums: Tensor<'g>, part: Tensor<'g>) {
        let graph = sums.graph();
        let numbers: Vec<f64> = (0..PARTS).map(|part| part as f64).collect();
        let column = Shape::new(&[PARTS, 1]).unwrap_or(Shape::SCALAR);
        let column = graph.constant(Array::from_f64(column, DType::U32, &numbers));
        let x = match self.sums {
            Sums::One(x, factor) => x.broadcast_to(&sums.shape()) * factor,
            Sums::Line(line) => line.broadcast_to(&sums.shape()),
        };
        graph.update(sums, sums + column.eq(part).select(x, 0.0));
        let whole = |number: f64| graph.constant(Array::from_f64(Shape::SCALAR, DType::U32, &[number]));
        let next = part + whole(1.0);
        graph.update(part, next.eq(whole(PARTS as f64)).select(whole(0.0), next));
    }
}

/// Scalars and vectors one behind the other, scalars without a kernel of their own.
fn in_line<'g>(graph: &'g Graph, parts: &[Tensor<'g>]) -> Tensor<'g> {
    if parts.iter().any(|x| x.shape().rank() > 0) {
        let lines: Vec<_> = parts.iter().map(|x| x.reshape(&[x.shape().elements()])).collect();
        return graph.concat(&lines, 0);
    }
    let length = parts.len();
    let places: Vec<f64> = (0..length).map(|place| place as f64).collect();
    let line = Shape::new(&[length]).unwrap_or(Shape::SCALAR);
    let line = graph.constant(Array::from_f64(line, DType::F32, &places));
    // The last one everywhere; those before it replace what stands in their places.
    let last = parts[length - 1].broadcast_to(&[length]);
    let before = parts[..length - 1].iter().enumerate().rev();
    before.fold(last, |later, (place, &part)| line.le(place as f64).select(part, later))
}

/// The predictions and targets of a batch, and what they mean.
struct Asked<'g, 'l> {
    loss: &'l Loss,
    answers: Answers,
    p: Tensor<'g>,
    t: Tensor<'g>,
}

impl<'g> Asked<'g, '_> {
    /// Numbers that make one answer.
    fn width(&self) -> usize {
        if let Answers::Classes(classes) = self.answers { classes } else { 1 }
    }

    /// Targets like the predictions.
    fn same(&self) -> Tensor<'g> {
        self.t.cast(DType::F32).reshape(&self.p.shape())
    }

    /// x as `[answers, width]`.
    fn by_answer(&self, x: Tensor<'g>) -> Tensor<'g> {
        let elements = x.shape().elements();
        x.reshape(&[elements / self.width().max(1), self.width()])
    }

    fn sum(&self, sum: Sum) -> Tensor<'g> {
        let (p, t) = (self.p, self.t);
        let error = || p - self.same();
        match sum {
            Sum::Loss => p.fail(Error::internal("the loss is summed by rows")),
            Sum::AbsoluteErrors => error().abs().sum_all(),
            Sum::SquaredErrors => error().square().sum_all(),
            Sum::SquaredErrorsByColumn => {
                let rows = p.shape()[0];
                error().square().reshape(&[rows, p.shape().elements() / rows.max(1)]).sum(&[0], false)
            }
            Sum::RelativeErrors => (error().abs() / self.same().abs().maximum(SMALLEST_TARGET)).sum_all(),
            Sum::LogLosses => match (self.loss.log_loss(), self.answers) {
                // The losses are means over the labels.
                (Some(loss), Answers::Labels(labels)) => loss.losses(p, t).sum_all() * labels as f64,
                (Some(loss), _) => loss.losses(p, t).sum_all(),
                (None, _) => p.fail(Error::internal("the loss has no log loss")),
            },
        }
    }

    /// Answers and truths of classes as `[answers]`, `i32`.
    fn classes(&self) -> (Tensor<'g>, Tensor<'g>) {
        let answer = place_of_largest(self.by_answer(self.p));
        let truth = if self.loss.takes_classes() {
            self.t.cast(DType::I32).reshape(&answer.shape())
        } else {
            place_of_largest(self.by_answer(self.same()))
        };
        (answer, truth)
    }

    /// Which targets count, where some may not.
    fn counted(&self, truth: Tensor<'g>) -> Option<Tensor<'g>> {
        let ignored = self.loss.ignore_index()?;
        Some(truth.ne(integers(truth.graph(), &[], &[f64::from(ignored)])))
    }

    fn only_counted(&self, truths: Tensor<'g>, truth: Tensor<'g>) -> Tensor<'g> {
        self.counted(truth).map_or(truths, |counted| counted.logical_and(truths))
    }

    /// Which answers and which targets say yes, for each class: `[answers, classes]`, truth values.
    fn by_class(&self) -> (Tensor<'g>, Tensor<'g>) {
        let (answer, truth) = match self.answers {
            Answers::Labels(labels) => {
                let (yes, wanted) = self.yes(self.border());
                let sizes = [yes.shape().elements() / labels, labels];
                return (yes.reshape(&sizes), wanted.reshape(&sizes));
            }
            Answers::YesNo => {
                let (yes, wanted) = self.yes(self.border());
                let line = [yes.shape().elements()];
                (yes.cast(DType::I32).reshape(&line), wanted.cast(DType::I32).reshape(&line))
            }
            Answers::Classes(_) => self.classes(),
        };
        let classes = self.answers.classes();
        let numbers: Vec<f64> = (0..classes).map(|class| class as f64).collect();
        let line = integers(self.p.graph(), &[classes], &numbers);
        let of = |x: Tensor<'g>| self.only_counted(x.unsqueeze(1).eq(line), truth.unsqueeze(1));
        (of(answer), of(truth))
    }

    /// Which predictions are above a border, and which targets say yes.
    fn yes(&self, border: f64) -> (Tensor<'g>, Tensor<'g>) {
        (self.p.gt(border), self.same().gt(0.5))
    }

    fn border(&self) -> f64 {
        if self.loss.takes_logits() { 0.0 } else { 0.5 }
    }

    fn count(&self, count: Count) -> Tensor<'g> {
        match (count, self.answers) {
            (Count::Answers, _) => {
                let (_, truth) = self.classes();
                self.counted(truth).unwrap_or_else(|| truth.eq(truth)).sum(&[0], false)
            }
            (Count::Right, Answers::Classes(_)) => {
                let (answer, truth) = self.classes();
                self.only_counted(answer.eq(truth), truth).sum(&[0], false)
            }
            (Count::Right, _) => self.count(Count::RightOf(self.border())),
            (Count::RightOf(border), _) => {
                let (yes, wanted) = self.yes(border);
                yes.logical_xor(wanted).logical_not().sum_all()
            }
            (Count::RightAmong(k), _) => {
                let (_, truth) = self.classes();
                let p = self.by_answer(self.p);
                let classes = self.answers.classes();
                let numbers: Vec<f64> = (0..classes).map(|class| class as f64).collect();
                let is_it = truth.unsqueeze(1).eq(integers(p.graph(), &[classes], &numbers));
                let own = is_it.select(p, 0.0).sum(&[1], true);
                // Counted from below, so that a NaN, which is not below anything, is wrong.
                let not_above = p.le(own).sum(&[1], false);
                let enough = integers(p.graph(), &[], &[classes.saturating_sub(k) as f64]);
                self.only_counted(not_above.gt(enough), truth).sum(&[0], false)
            }
            (Count::Classes, _) => {
                let (answer, truth) = self.by_class();
                let of = |x: Tensor<'g>| x.sum(&[0], false);
                self.p.graph().concat(&[of(answer.logical_and(truth)), of(answer), of(truth)], 0)
            }
            (Count::Confusion, _) => {
                let (answer, truth) = self.by_class();
                truth.cast(DType::F32).t().matmul(answer.cast(DType::F32))
            }
        }
    }

    /// `[rows, ...]`: probabilities of classes, or what says yes as it is, which has the same order.
    fn scores(&self) -> Tensor<'g> {
        match self.answers {
            Answers::Classes(_) if self.loss.takes_logits() => self.p.softmax(-1),
            _ => self.p,
        }
    }
}

fn integers<'g>(graph: &'g Graph, sizes: &[usize], numbers: &[f64]) -> Tensor<'g> {
    graph.constant(Array::from_f64(Shape::new(sizes).unwrap_or(Shape::SCALAR), DType::I32, numbers))
}

/// The place of the largest element along the last axis, the first of equals, as `i32`; the number of
/// places where there is a NaN.
fn place_of_largest(p: Tensor<'_>) -> Tensor<'_> {
    let places = p.shape().last().copied().unwrap_or(1);
    let numbers: Vec<f64> = (0..places).map(|place| place as f64).collect();
    let line = p.graph().constant(Array::from_f64(
        Shape::new(&[places]).unwrap_or(Shape::SCALAR),
        DType::F32,
        &numbers,
    ));
    let largest = p.eq(p.max(&[-1], true));
    largest.select(line, places as f64).min(&[-1], false).cast(DType::I32)
}
