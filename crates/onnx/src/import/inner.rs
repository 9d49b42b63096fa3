//! Functions and graphs inside of nodes: their nodes become a part of the same graph.

use std::collections::{HashMap, HashSet};

use anygrad_core::Result;

use super::Importer;
use crate::model::opsets;
use crate::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use crate::scope::{Call, Scope};
use crate::value::{Outputs, Value, wrong};

/// Functions that call functions, and graphs inside of nodes: more levels than any model has.
const DEEPEST: usize = 64;

impl<'g> Importer<'_, 'g> {
    /// The outputs of a function's body.
    pub(super) fn function(
        &self,
        scope: &Scope<'_, 'g>,
        call: &NodeProto,
        function: &FunctionProto,
        inputs: Vec<Option<Value<'g>>>,
    ) -> Outputs<'g> {
        let own = opsets(&function.opset_import)?;
        let mut attributes: Vec<(&str, &AttributeProto)> = Vec::new();
        for attribute in &call.attribute {
            let outer = attribute.ref_attr_name.as_deref().filter(|name| !name.is_empty());
            let meant = outer.map_or(Some(attribute), |name| scope.attribute(name));
            attributes.extend(meant.map(|meant| (attribute.name.as_deref().unwrap_or(""), meant)));
        }
        for default in &function.attribute_proto {
            let name = default.name.as_deref().unwrap_or("");
            if !attributes.iter().any(|(own, _)| *own == name) {
                attributes.push((name, default));
            }
        }
        if inputs.len() > function.input.len() {
            return wrong(format!(
                "a function with {} inputs is given {}",
                function.input.len(),
                inputs.len()
            ));
        }
        let mut missing: HashSet<&str> = function.input.iter().map(String::as_str).collect();
        let mut given = HashMap::new();
        for (name, value) in function.input.iter().zip(inputs) {
            if let Some(value) = value {
                missing.remove(name.as_str());
                given.insert(name.clone(), value);
            }
        }
        let name = call.output.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
        let inner = Scope::function(scope.below(name, "call"), &own, given, Call { attributes, missing });
        self.nodes(&inner, &function.node, function.output.iter().map(String::as_str))
    }

    /// The outputs of a graph that stands inside of a node.
    pub(crate) fn body(
        &self,
        scope: &Scope<'_, 'g>,
        path: String,
        graph: &GraphProto,
        inputs: Vec<Value<'g>>,
    ) -> Outputs<'g> {
        let names = graph.input.iter().map(|port| port.name.clone().unwrap_or_default());
        if inputs.len() > graph.input.len() {
            return wrong(format!("a graph with {} inputs is given {}", graph.input.len(), inputs.len()));
        }
        let mut values: HashMap<String, Value<'g>> = names.zip(inputs).collect();
        // What an input is given counts more than its default.
        for proto in &graph.initializer {
            let name = proto.name.clone().unwrap_or_default();
            values.entry(name).or_insert(Value::Known(self.decoded(proto)?));
        }
        for proto in &graph.sparse_initializer {
            let name = proto.values.as_ref().and_then(|values| values.name.clone()).unwrap_or_default();
            values.entry(name).or_insert(Value::Known(self.decoded_sparse(proto)?));
        }
        let inner = scope.inside(path, values);
        self.nodes(&inner, &graph.node, graph.output.iter().map(|port| port.name.as_deref().unwrap_or("")))
    }

    fn nodes<'n>(
        &self,
        scope: &Scope<'_, 'g>,
        nodes: &[NodeProto],
        outputs: impl Iterator<Item = &'n str>,
    ) -> Outputs<'g> {
        if self.depth.get() >= DEEPEST {
            return wrong(format!("graphs and functions inside of each other, more than {DEEPEST} deep"));
        }
        self.depth.set(self.depth.get() + 1);
        let made = nodes.iter().try_for_each(|node| self.node(scope, node).map(|_| ()));
        self.depth.set(self.depth.get() - 1);
        made?;
        Ok(outputs.map(|name| self.lookup(scope, name)).collect::<Result<Vec<_>>>()?)
    }
}
