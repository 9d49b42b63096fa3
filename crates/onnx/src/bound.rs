//! A model on the inputs of somebody's graph: to train it further, to explain it, to build on it.

use std::collections::HashMap;

use anygrad_core::{Error, Result};
use anygrad_graph::{Graph, Tensor};

use crate::import::Importer;
use crate::node::typed;
use crate::value::Value;
use crate::{Host, Model};

/// What the floats of a file become in a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Constants: what follows from them alone is computed once.
    Constants,
    /// States of the initializers' names, which can be trained; [`Model::parameters`] tells their values.
    States,
}

impl Model {
    /// The model's outputs as values of a graph, for these values of its inputs. Inputs whose numbers decide
    /// shapes must be constants of the graph.
    ///
    /// # Errors
    /// An input is missing, has a type or shape that does not fit, some operators cannot run here (all of them are
    /// named), or a shape depends on numbers that only a run can tell: for such models there is [`crate::Runner`].
    pub fn import<'g>(
        &self,
        graph: &'g Graph,
        inputs: &[(&str, Tensor<'g>)],
        weights: Weights,
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
        let imported = Importer::new(self, graph, weights, &memo).run(given)?;
        let names = self.outputs().into_iter().map(|port| port.name);
        names
            .zip(imported.outputs)
            .map(|(name, value)| Ok((name.clone(), whole(graph, &name, value, &imported.needs)?)))
            .collect()
    }

    /// The floats that [`Weights::States`] makes states of, by name.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Host)> {
        self.initializers().filter(|(_, host)| is_parameter(host))
    }

    /// That a name is none of the inputs.
    pub(crate) fn no_input(&self, name: &str) -> Error {
        let names: Vec<_> = self.inputs().into_iter().map(|port| format!("{:?}", port.name)).collect();
        Error::input(format!("the model has no input {name:?}; it has {}", names.join(", ")))
    }
}

/// Whether an initializer is a parameter: floats with an axis at least.
pub(crate) fn is_parameter(host: &Host) -> bool {
    host.element().is_float() && !host.sizes().is_empty() && !host.is_empty()
}

fn whole<'g, T>(
    graph: &'g Graph,
    name: &str,
    value: Value<'g>,
    needs: &std::collections::BTreeMap<String, T>,
) -> Result<Tensor<'g>> {
    match value {
        Value::Tensor(tensor, _) => Ok(tensor),
        Value::Known(host) => Ok(graph.constant(host.to_array()?)),
        Value::Blocked => {
            let names: Vec<_> = needs.keys().take(5).map(|name| format!("{name:?}")).collect();
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
