//! Gradients against central differences: for a user's own graph, and for the operators themselves.

use std::fmt;

use anygrad_core::{Array, Error, Result};

use crate::{Graph, Interpreter, Meta, Origin, Precision, Tensor, ValueId, Values};

/// How gradients are checked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GradientOptions {
    /// Elements of each parameter that are tried: all where it has no more, otherwise so many spread
    /// evenly, the first and the last among them, and the one with the largest gradient. Each takes two
    /// runs of the graph at least.
    pub probes: usize,
    /// How far an element x is moved to either side, times max(1, |x|). Differences err by a multiple of
    /// its square, and by rounding over it. Where they do not agree with the gradient, longer and shorter
    /// steps are tried: neither rounding nor a kink beside the element is a mistake.
    pub step: f64,
    /// What a gradient may be off by, relative to the largest of its parameter; beside it there is a floor
    /// of 1e-9 max(1, |loss|), which differences cannot see below.
    pub tolerance: f64,
}

impl Default for GradientOptions {
    /// 32 probes, steps of 1e-5, a tolerance of 2e-6.
    fn default() -> Self {
        GradientOptions { probes: 32, step: 1e-5, tolerance: 2e-6 }
    }
}

/// What was found about one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientVerdict {
    /// Gradients and differences agree.
    Holds,
    /// They do not.
    Differs,
    /// The loss does not depend on the parameter: it learns nothing.
    Unreached,
    /// The loss depends on it, and all of its gradient is 0, as the differences say too: a dead unit, or
    /// a value that is rounded or compared on the way.
    Zeros,
    /// The loss or a gradient is NaN or infinite.
    NotFinite,
}

impl GradientVerdict {
    /// Whether it is no mistake.
    pub fn passes(self) -> bool {
        matches!(self, GradientVerdict::Holds | GradientVerdict::Unreached | GradientVerdict::Zeros)
    }
}

/// One element that was tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// Its index along each axis.
    pub index: Vec<usize>,
    /// The gradient of the graph.
    pub gradient: f64,
    /// What the differences say.
    pub difference: f64,
}

/// What was found about one parameter, with figures.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterCheck {
    /// The name of the input or state.
    pub name: String,
    /// Its shape and dtype.
    pub meta: Meta,
    /// How many elements were tried.
    pub probed: usize,
    /// How many of them stand at a kink, as relu's at 0, where the gradient lies between the slopes of
    /// the two sides.
    pub kinks: usize,
    /// The largest error of an element.
    pub absolute_error: f64,
    /// The largest error, relative to the largest gradient of the parameter.
    pub relative_error: f64,
    /// The element with the largest error.
    pub worst: Option<Probe>,
    /// The result.
    pub verdict: GradientVerdict,
}

/// What [`check_gradients`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct GradientReport {
    /// The loss at the values given.
    pub loss: f64,
    /// One entry per parameter, in the order they were given.
    pub parameters: Vec<ParameterCheck>,
}

impl GradientReport {
    /// Whether no gradient is wrong. Parameters without a gradient do not count; see
    /// [`GradientReport::warnings`].
    pub fn passed(&self) -> bool {
        self.parameters.iter().all(|parameter| parameter.verdict.passes())
    }

    /// Parameters that receive no gradient, or only zeros.
    pub fn warnings(&self) -> impl Iterator<Item = &ParameterCheck> {
        self.parameters
            .iter()
            .filter(|p| matches!(p.verdict, GradientVerdict::Unreached | GradientVerdict::Zeros))
    }
}

/// Compares the gradients of a scalar loss, as [`Graph::gradients`] makes them, with central differences
/// in double precision. `parameters` are inputs or states of the graph; `values` names what is written to
/// inputs and states before; states without a value hold zeros. Nothing is updated, and the graph gains
/// nodes for the gradients.
///
/// ```
/// use anygrad_core::Array;
/// use anygrad_graph::{Graph, GradientOptions, check_gradients};
///
/// let graph = Graph::new();
/// let w = graph.state("w", &[3]);
/// let loss = (w.tanh() * w).sum_all();
/// let values = [("w".to_string(), Array::f32(&[3], vec![0.5, -1.0, 2.0])?)];
/// let report = check_gradients(&graph, loss, &[w], &values, &GradientOptions::default())?;
/// assert!(report.passed(), "{report}");
/// # Ok::<(), anygrad_core::Error>(())
/// ```
///
/// # Errors
/// The graph holds a mistake, the loss is not one float, a parameter is neither an input nor a state of
/// floats, or an input has no value or one of another shape.
#[track_caller]
pub fn check_gradients<'g>(
    graph: &'g Graph,
    loss: Tensor<'g>,
    parameters: &[Tensor<'g>],
    values: &[(String, Array)],
    options: &GradientOptions,
) -> Result<GradientReport> {
    graph.check()?;
    let reached = graph.needed(&[loss.id()]);
    let gradients = graph.gradients(loss, parameters);
    graph.check()?;
    let mut cpu = Interpreter::new(Precision::F64);
    for (name, array) in values {
        cpu.write(name, array);
    }
    let mut wanted = vec![loss.id()];
    wanted.extend(gradients.iter().map(|gradient| gradient.id()));
    let results = cpu.evaluate(graph, &wanted)?;
    let mut check = Check { graph, loss: loss.id(), at: results[0].data[0], cpu, options };
    let checked = parameters
        .iter()
        .zip(&results[1..])
        .map(|(parameter, gradient)| check.parameter(*parameter, gradient, reached[parameter.id().index()]));
    let parameters = checked.collect::<Result<Vec<_>>>()?;
    Ok(GradientReport { loss: check.at, parameters })
}

/// What all parameters share.
struct Check<'g, 'o> {
    graph: &'g Graph,
    loss: ValueId,
    /// The loss at the values given.
    at: f64,
    cpu: Interpreter,
    options: &'o GradientOptions,
}

/// Slopes of the loss along one element.
struct Slopes {
    left: f64,
    right: f64,
    central: f64,
}

impl Check<'_, '_> {
    fn parameter(&mut self, x: Tensor<'_>, gradient: &Values, reached: bool) -> Result<ParameterCheck> {
        let (Origin::Input(name) | Origin::State(name)) = self.graph.origin(x.id()) else {
            return Err(Error::input(format!(
                "gradients of inputs and states can be checked, not of a result {}",
                x.meta()
            )));
        };
        if !x.dtype().is_float() {
            return Err(Error::input(format!("{name:?} is {}: only floats have gradients", x.meta())));
        }
        let mut found = ParameterCheck {
            name,
            meta: x.meta(),
            probed: 0,
            kinks: 0,
            absolute_error: 0.0,
            relative_error: 0.0,
            worst: None,
            verdict: if reached { GradientVerdict::Holds } else { GradientVerdict::Unreached },
        };
        let odd = gradient.data.iter().position(|g| !g.is_finite());
        if odd.is_some() || !self.at.is_finite() {
            found.verdict = GradientVerdict::NotFinite;
            found.worst = odd.map(|at| Probe {
                index: found.meta.shape.index_of(at),
                gradient: gradient.data[at],
                difference: f64::NAN,
            });
            return Ok(found);
        }
        if !reached {
            return Ok(found);
        }
        let scale = gradient.data.iter().fold(0.0f64, |a, b| a.max(b.abs()));
        let start = self.cpu.values(&found.name).unwrap_or_else(|| Values::zeros(found.meta));
        for at in self.places(&gradient.data, scale) {
            self.probe(&mut found, &start, at, gradient.data[at], scale)?;
        }
        self.cpu.write_values(&found.name, start);
        if found.verdict == GradientVerdict::Holds && scale == 0.0 && !gradient.data.is_empty() {
            found.verdict = GradientVerdict::Zeros;
        }
        Ok(found)
    }

    /// The elements that are tried.
    fn places(&self, gradient: &[f64], scale: f64) -> Vec<usize> {
        let count = gradient.len();
        let probes = self.options.probes.min(count);
        let mut places: Vec<usize> =
            (0..probes).map(|probe| probe * (count - 1) / (probes - 1).max(1)).collect();
        places.extend(gradient.iter().position(|g| g.abs() == scale).filter(|at| !places.contains(at)));
        places
    }

    fn probe(
        &mut self,
        found: &mut ParameterCheck,
        start: &Values,
        at: usize,
        got: f64,
        scale: f64,
    ) -> Result<()> {
        let floor = 1e-9 * self.at.abs().max(1.0);
        let mut best = (f64::INFINITY, f64::NAN);
        let mut fits = false;
        let mut slopes = None;
        // Longer where rounding may be to blame, as in the sum of many terms; shorter for a kink beside.
        for factor in [1.0, 32.0, 1.0 / 32.0, 1.0 / 1024.0] {
            let step = self.options.step * factor * start.data[at].abs().max(1.0);
            let tried = self.slopes(&found.name, start, at, step)?;
            let error = (got - tried.central).abs();
            if error < best.0 || best.1.is_nan() {
                best = (error, tried.central);
            }
            fits = error <= self.options.tolerance * scale.max(tried.central.abs()) + floor;
            slopes.get_or_insert(tried);
            if fits {
                break;
            }
        }
        found.probed += 1;
        if !fits && slopes.is_some_and(|slopes| slopes.bend_at(got, scale + floor)) {
            found.kinks += 1;
            return Ok(());
        }
        if !fits {
            found.verdict = GradientVerdict::Differs;
        }
        let relative = best.0 / scale.max(best.1.abs());
        if found.worst.is_none() || best.0 > found.absolute_error || best.0.is_nan() {
            found.absolute_error = best.0;
            found.worst =
                Some(Probe { index: found.meta.shape.index_of(at), gradient: got, difference: best.1 });
        }
        if relative > found.relative_error {
            found.relative_error = relative;
        }
        Ok(())
    }

    fn slopes(&mut self, name: &str, start: &Values, at: usize, step: f64) -> Result<Slopes> {
        let mut loss_at = |shift: f64| {
            let mut moved = start.clone();
            moved.data[at] += shift;
            self.cpu.write_values(name, moved);
            self.cpu.evaluate(self.graph, &[self.loss]).map(|values| values[0].data[0])
        };
        let (low, high) = (loss_at(-step)?, loss_at(step)?);
        Ok(Slopes {
            left: (self.at - low) / step,
            right: (high - self.at) / step,
            central: (high - low) / (2.0 * step),
        })
    }
}

impl Slopes {
    /// Whether the two sides clearly differ, and the gradient lies between them.
    fn bend_at(&self, gradient: f64, scale: f64) -> bool {
        let (low, high) = (self.left.min(self.right), self.left.max(self.right));
        let slack = 1e-3 * scale.max(low.abs()).max(high.abs());
        high - low > slack && gradient >= low - slack && gradient <= high + slack
    }
}

impl fmt::Display for ParameterCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.name, self.meta)?;
        match (self.verdict, &self.worst) {
            (GradientVerdict::Unreached, _) => f.write_str("no gradient, the loss does not depend on it"),
            (GradientVerdict::Zeros, _) => {
                write!(f, "the gradient is all zeros, {} elements tried", self.probed)
            }
            (GradientVerdict::NotFinite, Some(worst)) => {
                write!(f, "NOT FINITE, the gradient at {:?} is {}", worst.index, worst.gradient)
            }
            (GradientVerdict::NotFinite, None) => f.write_str("NOT FINITE, the loss is not"),
            (verdict, worst) => {
                f.write_str(if verdict == GradientVerdict::Holds { "holds" } else { "DIFFERS" })?;
                write!(f, ", {} elements tried", self.probed)?;
                if self.kinks > 0 {
                    write!(f, " ({} at a kink)", self.kinks)?;
                }
                let Some(worst) = worst else { return Ok(()) };
                write!(
                    f,
                    ", worst error {:.1e}, relative {:.1e}, at {:?}: gradient {:.9e}, differences {:.9e}",
                    self.absolute_error, self.relative_error, worst.index, worst.gradient, worst.difference
                )
            }
        }
    }
}

impl fmt::Display for GradientReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.parameters.iter().filter(|p| !p.verdict.passes()).count();
        writeln!(
            f,
            "loss {}: {} parameters, {wrong} with a wrong gradient, {} without one",
            self.loss,
            self.parameters.len(),
            self.warnings().count()
        )?;
        self.parameters.iter().try_for_each(|parameter| writeln!(f, "  {parameter}"))
    }
}
