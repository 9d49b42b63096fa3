//! Cases of operators: outputs y, and the gradients of L = sum of <y, dy>.

use std::cell::RefCell;

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::{Program, Session};
use anygrad_graph::{Graph, Tensor};
use serde_json::Value;

use super::case::Case;
use super::compare::Outcome;
use super::manifest::{Expected, Upstream};
use super::{families, unknown};

/// The inputs and options from which a family builds the outputs of its operators.
///
/// An option that is missing is noted, and something harmless stands in for it: the code that builds
/// outputs reads without `?`.
pub(crate) struct Expression<'g> {
    pub graph: &'g Graph,
    pub case: &'g Case,
    /// The first thing that was missing.
    missing: RefCell<Option<Error>>,
}

impl<'g> Expression<'g> {
    pub fn op(&self) -> &str {
        self.case.op()
    }

    /// The input of that name.
    pub fn input(&self, name: &str) -> Tensor<'g> {
        self.optional(name).unwrap_or_else(|| {
            self.fail(format!("the case has no input {name:?}"));
            self.graph.scalar(0.0)
        })
    }

    /// The input of that name, if the case has it.
    pub fn optional(&self, name: &str) -> Option<Tensor<'g>> {
        self.graph.find(name)
    }

    /// All inputs, in their order; at least `least` of them.
    pub fn inputs(&self, least: usize) -> Vec<Tensor<'g>> {
        let mut inputs: Vec<_> =
            self.case.manifest.inputs.iter().map(|input| self.input(&input.name)).collect();
        if inputs.len() < least {
            self.fail(format!("the case has {} inputs, {least} are needed", inputs.len()));
            inputs.resize(least, self.graph.scalar(0.0));
        }
        inputs
    }

    /// An attribute as it is written.
    pub fn attribute(&self, name: &str) -> &'g Value {
        self.case.manifest.attrs.get(name).unwrap_or(&Value::Null)
    }

    pub fn number(&self, name: &str) -> f64 {
        self.case.number(name).unwrap_or_else(|| {
            self.fail(format!("the case has no number {name:?}"));
            0.0
        })
    }

    pub fn integer(&self, name: &str) -> isize {
        self.attribute(name).as_i64().unwrap_or_else(|| {
            self.fail(format!("the case has no integer {name:?}"));
            0
        }) as isize
    }

    /// An integer that is not negative.
    pub fn count(&self, name: &str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or_else(|_| {
            self.fail(format!("{name} is negative"));
            1
        })
    }

    /// False where the case does not have it.
    pub fn flag(&self, name: &str) -> bool {
        self.case.flag(name)
    }

    /// Empty where the case does not have it.
    pub fn text(&self, name: &str) -> &'g str {
        self.case.text(name).unwrap_or_default()
    }

    /// A list of sizes.
    pub fn sizes(&self, name: &str) -> Vec<usize> {
        let sizes = self
            .attribute(name)
            .as_array()
            .and_then(|list| list.iter().map(|size| size.as_u64().map(|size| size as usize)).collect());
        sizes.unwrap_or_else(|| {
            self.fail(format!("the case has no list of sizes {name:?}"));
            Vec::new()
        })
    }

    /// A list of `N` sizes.
    pub fn sizes_of<const N: usize>(&self, name: &str) -> [usize; N] {
        let sizes = self.sizes(name);
        sizes.try_into().unwrap_or_else(|sizes: Vec<usize>| {
            self.fail(format!("{name} has {} entries, not {N}", sizes.len()));
            [1; N]
        })
    }

    /// The axes that are reduced; all where the case names none.
    pub fn axes(&self, x: Tensor<'g>) -> Vec<isize> {
        match self.attribute("axes").as_array() {
            Some(axes) => axes.iter().filter_map(Value::as_i64).map(|axis| axis as isize).collect(),
            None => x.all_axes(),
        }
    }

    /// Notes that the case cannot be built.
    pub fn fail(&self, message: impl Into<String>) {
        self.missing.borrow_mut().get_or_insert_with(|| Error::input(message.into()));
    }

    /// As [`Expression::fail`], for an option with a value that is not known.
    pub fn unknown(&self, what: &str, name: &str) -> Tensor<'g> {
        self.missing.borrow_mut().get_or_insert_with(|| unknown(what, name));
        self.graph.scalar(0.0)
    }
}

/// Outputs and gradients, and the gradients that flow in as further inputs of the graph.
pub(crate) struct Built<'g> {
    pub outputs: Vec<Tensor<'g>>,
    pub gradients: Vec<Tensor<'g>>,
}

/// Builds the case's expression and its gradients.
pub(crate) fn build<'g>(graph: &'g Graph, case: &'g Case) -> Result<Built<'g>> {
    for input in &case.manifest.inputs {
        graph.input(&input.name, &input.shape, stored(case, input.dtype.into()));
    }
    let expression = Expression { graph, case, missing: RefCell::default() };
    let outputs = families::ALL.iter().find_map(|family| family(&expression));
    if let Some(error) = expression.missing.take() {
        return Err(error);
    }
    let outputs = outputs.ok_or_else(|| unknown("operator", case.op()))?;
    graph.check()?;
    let wanted = case.manifest.outputs.len();
    if outputs.len() != wanted {
        return Err(Error::input(format!("{} outputs were built, {wanted} are wanted", outputs.len())));
    }
    let mut loss = graph.scalar(0.0);
    for (output, expected) in outputs.iter().zip(&case.manifest.outputs) {
        if expected.upstream.is_some() {
            let slope = graph.input(&upstream(expected), &expected.shape, DType::F32);
            loss = loss + (*output * slope).sum_all();
        }
    }
    let with_respect_to: Vec<_> =
        case.manifest.grads.iter().map(|grad| expression.input(&grad.name)).collect();
    if let Some(error) = expression.missing.take() {
        return Err(error);
    }
    let gradients = match with_respect_to.is_empty() {
        true => Vec::new(),
        false => graph.gradients(loss, &with_respect_to),
    };
    Ok(Built { outputs, gradients })
}

/// The dtype of an input while the case runs.
fn stored(case: &Case, dtype: DType) -> DType {
    if dtype == DType::F32 { case.storage() } else { dtype }
}

/// The name of the input that holds the gradient flowing into an output.
pub(crate) fn upstream(expected: &Expected) -> String {
    format!("gout.{}", expected.name)
}

impl Built<'_> {
    /// Compiles outputs and gradients for a session.
    pub fn compile(&self, graph: &Graph, session: &Session) -> Result<Program> {
        session.compile(graph, &[&self.outputs[..], &self.gradients[..]].concat())
    }
}

/// Runs a case whose tensors are all in its file.
pub(crate) async fn run(case: &Case, session: &Session) -> Result<Outcome> {
    let graph = Graph::new();
    let mut program = build(&graph, case)?.compile(&graph, session)?;
    let manifest = &case.manifest;
    for input in &manifest.inputs {
        let key =
            input.tensor.as_ref().ok_or_else(|| Error::input(format!("{} has no tensor", input.name)))?;
        let array = case.tensor(key)?;
        program.write(&input.name, &array.cast(stored(case, array.dtype())))?;
    }
    for output in &manifest.outputs {
        if let Some(Upstream::Tensor(key)) = &output.upstream {
            program.write(&upstream(output), case.tensor(key)?)?;
        }
    }
    program.run()?;
    let mut outcome = Outcome::default();
    for (place, expected) in manifest.outputs.iter().chain(&manifest.grads).enumerate() {
        let got = program.read(place).await?;
        if got.dtype().is_float() && got.dtype() != case.storage() {
            outcome.differs(format!("{} is {}, not {}", expected.tensor, got.dtype(), case.storage()));
        }
        let got = got.cast(got.dtype().widened());
        outcome.compare(&expected.tensor, &got, case.tensor(&expected.tensor)?, expected);
    }
    Ok(outcome)
}
