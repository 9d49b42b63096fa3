use std::fmt;
use std::sync::Arc;

use anygrad_core::{Array, DType, Result, Shape};

use crate::{Graph, Tensor};

/// How far a kernel may be from the reference: `|got - want| <= absolute + relative * |want|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Share of the wanted value.
    pub relative: f64,
    /// Floor, for wanted values near zero.
    pub absolute: f64,
}

impl Tolerance {
    /// For results that must be equal: copies, comparisons, integers.
    pub const EXACT: Tolerance = Tolerance { relative: 0.0, absolute: 0.0 };

    /// A few units in the last place of `f32` (2^-24 each): one function or a short chain.
    pub const ROUNDING: Tolerance = Tolerance { relative: 5e-6, absolute: 1e-6 };

    /// A sum of `terms` numbers of magnitude up to 1: errors of rounding grow with the length, in
    /// the worst case linearly and in a tree with its depth; the square root covers both.
    pub fn sum(terms: usize) -> Tolerance {
        Tolerance { relative: 5e-6, absolute: 1e-6 * (terms.max(1) as f64).sqrt() }
    }
}

/// An element that is further from the wanted one than a tolerance allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// The position of the element.
    pub at: usize,
    /// What was computed.
    pub got: f64,
    /// What was wanted.
    pub want: f64,
    /// How many elements are too far off.
    pub count: usize,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "element {} is {}, wanted {}; {} elements are off",
            self.at, self.got, self.want, self.count
        )
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Tolerance::EXACT {
            return f.write_str("exact");
        }
        write!(f, "{:.1e} + {:.1e} |y|", self.absolute, self.relative)
    }
}

impl Tolerance {
    /// How many times the allowed error an element is off: at most 1 passes. NaN and the infinities
    /// must be met exactly.
    pub fn share(&self, got: f64, want: f64) -> f64 {
        if got == want || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        let allowed = self.absolute + self.relative * want.abs();
        let share = (got - want).abs() / allowed;
        if share.is_nan() || !want.is_finite() || !got.is_finite() { f64::INFINITY } else { share }
    }

    /// The element that is off most, if one is off too far.
    pub fn compare(&self, got: &[f64], want: &[f64]) -> Option<Mismatch> {
        if got.len() != want.len() {
            return Some(Mismatch { at: got.len().min(want.len()), got: f64::NAN, want: f64::NAN, count: 1 });
        }
        let mut worst: Option<(f64, Mismatch)> = None;
        let mut count = 0;
        for (at, (&got, &want)) in got.iter().zip(want).enumerate() {
            let share = self.share(got, want);
            if share > 1.0 {
                count += 1;
                if worst.as_ref().is_none_or(|(known, _)| share > *known) {
                    worst = Some((share, Mismatch { at, got, want, count: 0 }));
                }
            }
        }
        worst.map(|(_, mismatch)| Mismatch { count, ..mismatch })
    }
}

/// What an input of a case is filled with. Numbers follow from the position alone, so a case is
/// the same everywhere.
#[derive(Clone, Debug)]
pub enum Fill {
    /// Evenly spread numbers in `[low, high)`.
    Uniform(f64, f64),
    /// Whole numbers in `[0, below)`.
    Below(usize),
    /// These numbers.
    Given(Vec<f64>),
    /// A permutation of distinct numbers in `[low, high)`: for maxima, whose gradient needs a
    /// unique winner.
    Distinct(f64, f64),
}

type Build = dyn for<'g> Fn(&[Tensor<'g>]) -> Vec<Tensor<'g>> + Send + Sync;

/// One check of an operator: an expression and the inputs to try it on.
///
/// The interpreter's gradient check, the GPU conformance test and `verify` all run it.
#[derive(Clone)]
pub struct Case {
    /// Operator first, then what is special: `"softmax 65 columns"`.
    pub name: String,
    /// The inputs.
    pub inputs: Vec<(Shape, DType, Fill)>,
    /// The allowed error of the outputs.
    pub tolerance: Tolerance,
    /// The allowed error of the gradients.
    pub gradient_tolerance: Tolerance,
    /// Whether gradients are checked against finite differences and between engines.
    pub differentiable: bool,
    build: Arc<Build>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Case({}, {:?})", self.name, self.inputs)
    }
}

impl Case {
    /// A case of an expression with one result.
    pub fn new(
        name: impl Into<String>,
        build: impl for<'g> Fn(&[Tensor<'g>]) -> Tensor<'g> + Send + Sync + 'static,
    ) -> Self {
        Case::many(name, move |x| vec![build(x)])
    }

    /// A case of an expression with several results.
    pub fn many(
        name: impl Into<String>,
        build: impl for<'g> Fn(&[Tensor<'g>]) -> Vec<Tensor<'g>> + Send + Sync + 'static,
    ) -> Self {
        Case {
            name: name.into(),
            inputs: Vec::new(),
            tolerance: Tolerance::ROUNDING,
            gradient_tolerance: Tolerance { relative: 2e-5, absolute: 4e-6 },
            differentiable: true,
            build: Arc::new(build),
        }
    }

    /// Adds an `f32` input of numbers in `[-1, 1)`.
    pub fn input(self, sizes: &[usize]) -> Self {
        self.filled(sizes, DType::F32, Fill::Uniform(-1.0, 1.0))
    }

    /// Adds an input.
    ///
    /// # Panics
    /// More than eight axes: cases are written by us.
    pub fn filled(mut self, sizes: &[usize], dtype: DType, fill: Fill) -> Self {
        self.inputs.push((Shape::new(sizes).unwrap_or_else(|e| panic!("{}: {e}", self.name)), dtype, fill));
        self
    }

    /// Sets the tolerance of the outputs.
    pub fn tolerance(mut self, tolerance: Tolerance) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Sets the tolerance of the gradients.
    pub fn gradient_tolerance(mut self, tolerance: Tolerance) -> Self {
        self.gradient_tolerance = tolerance;
        self
    }

    /// Checks the forward pass only: integers, steps, places without a derivative.
    pub fn forward_only(mut self) -> Self {
        self.differentiable = false;
        self
    }

    /// The operator: the first word of the name.
    pub fn op(&self) -> &str {
        self.name.split(' ').next().unwrap_or("")
    }

    /// The inputs `x0`, `x1`, ... of the graph, filled.
    pub fn arrays(&self) -> Vec<(String, Array)> {
        self.arrays_seeded(0)
    }

    /// As [`Case::arrays`], with other numbers for another seed.
    pub fn arrays_seeded(&self, seed: u64) -> Vec<(String, Array)> {
        let array = |(i, (shape, dtype, fill)): (usize, &(Shape, DType, Fill))| {
            let numbers = fill.numbers(shape.elements(), seed.wrapping_mul(31).wrapping_add(i as u64 + 1));
            (format!("x{i}"), Array::from_f64(*shape, *dtype, &numbers))
        };
        self.inputs.iter().enumerate().map(array).collect()
    }

    /// The results of the expression, and, when differentiable, the gradients of a loss made from
    /// them with respect to each float input.
    ///
    /// The loss is the sum of every result times weights that differ from element to element, in
    /// the middle of a longer expression: a gradient that forgets the one that arrives shows.
    ///
    /// # Errors
    /// The expression is not valid.
    pub fn graph<'g>(&self, graph: &'g Graph) -> Result<CaseGraph<'g>> {
        let inputs: Vec<Tensor<'g>> = self
            .inputs
            .iter()
            .enumerate()
            .map(|(i, (shape, dtype, _))| graph.input(&format!("x{i}"), shape, *dtype))
            .collect();
        let results = (self.build)(&inputs);
        graph.check()?;
        let mut built = CaseGraph { results, loss: None, gradients: Vec::new() };
        if self.differentiable {
            let weighted = |(i, &y): (usize, &Tensor<'g>)| {
                let weights = Fill::Uniform(0.5, 1.5).numbers(y.shape().elements(), 77 + i as u64);
                let weights = graph.constant(Array::from_f64(y.shape(), DType::F32, &weights));
                (y * weights).sum_all() * 1.5
            };
            let floats = built.results.iter().enumerate().filter(|(_, y)| y.dtype().is_float());
            built.loss = floats.map(weighted).reduce(|a, b| a + b);
        }
        if let Some(loss) = built.loss {
            let wrt: Vec<_> = inputs.iter().enumerate().filter(|(_, x)| x.dtype().is_float()).collect();
            let gradients = graph.gradients(loss, &wrt.iter().map(|(_, x)| **x).collect::<Vec<_>>());
            built.gradients = wrt.iter().map(|(i, _)| *i).zip(gradients).collect();
            graph.check()?;
        }
        Ok(built)
    }
}

/// The graph of a case.
pub struct CaseGraph<'g> {
    /// The results of the expression.
    pub results: Vec<Tensor<'g>>,
    /// A loss made from the results, when the case is differentiable.
    pub loss: Option<Tensor<'g>>,
    /// The number of each float input, with the gradient of the loss with respect to it.
    pub gradients: Vec<(usize, Tensor<'g>)>,
}

impl<'g> CaseGraph<'g> {
    /// Results, then gradients.
    pub fn outputs(&self) -> Vec<Tensor<'g>> {
        self.results.iter().copied().chain(self.gradients.iter().map(|(_, dx)| *dx)).collect()
    }
}

impl Fill {
    /// `count` numbers.
    pub fn numbers(&self, count: usize, seed: u64) -> Vec<f64> {
        match self {
            Fill::Uniform(low, high) => {
                (0..count as u64).map(|i| low + (high - low) * unit(i, seed)).collect()
            }
            Fill::Below(below) => {
                (0..count as u64).map(|i| (unit(i, seed) * *below as f64).floor()).collect()
            }
            Fill::Given(numbers) => numbers.iter().copied().cycle().take(count).collect(),
            Fill::Distinct(low, high) => {
                let mut order: Vec<u64> = (0..count as u64).collect();
                order.sort_by(|&a, &b| unit(a, seed).total_cmp(&unit(b, seed)));
                order.iter().map(|&rank| low + (high - low) * (rank as f64 + 0.5) / count as f64).collect()
            }
        }
    }
}

/// A number in `[0, 1)` from a position and a seed: splitmix64 (Steele, Lea, Flood 2014).
fn unit(index: u64, seed: u64) -> f64 {
    let mut z = index
        .wrapping_add(seed.wrapping_mul(0x9E37_79B9))
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((z ^ (z >> 31)) >> 40) as f64 / (1u64 << 24) as f64
}
