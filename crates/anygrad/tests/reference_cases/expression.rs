//! Cases of operators: outputs y, and the gradients of L = sum of <y, dy>.

use anygrad::core::{Array, DType, Error};
use anygrad::gpu::{Program, Session};
use anygrad::graph::{Graph, Tensor};
use libtest_mimic::Failed;
use pollster::block_on;
use serde_json::Value;

use crate::case::{self, Case, Expected};
use crate::compare::Findings;
use crate::families;

/// The inputs and options from which a family builds the outputs of its operators.
pub struct Expression<'g> {
    pub graph: &'g Graph,
    pub case: &'g Case,
}

impl<'g> Expression<'g> {
    pub fn op(&self) -> &str {
        self.case.op()
    }

    /// The input of that name.
    pub fn input(&self, name: &str) -> Tensor<'g> {
        self.optional(name).unwrap_or_else(|| panic!("the case has no input {name}"))
    }

    /// The input of that name, if the case has it.
    pub fn optional(&self, name: &str) -> Option<Tensor<'g>> {
        self.graph.find(name)
    }

    /// All inputs.
    pub fn inputs(&self) -> Vec<Tensor<'g>> {
        self.case.inputs().iter().map(|input| self.input(case::text(input, "name"))).collect()
    }

    pub fn attribute(&self, name: &str) -> &'g Value {
        &self.case.manifest()["attrs"][name]
    }

    pub fn number(&self, name: &str) -> f64 {
        self.attribute(name).as_f64().unwrap_or_else(|| panic!("the case has no number {name}"))
    }

    pub fn integer(&self, name: &str) -> isize {
        self.attribute(name).as_i64().unwrap_or_else(|| panic!("the case has no integer {name}")) as isize
    }

    /// False where the case does not have it.
    pub fn flag(&self, name: &str) -> bool {
        self.attribute(name).as_bool().unwrap_or(false)
    }

    /// Empty where the case does not have it.
    pub fn text(&self, name: &str) -> &'g str {
        self.attribute(name).as_str().unwrap_or_default()
    }

    pub fn sizes(&self, name: &str) -> Vec<usize> {
        case::sizes(self.attribute(name))
    }

    /// The axes that are reduced; all where the case names none.
    pub fn axes(&self, x: Tensor<'g>) -> Vec<isize> {
        match self.attribute("axes").as_array() {
            Some(axes) => axes.iter().map(|axis| axis.as_i64().unwrap() as isize).collect(),
            None => x.all_axes(),
        }
    }
}

/// Outputs and gradients, and the gradients that flow in as further inputs of the graph.
pub struct Built<'g> {
    pub outputs: Vec<Tensor<'g>>,
    pub gradients: Vec<Tensor<'g>>,
}

/// Builds the case's expression and its gradients; None where no family knows the operator.
pub fn build<'g>(graph: &'g Graph, case: &'g Case) -> Option<Built<'g>> {
    for input in case.inputs() {
        graph.input(case::text(input, "name"), &case::sizes(&input["shape"]), case::dtype(input));
    }
    let expression = Expression { graph, case };
    let outputs = families::ALL.iter().find_map(|family| family(&expression))?;
    let mut loss = graph.scalar(0.0);
    for (output, expected) in outputs.iter().zip(case.outputs()) {
        if expected.upstream().is_some() {
            let slope = graph.input(&upstream(&expected), &expected.sizes(), DType::F32);
            loss = loss + (*output * slope).sum_all();
        }
    }
    let with_respect_to: Vec<_> = case.grads().iter().map(|grad| expression.input(grad.name)).collect();
    let gradients = match with_respect_to.is_empty() {
        true => Vec::new(),
        false => graph.gradients(loss, &with_respect_to),
    };
    Some(Built { outputs, gradients })
}

/// The name of the input that holds the gradient flowing into an output.
pub fn upstream(expected: &Expected<'_>) -> String {
    format!("gout.{}", expected.name)
}

impl Built<'_> {
    /// Compiles outputs and gradients for a session.
    pub fn compile(&self, graph: &Graph, session: &Session) -> Result<Program, Error> {
        session.compile(graph, &[&self.outputs[..], &self.gradients[..]].concat())
    }
}

/// Runs a case whose tensors are all in its file.
pub fn run(case: &Case, session: &Session) -> Result<(), Failed> {
    let graph = Graph::new();
    let built = build(&graph, case).ok_or_else(|| format!("no family builds {}", case.op()))?;
    let (outputs, grads) = (case.outputs(), case.grads());
    if built.outputs.len() != outputs.len() {
        return Err(
            format!("{} outputs were built, {} are wanted", built.outputs.len(), outputs.len()).into()
        );
    }
    let mut program = built.compile(&graph, session)?;
    for input in case.inputs() {
        program.write(case::text(input, "name"), case.tensor(case::text(input, "tensor"))?)?;
    }
    for output in &outputs {
        if let Some(key) = output.upstream().and_then(Value::as_str) {
            program.write(&upstream(output), case.tensor(key)?)?;
        }
    }
    program.run()?;
    let mut findings = Findings::default();
    for (place, expected) in outputs.iter().chain(&grads).enumerate() {
        let got: Array = block_on(program.read(place))?;
        findings.compare(expected.tensor, &got, case.tensor(expected.tensor)?, expected);
    }
    findings.result()
}
