//! A model in somebody's graph: to build on it, to train it further, to explain it.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anygrad_core::{DType, Error, Result};
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::{Init, Layer, Scope};

use crate::import::{Importer, Parameter, constants};
use crate::node::typed;
use crate::scope::Key;
use crate::value::Value;
use crate::{Host, Model};

impl Model {
    /// The model's outputs as values of a graph, for these values of its inputs; the numbers of its initializers are
    /// constants. Inputs whose numbers decide shapes must be constants of the graph too.
    ///
    /// # Errors
    /// An input is missing, has a type or shape that does not fit, some operators cannot run here (all of them are
    /// named), or a shape depends on numbers that only a run can tell: for such models there is [`crate::Runner`].
    pub fn import<'g>(
        &self,
        graph: &'g Graph,
        inputs: &[(&str, Tensor<'g>)],
    ) -> Result<Vec<(String, Tensor<'g>)>> {
        self.import_with(graph, inputs, &constants)
    }

    fn import_with<'g>(
        &self,
        graph: &'g Graph,
        inputs: &[(&str, Tensor<'g>)],
        parameter: &Parameter<'_, 'g>,
    ) -> Result<Vec<(String, Tensor<'g>)>> {
        let ports = self.inputs();
        let mut given = HashMap::new();
        for (name, tensor) in inputs {
            let Some(port) = ports.iter().find(|port| port.name == *name) else {
                return Err(self.no_input(name));
            };
            // Where the model does not tell, the graph's own type is as good as any.
            let element = port.element.unwrap_or_else(|| crate::run::element_of(tensor.dtype()));
            if element.dtype() != Some(tensor.dtype()) {
                return Err(Error::shape(format!("{name:?} is {element} and was given {}", tensor.dtype())));
            }
            given.insert((*name).to_owned(), typed(*tensor, element));
        }
        self.check_sizes(inputs.iter().map(|(name, tensor)| (*name, tensor.shape().to_vec())))?;
        if let Some(port) = ports.iter().find(|port| !given.contains_key(&port.name)) {
            return Err(Error::input(format!("the input {:?} is missing", port.name)));
        }
        let memo = HashMap::new();
        let imported = Importer::new(self, graph, parameter, &memo).run(given)?;
        let names = self.outputs().into_iter().map(|port| port.name);
        let outputs = names.zip(imported.outputs).map(|(name, value)| {
            let tensor = whole(graph, &name, value, &imported.needs)?;
            Ok((name, tensor))
        });
        outputs.collect()
    }

    /// Type and sizes of the values that nodes make, in order, for these sizes of the inputs; the first output of each
    /// node that can be told without running the model.
    ///
    /// # Errors
    /// As [`Model::import`].
    pub fn shapes(&self, inputs: &[(&str, &[usize])]) -> Result<Vec<(String, String)>> {
        let graph = Graph::new();
        let mut given = HashMap::new();
        for port in self.inputs() {
            let Some((_, sizes)) = inputs.iter().find(|(name, _)| *name == port.name) else {
                return Err(Error::input(format!("the sizes of the input {:?} are missing", port.name)));
            };
            let dtype = port.element.and_then(crate::Element::dtype);
            let (Some(element), Some(dtype)) = (port.element, dtype) else {
                return Err(Error::unsupported(format!("the input {:?} is no tensor of numbers", port.name)));
            };
            given.insert(port.name.clone(), typed(graph.input(&port.name, sizes, dtype), element));
        }
        self.check_sizes(inputs.iter().map(|(name, sizes)| (*name, sizes.to_vec())))?;
        graph.check()?;
        let memo = HashMap::new();
        let values = Importer::new(self, &graph, &constants, &memo).run(given)?.values;
        let outputs = self.nodes().iter().filter_map(|node| node.output.first());
        let shape = |name: &String| match values.get(name)? {
            Value::Tensor(tensor, element) => Some((name.clone(), format!("{element}{}", tensor.shape()))),
            Value::Known(host) => Some((name.clone(), host.to_string())),
            Value::Sequence(_) | Value::Nothing | Value::Blocked => None,
        };
        Ok(outputs.filter_map(shape).collect())
    }

    /// The model up to a value in its midst, which becomes its only output: what a new head stands on.
    ///
    /// # Errors
    /// No node makes a value of this name.
    pub fn until(mut self, name: &str) -> Result<Self> {
        if !self.graph.node.iter().any(|node| node.output.iter().any(|output| output == name)) {
            return Err(Error::input(format!("no node of the model makes {name:?}")));
        }
        self.graph.output =
            vec![crate::proto::ValueInfoProto { name: Some(name.into()), ..Default::default() }];
        Ok(self)
    }

    /// That a name is none of the inputs.
    pub(crate) fn no_input(&self, name: &str) -> Error {
        let names: Vec<_> = self.inputs().into_iter().map(|port| format!("{:?}", port.name)).collect();
        Error::input(format!("the model has no input {name:?}; it has {}", names.join(", ")))
    }
}

fn whole<'g, T>(
    graph: &'g Graph,
    name: &str,
    value: Value<'g>,
    needs: &BTreeMap<Key, T>,
) -> Result<Tensor<'g>> {
    match value {
        Value::Tensor(tensor, _) => Ok(tensor),
        Value::Known(host) => Ok(graph.constant(host.to_array()?)),
        Value::Blocked => {
            let names: Vec<_> = needs.keys().take(5).map(|(_, name)| format!("{name:?}")).collect();
            Err(Error::unsupported(format!(
                "the output {name:?} depends on numbers that only a run can tell: {}",
                names.join(", ")
            )))
        }
        Value::Sequence(_) | Value::Nothing => {
            Err(Error::unsupported(format!("the output {name:?} is no tensor")))
        }
    }
}

/// A model as a layer: its floats are parameters, which start as they are in the file and are trained further.
///
/// The layer takes the model's only input and gives its first output. Statistics of batch norms stay as they are, as
/// usual when a trained model is trained further.
pub struct Pretrained {
    model: Model,
    /// Statistics: parameters that are not trained.
    fixed: HashSet<String>,
    /// Settings of operators: no parameters, although they are floats with an axis.
    settings: HashSet<String>,
    frozen: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl Pretrained {
    /// A model as a layer.
    ///
    /// # Errors
    /// The model has several inputs, or operators that no rule is known for.
    pub fn new(model: Model) -> Result<Self> {
        let unsupported = model.unsupported();
        if !unsupported.is_empty() {
            return Err(crate::import::refusal(&unsupported));
        }
        let inputs = model.inputs().len();
        if inputs != 1 {
            return Err(Error::unsupported(format!("a layer has one input, the model has {inputs}")));
        }
        // Scale and bias come before mean and variance.
        let fixed = inputs_of(&model, &[("BatchNormalization", &[3, 4])]);
        let settings = inputs_of(&model, &[("Resize", &[1, 2]), ("Upsample", &[1]), ("Pad", &[2])]);
        Ok(Pretrained { model, fixed, settings, frozen: Box::new(|_| false) })
    }

    /// Keeps the parameters as they are whose names these are.
    pub fn frozen(mut self, names: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.frozen = Box::new(names);
        self
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }
}

/// The names of these inputs of the nodes with these operators.
fn inputs_of(model: &Model, of: &[(&str, &[usize])]) -> HashSet<String> {
    let mut names = HashSet::new();
    for node in model.nodes() {
        let places = of
            .iter()
            .find(|(op, _)| node.op_type.as_deref() == Some(op))
            .map_or(&[][..], |(_, places)| places);
        names.extend(places.iter().filter_map(|&place| node.input.get(place).cloned()));
    }
    names
}

impl Layer for Pretrained {
    fn name(&self) -> String {
        "pretrained".into()
    }

    fn forward<'g>(&self, scope: &mut Scope<'g>, x: Tensor<'g>) -> Tensor<'g> {
        let graph = scope.graph();
        let scope = RefCell::new(scope);
        let parameter = |name: &str, host: &Host| {
            let is_number = host.sizes().is_empty() || host.is_empty() || self.settings.contains(name);
            if is_number || host.element().dtype() != Some(DType::F32) {
                return None;
            }
            // Numbers that fit a shape fit an array.
            let init = Init::Given(Arc::new(host.to_array().ok()?));
            let mut scope = scope.borrow_mut();
            let keeps = self.fixed.contains(name) || (self.frozen)(name);
            Some(if keeps {
                scope.fixed(name, host.sizes(), init)
            } else {
                scope.parameter(name, host.sizes(), init)
            })
        };
        let input = self.model.inputs().into_iter().next().map_or_else(String::new, |port| port.name);
        match self.model.import_with(graph, &[(&input, x)], &parameter) {
            Ok(outputs) => outputs.first().map_or_else(|| graph.fail(Error::input("no output")), |(_, y)| *y),
            Err(error) => graph.fail(error),
        }
    }
}
