//! A model becomes a graph: node by node, by the rules of `ops`.
//!
//! Shapes are known here, and so are numbers that follow from constants. A node that needs numbers which only the
//! device can tell waits, with all that follows from it: `run` computes what it waits for and imports again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use anygrad_core::{Error, Result};
use anygrad_graph::{Graph, Interpreter, Origin, Precision, Tensor};

use crate::model::{Model, Opsets, Unsupported, domain, full_name, opsets};
use crate::node::Node;
use crate::proto::{AttributeProto, FunctionProto, GraphProto, NodeProto};
use crate::value::{Outputs, Stop, Value, wrong};
use crate::{Element, Host, ops, tensor};

/// Functions that call functions, and graphs inside of nodes: more levels than any model has.
const DEEPEST: usize = 64;

/// A model's names for values, inside of one graph of it.
pub(crate) struct Scope<'s, 'g> {
    values: RefCell<HashMap<String, Value<'g>>>,
    outer: Option<&'s Scope<'s, 'g>>,
    /// What tells the values of this graph from those of another run of it.
    path: String,
    /// The attributes of the call, in the body of a function.
    attributes: Option<&'s [AttributeProto]>,
    opsets: &'s Opsets,
}

impl<'g> Scope<'_, 'g> {
    fn find(&self, name: &str) -> Option<Value<'g>> {
        let own = self.values.borrow().get(name).cloned();
        own.or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }

    /// An attribute of the call of the function that this is the body of, or a part of.
    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        match self.attributes {
            Some(attributes) => attributes.iter().find(|a| a.name.as_deref() == Some(name)),
            None => self.outer.and_then(|outer| outer.attribute(name)),
        }
    }
}

/// What an initializer becomes in the graph, where it is more than constant numbers.
pub(crate) type Parameter<'a, 'g> = dyn Fn(&str, &Host) -> Option<Tensor<'g>> + 'a;

/// Initializers are constants.
pub(crate) fn constants<'g>(_: &str, _: &Host) -> Option<Tensor<'g>> {
    None
}

/// Makes one graph of a model, or of the part that can be computed now.
pub(crate) struct Importer<'a, 'g> {
    model: &'a Model,
    graph: &'g Graph,
    parameter: &'a Parameter<'a, 'g>,
    /// Numbers that were computed before, by the path of their value.
    memo: &'a HashMap<String, Arc<Host>>,
    /// Values that nodes wait for, by their path.
    needs: RefCell<BTreeMap<String, (Tensor<'g>, Element)>>,
    /// Constants by the address of their numbers, which stay alive beside them.
    constants: RefCell<HashMap<usize, (Arc<Host>, Tensor<'g>)>>,
    unsupported: RefCell<BTreeMap<(String, i64, String), Unsupported>>,
    depth: Cell<usize>,
}

/// What became of a model.
pub(crate) struct Imported<'g> {
    /// What was asked for, in order.
    pub(crate) outputs: Vec<Value<'g>>,
    /// Values of the graph that waiting nodes need the numbers of, by their path.
    pub(crate) needs: BTreeMap<String, (Tensor<'g>, Element)>,
    /// Values of the main graph that waiting nodes read.
    pub(crate) carried: BTreeMap<String, Value<'g>>,
    /// All values of the main graph that were looked at.
    pub(crate) values: HashMap<String, Value<'g>>,
}

impl<'a, 'g> Importer<'a, 'g> {
    pub(crate) fn new(
        model: &'a Model,
        graph: &'g Graph,
        parameter: &'a Parameter<'a, 'g>,
        memo: &'a HashMap<String, Arc<Host>>,
    ) -> Self {
        Importer {
            model,
            graph,
            parameter,
            memo,
            needs: RefCell::default(),
            constants: RefCell::default(),
            unsupported: RefCell::default(),
            depth: Cell::new(0),
        }
    }

    pub(crate) fn folder(&self) -> Option<&'a Path> {
        self.model.folder.as_deref()
    }

    /// Imports what the outputs of the main graph need, from the values that are given.
    pub(crate) fn run(self, given: HashMap<String, Value<'g>>) -> Result<Imported<'g>> {
        let graph = &self.model.graph;
        let scope = Scope {
            values: RefCell::new(given),
            outer: None,
            path: String::new(),
            attributes: None,
            opsets: &self.model.opsets,
        };
        let wanted: Vec<&str> = graph.output.iter().map(|port| port.name.as_deref().unwrap_or("")).collect();
        let needed = self.needed(&scope, &graph.node, &wanted);
        let mut waiting: Vec<&NodeProto> = Vec::new();
        for (index, node) in graph.node.iter().enumerate() {
            if needed[index] && !self.node(&scope, node)? {
                waiting.push(node);
            }
        }
        self.refuse_unsupported()?;
        let outputs = wanted.iter().map(|name| self.lookup(&scope, name)).collect::<Result<_>>()?;
        let mut carried = BTreeMap::new();
        for node in waiting {
            let mut names = HashSet::new();
            reads(node, &mut names);
            for name in names {
                if let Some(value @ Value::Tensor(..)) = scope.find(name) {
                    carried.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Imported { outputs, needs: self.needs.into_inner(), carried, values: scope.values.into_inner() })
    }

    /// Which nodes the wanted names follow from, as far as they are not given.
    fn needed(&self, scope: &Scope<'_, 'g>, nodes: &[NodeProto], wanted: &[&str]) -> Vec<bool> {
        let mut names: HashSet<&str> = wanted.iter().copied().collect();
        let known = scope.values.borrow();
        names.retain(|name| !known.contains_key(*name));
        let mut needed = vec![false; nodes.len()];
        for (index, node) in nodes.iter().enumerate().rev() {
            if node.output.iter().any(|name| names.contains(name.as_str())) {
                needed[index] = true;
                let mut read = HashSet::new();
                reads(node, &mut read);
                names.extend(read.into_iter().filter(|name| !known.contains_key(*name)));
            }
        }
        needed
    }

    /// The value of a name: of a node before, or of an initializer.
    fn lookup(&self, scope: &Scope<'_, 'g>, name: &str) -> Result<Value<'g>> {
        if let Some(value) = scope.find(name) {
            return Ok(value);
        }
        let Some(host) = self.model.initializers.get(name) else {
            return Err(Error::input(format!("nothing makes {name:?}")));
        };
        if let Some(tensor) = (self.parameter)(name, host) {
            return Ok(Value::Tensor(tensor, host.element()));
        }
        Ok(Value::Known(host.clone()))
    }

    /// Known numbers as a value of the graph, the same one each time.
    pub(crate) fn constant(&self, host: &Arc<Host>) -> Result<Tensor<'g>> {
        let key = Arc::as_ptr(host) as usize;
        if let Some((_, tensor)) = self.constants.borrow().get(&key) {
            return Ok(*tensor);
        }
        let tensor = self.graph.constant(host.to_array()?);
        self.constants.borrow_mut().insert(key, (host.clone(), tensor));
        Ok(tensor)
    }

    /// Makes the values of one node; `false` where it waits.
    fn node(&self, scope: &Scope<'_, 'g>, proto: &NodeProto) -> Result<bool> {
        let place = |error: Error| {
            error.context(format!("node {:?} ({})", proto.name.as_deref().unwrap_or(""), full_name(proto)))
        };
        let mut inputs = Vec::new();
        for name in &proto.input {
            inputs.push((!name.is_empty()).then(|| self.lookup(scope, name)).transpose().map_err(place)?);
        }
        let blocked = inputs.iter().flatten().any(|value| matches!(value, Value::Blocked));
        let outputs = if blocked { Err(Stop::Blocked) } else { self.apply(scope, proto, inputs) };
        if let Err(error) = self.graph.check() {
            return Err(place(error));
        }
        let (mut values, waits) = match outputs {
            Ok(values) => (values, false),
            Err(Stop::Blocked) => (Vec::new(), true),
            Err(Stop::Unsupported(reason)) => {
                self.note_unsupported(scope, proto, reason);
                (Vec::new(), false)
            }
            Err(Stop::Wrong(error)) => return Err(place(error)),
        };
        values.resize(proto.output.len().max(values.len()), Value::Blocked);
        let waits = waits || values.iter().any(|value| matches!(value, Value::Blocked));
        let mut known = scope.values.borrow_mut();
        for (name, value) in proto.output.iter().zip(values) {
            if !name.is_empty() {
                known.insert(name.clone(), settled(value).map_err(place)?);
            }
        }
        Ok(!waits)
    }

    fn apply(&self, scope: &Scope<'_, 'g>, proto: &NodeProto, inputs: Vec<Option<Value<'g>>>) -> Outputs<'g> {
        let (domain, op) = (domain(proto.domain.as_deref()), proto.op_type.as_deref().unwrap_or(""));
        if let Some(function) = self.model.functions.get(&(domain.clone(), op.into())) {
            return self.function(scope, proto, function, inputs);
        }
        let Some(rule) = ops::find(&domain, op) else {
            return Err(Stop::Unsupported("no rule is known for it".into()));
        };
        let opset = scope.opsets.get(&domain).copied().unwrap_or(1);
        let node = Node { proto, opset, graph: self.graph, inputs, importer: self, scope };
        let label = proto.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(op);
        self.graph.labelled(label, || rule(&node))
    }

    /// The outputs of a function's body.
    fn function(
        &self,
        scope: &Scope<'_, 'g>,
        call: &NodeProto,
        function: &FunctionProto,
        inputs: Vec<Option<Value<'g>>>,
    ) -> Outputs<'g> {
        let own = opsets(&function.opset_import)?;
        let mut attributes = call.attribute.clone();
        for default in &function.attribute_proto {
            if !attributes.iter().any(|a| a.name == default.name) {
                attributes.push(default.clone());
            }
        }
        let given =
            function.input.iter().cloned().zip(inputs).filter_map(|(name, value)| Some((name, value?)));
        let name = call.output.first().map_or("", String::as_str);
        let inner = Scope {
            values: RefCell::new(given.collect()),
            outer: None,
            path: format!("{}{name}/", scope.path),
            attributes: Some(&attributes),
            opsets: &own,
        };
        self.nodes(&inner, &function.node, function.output.iter().map(String::as_str))
    }

    /// The outputs of a graph that stands inside of a node.
    pub(crate) fn body(
        &self,
        scope: &Scope<'_, 'g>,
        path: &str,
        graph: &GraphProto,
        inputs: Vec<Value<'g>>,
    ) -> Outputs<'g> {
        let names = graph.input.iter().map(|port| port.name.clone().unwrap_or_default());
        if inputs.len() > graph.input.len() {
            return wrong(format!("a graph with {} inputs is given {}", graph.input.len(), inputs.len()));
        }
        let mut values: HashMap<String, Value<'g>> = names.zip(inputs).collect();
        for proto in &graph.initializer {
            let host = tensor::decode(proto, self.folder())?;
            values.insert(proto.name.clone().unwrap_or_default(), host.into());
        }
        let inner = Scope {
            values: RefCell::new(values),
            outer: Some(scope),
            path: format!("{}{path}", scope.path),
            attributes: None,
            opsets: scope.opsets,
        };
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

    /// The numbers of a value: known, or following from constants, or computed before. Otherwise they are asked for.
    pub(crate) fn numbers(
        &self,
        scope: &Scope<'_, 'g>,
        name: &str,
        value: &Value<'g>,
    ) -> Result<Arc<Host>, Stop> {
        let (tensor, element) = match value {
            Value::Known(host) => return Ok(host.clone()),
            Value::Tensor(tensor, element) => (*tensor, *element),
            Value::Blocked => return Err(Stop::Blocked),
            Value::Sequence(_) | Value::Nothing => return wrong(format!("{name:?} is no tensor")),
        };
        let path = format!("{}{name}", scope.path);
        if let Some(host) = self.memo.get(&path) {
            return Ok(host.clone());
        }
        if follows_from_constants(tensor) {
            let values = Interpreter::new(Precision::F64).evaluate(self.graph, &[tensor.id()])?;
            return Ok(Arc::new(Host::from_array(element, &values[0].to_array())?));
        }
        self.needs.borrow_mut().insert(path, (tensor, element));
        Err(Stop::Blocked)
    }

    fn note_unsupported(&self, scope: &Scope<'_, 'g>, proto: &NodeProto, reason: String) {
        let operator = full_name(proto);
        let opset = scope.opsets.get(&domain(proto.domain.as_deref())).copied().unwrap_or(1);
        let mut all = self.unsupported.borrow_mut();
        let entry = all.entry((operator.clone(), opset, reason.clone())).or_insert_with(|| Unsupported {
            operator,
            opset,
            nodes: 0,
            first: proto.name.clone().unwrap_or_default(),
            reason,
        });
        entry.nodes += 1;
    }

    fn refuse_unsupported(&self) -> Result<()> {
        let all: Vec<Unsupported> = self.unsupported.borrow().values().cloned().collect();
        if all.is_empty() { Ok(()) } else { Err(refusal(&all)) }
    }
}

/// The refusal of a model for all its operators that cannot run.
pub(crate) fn refusal(all: &[Unsupported]) -> Error {
    let line = |u: &Unsupported| {
        format!("{} (opset {}, {} node(s), first {:?}): {}", u.operator, u.opset, u.nodes, u.first, u.reason)
    };
    let lines: Vec<_> = all.iter().map(line).collect();
    Error::unsupported(format!("{} operator(s) cannot run here: {}", all.len(), lines.join("; ")))
}

/// A value without elements is known: devices have no buffers of 0 bytes.
fn settled(value: Value<'_>) -> Result<Value<'_>> {
    match value {
        Value::Tensor(tensor, element) if tensor.shape().elements() == 0 => {
            Ok(Host::from_f64(element, &tensor.shape(), &[])?.into())
        }
        other => Ok(other),
    }
}

/// Whether nothing that a device is given before a run decides this value.
fn follows_from_constants(tensor: Tensor<'_>) -> bool {
    let graph = tensor.graph();
    let (mut open, mut seen) = (vec![tensor.id()], HashSet::new());
    while let Some(id) = open.pop() {
        match graph.origin(id) {
            Origin::Input(_) | Origin::State(_) => return false,
            Origin::Constant(_) => {}
            Origin::Node(node, _) => {
                if seen.insert(node) {
                    open.extend(graph.node(node).inputs);
                }
            }
        }
    }
    true
}

/// The names that a node reads, those of graphs inside of it too.
fn reads<'n>(node: &'n NodeProto, names: &mut HashSet<&'n str>) {
    names.extend(node.input.iter().map(String::as_str).filter(|name| !name.is_empty()));
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            graph.node.iter().for_each(|node| reads(node, names));
            names.extend(graph.output.iter().filter_map(|port| port.name.as_deref()));
        }
    }
}
