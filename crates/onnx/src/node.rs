//! A node while it becomes a part of the graph: what its rule asks for.

use std::sync::Arc;

use anygrad_core::{DType, Error};
use anygrad_graph::{Graph, Tensor};

use crate::import::Importer;
use crate::proto::{AttributeProto, AttributeType, GraphProto, NodeProto};
use crate::scope::Scope;
use crate::value::{Outputs, Stop, Value, unsupported, wrong};
use crate::{Element, Host};

/// A node, its inputs and its attributes.
pub(crate) struct Node<'a, 'g> {
    pub(crate) proto: &'a NodeProto,
    /// The version of the operator set of its domain.
    pub(crate) opset: i64,
    pub(crate) graph: &'g Graph,
    pub(crate) inputs: Vec<Option<Value<'g>>>,
    pub(crate) importer: &'a Importer<'a, 'g>,
    pub(crate) scope: &'a Scope<'a, 'g>,
}

impl<'a, 'g> Node<'a, 'g> {
    /// The operator's name.
    pub(crate) fn op(&self) -> &'a str {
        self.proto.op_type.as_deref().unwrap_or("")
    }

    /// Whether an input is given.
    pub(crate) fn has(&self, input: usize) -> bool {
        self.inputs.get(input).is_some_and(Option::is_some)
    }

    /// Whether somebody may read this output.
    pub(crate) fn wants(&self, output: usize) -> bool {
        self.proto.output.get(output).is_some_and(|name| !name.is_empty())
    }

    /// An input as it is.
    pub(crate) fn value(&self, input: usize) -> Result<Value<'g>, Stop> {
        match self.inputs.get(input).cloned().flatten() {
            Some(value) => Ok(value),
            None => wrong(format!("input {input} is missing")),
        }
    }

    /// An input as a value of the graph.
    pub(crate) fn tensor(&self, input: usize) -> Result<Tensor<'g>, Stop> {
        self.importer.tensor(&self.value(input)?)
    }

    /// An input as a value of the graph, where it is given.
    pub(crate) fn maybe_tensor(&self, input: usize) -> Result<Option<Tensor<'g>>, Stop> {
        self.has(input).then(|| self.tensor(input)).transpose()
    }

    /// All inputs from one on as values of the graph.
    pub(crate) fn tensors(&self, from: usize) -> Result<Vec<Tensor<'g>>, Stop> {
        (from..self.inputs.len()).map(|input| self.tensor(input)).collect()
    }

    /// The type of an input's elements.
    pub(crate) fn element(&self, input: usize) -> Result<Element, Stop> {
        self.value(input)?.element()
    }

    /// The sizes of an input's axes.
    pub(crate) fn sizes(&self, input: usize) -> Result<Vec<usize>, Stop> {
        self.value(input)?.sizes()
    }

    /// An input's numbers. Where only the device can tell them, they are asked for, and the node waits.
    pub(crate) fn host(&self, input: usize) -> Result<Arc<Host>, Stop> {
        let value = self.value(input)?;
        self.importer.numbers(self.scope, &self.proto.input[input], &value)
    }

    /// An input's numbers, where it is given.
    pub(crate) fn maybe_host(&self, input: usize) -> Result<Option<Arc<Host>>, Stop> {
        self.has(input).then(|| self.host(input)).transpose()
    }

    /// An input's numbers as integers, where it is given.
    pub(crate) fn maybe_ints(&self, input: usize) -> Result<Option<Vec<i64>>, Stop> {
        Ok(self.maybe_host(input)?.map(|host| host.to_i64()))
    }

    /// The number of an input with one element.
    pub(crate) fn number(&self, input: usize) -> Result<f64, Stop> {
        let host = self.host(input)?;
        match host.to_f64().as_slice() {
            [one] => Ok(*one),
            other => wrong(format!("input {input} has {} elements, one was expected", other.len())),
        }
    }

    /// The number of an input with one element; a default where it is not given.
    pub(crate) fn number_or(&self, input: usize, default: f64) -> Result<f64, Stop> {
        if self.has(input) { self.number(input) } else { Ok(default) }
    }

    /// An attribute. In a function's body it may stand for one of the call.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        let own = self.proto.attribute.iter().find(|a| a.name.as_deref() == Some(name))?;
        match own.ref_attr_name.as_deref().filter(|name| !name.is_empty()) {
            Some(outer) => self.scope.attribute(outer),
            None => Some(own),
        }
    }

    /// An attribute of this kind; one of another kind is a mistake of the model, which the graph keeps.
    fn of_kind(&self, name: &str, kind: AttributeType) -> Option<&'a AttributeProto> {
        let attribute = self.attribute(name)?;
        if let Some(found) = kind_of(attribute).filter(|found| *found != kind) {
            let message = format!("the attribute {name:?} holds {found:?}, {kind:?} was expected");
            self.graph.fail(Error::input(message));
            return None;
        }
        Some(attribute)
    }

    /// An integer attribute.
    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.maybe_int(name).unwrap_or(default)
    }

    /// An integer attribute, where it is given.
    pub(crate) fn maybe_int(&self, name: &str) -> Option<i64> {
        self.of_kind(name, AttributeType::Int).map(|a| a.i.unwrap_or(0))
    }

    /// Whether an integer attribute is not 0.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.int(name, 0) != 0
    }

    /// A list of integers, where it is given.
    pub(crate) fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.of_kind(name, AttributeType::Ints).map(|a| a.ints.clone())
    }

    /// A float attribute.
    pub(crate) fn float(&self, name: &str, default: f64) -> f64 {
        self.maybe_float(name).unwrap_or(default)
    }

    /// A float attribute, where it is given.
    pub(crate) fn maybe_float(&self, name: &str) -> Option<f64> {
        self.of_kind(name, AttributeType::Float).map(|a| f64::from(a.f.unwrap_or(0.0)))
    }

    /// A list of floats, where it is given.
    pub(crate) fn floats(&self, name: &str) -> Option<Vec<f64>> {
        self.of_kind(name, AttributeType::Floats).map(|a| a.floats.iter().map(|&x| f64::from(x)).collect())
    }

    /// A text attribute.
    pub(crate) fn text(&self, name: &str, default: &str) -> String {
        let given = self.of_kind(name, AttributeType::String).and_then(|a| a.s.as_deref());
        given.map_or_else(|| default.into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A list of texts, where it is given.
    pub(crate) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        self.of_kind(name, AttributeType::Strings).map(|a| a.strings.iter().map(text).collect())
    }

    /// A tensor attribute, where it is given.
    pub(crate) fn tensor_attribute(&self, name: &str) -> Result<Option<Arc<Host>>, Stop> {
        let proto = self.of_kind(name, AttributeType::Tensor).and_then(|a| a.t.as_ref());
        Ok(proto.map(|proto| self.importer.decoded(proto)).transpose()?)
    }

    /// A graph attribute.
    pub(crate) fn graph_attribute(&self, name: &str) -> Result<&'a GraphProto, Stop> {
        match self.of_kind(name, AttributeType::Graph).and_then(|a| a.g.as_ref()) {
            Some(graph) => Ok(graph),
            None => wrong(format!("the graph {name:?} is missing")),
        }
    }

    /// The type that an attribute names by its number.
    pub(crate) fn element_attribute(&self, name: &str) -> Result<Option<Element>, Stop> {
        match self.maybe_int(name) {
            None | Some(0) => Ok(None),
            Some(number) => match Element::from_number(number as i32) {
                Ok(element) => Ok(Some(element)),
                Err(name) => unsupported(format!("elements of {name}")),
            },
        }
    }

    /// The outputs of a graph attribute for these inputs, with the names around it in sight. `step` tells runs of
    /// the same graph apart.
    pub(crate) fn body(&self, graph: &'a GraphProto, step: usize, inputs: Vec<Value<'g>>) -> Outputs<'g> {
        self.importer.body(self.scope, self.scope.below(self.key(), &step.to_string()), graph, inputs)
    }

    /// The numbers of what a run of a graph attribute gave under this name.
    pub(crate) fn numbers_of(&self, step: usize, name: &str, value: &Value<'g>) -> Result<Arc<Host>, Stop> {
        let path = self.scope.below(self.key(), &step.to_string());
        self.importer.numbers_at((path, name.to_owned()), value)
    }

    /// The name that tells this node from the others of its graph: of its first output.
    fn key(&self) -> &'a str {
        self.proto.output.iter().find(|name| !name.is_empty()).map_or("", String::as_str)
    }

    /// Axes that stand in an attribute up to one version of the operator set and in an input from it on; counted
    /// from the front. `None` where none are given.
    pub(crate) fn axes(&self, since: i64, input: usize, rank: usize) -> Result<Option<Vec<usize>>, Stop> {
        let axes = if self.opset < since { self.ints("axes") } else { self.maybe_ints(input)? };
        axes.map(|axes| axes.iter().map(|&axis| axis_of(axis, rank)).collect()).transpose()
    }

    /// The axis of an integer attribute, counted from the front.
    pub(crate) fn axis(&self, default: i64, rank: usize) -> Result<usize, Stop> {
        axis_of(self.int("axis", default), rank)
    }

    /// One output: a value of the graph of this type; integers are wrapped to its width.
    pub(crate) fn give(&self, tensor: Tensor<'g>, element: Element) -> Outputs<'g> {
        Ok(vec![typed(tensor, element)])
    }

    /// One output of the first input's type.
    pub(crate) fn same(&self, tensor: Tensor<'g>) -> Outputs<'g> {
        self.give(tensor, self.element(0)?)
    }
}

/// A value of the graph as a value of the model.
pub(crate) fn typed(tensor: Tensor<'_>, element: Element) -> Value<'_> {
    Value::Tensor(tensor, element)
}

/// An axis counted from the front.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize, Stop> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    match usize::try_from(counted) {
        Ok(axis) if axis < rank => Ok(axis),
        _ => wrong(format!("axis {axis} of {rank} axes")),
    }
}

/// What a device computed with 32 bits, cut to the width of a narrower integer.
pub(crate) fn wrapped<'g>(tensor: Tensor<'g>, element: Element) -> Tensor<'g> {
    let Some(bits) = element.bits().filter(|&bits| bits < 32 && element.is_integer()) else { return tensor };
    if tensor.dtype() != DType::I32 {
        return tensor;
    }
    let graph = tensor.graph();
    let number = |x: i32| match anygrad_core::Array::i32(&[], [x]) {
        Ok(array) => graph.constant(array),
        Err(error) => graph.fail(error),
    };
    if element.is_signed() {
        let shift = number(32 - bits as i32);
        tensor.shift_left(shift).shift_right(shift)
    } else {
        tensor.bitwise_and(number((1 << bits) - 1))
    }
}

/// What an attribute holds; `None` where nothing tells.
fn kind_of(a: &AttributeProto) -> Option<AttributeType> {
    let told = a.r#type.and_then(|kind| AttributeType::try_from(kind).ok());
    // Files of the first versions do not tell.
    told.filter(|kind| *kind != AttributeType::Undefined).or_else(|| {
        let fields = [
            (a.f.is_some(), AttributeType::Float),
            (a.i.is_some(), AttributeType::Int),
            (a.s.is_some(), AttributeType::String),
            (a.t.is_some(), AttributeType::Tensor),
            (a.g.is_some(), AttributeType::Graph),
            (!a.floats.is_empty(), AttributeType::Floats),
            (!a.ints.is_empty(), AttributeType::Ints),
            (!a.strings.is_empty(), AttributeType::Strings),
        ];
        fields.iter().find(|(given, _)| *given).map(|(_, kind)| *kind)
    })
}

/// A size or count that must not be negative.
pub(crate) fn count(what: &str, number: i64) -> Result<usize, Stop> {
    usize::try_from(number).map_err(|_| Stop::Wrong(Error::input(format!("{what} is {number}"))))
}
