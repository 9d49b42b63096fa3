//! A model becomes a graph: node by node, by the rules of `ops`.
//!
//! Shapes are known here, and so are numbers that follow from constants. A node that needs numbers which only the
//! device can tell waits, with all that follows from it: `run` computes what it waits for and imports again.

mod inner;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anygrad_core::{Error, Result};
use anygrad_graph::{Graph, Interpreter, Origin, Precision, Tensor};

use crate::model::{Model, Unsupported, domain, full_name};
use crate::node::Node;
use crate::proto::{NodeProto, SparseTensorProto, TensorProto};
use crate::scope::{Key, Scope};
use crate::value::{Outputs, Stop, Value, wrong};
use crate::{Element, Host, ops, tensor};

/// Nodes that a model may come to, once its functions and loops are written out.
const MOST_NODES: usize = 1 << 20;

/// Elements of a value at most: kernels count in 32 bits, and 4 GiB are more than a buffer holds.
const MOST_ELEMENTS: usize = 1 << 30;

/// Elements that are computed on the host at most to know numbers that follow from constants.
const MOST_FOLDED: usize = 1 << 22;

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
    memo: &'a HashMap<Key, Arc<Host>>,
    /// Which of them decided something.
    used: RefCell<HashSet<Key>>,
    /// Whether the node of the main graph that is made now has used one.
    has_used: Cell<bool>,
    /// Values of the main graph that the host made of them.
    derived: RefCell<BTreeMap<String, Arc<Host>>>,
    /// Values that nodes wait for, by their path.
    needs: RefCell<BTreeMap<Key, (Tensor<'g>, Element)>>,
    /// Tensors of the file by the address of their message, which the model keeps where it is: a graph that runs
    /// several times has them once.
    decoded: RefCell<HashMap<usize, Arc<Host>>>,
    /// Constants by the address of their numbers, which stay alive beside them.
    constants: RefCell<HashMap<usize, (Arc<Host>, Tensor<'g>)>>,
    unsupported: RefCell<BTreeMap<(String, i64, String), Unsupported>>,
    depth: Cell<usize>,
    /// Nodes so far.
    nodes: Cell<usize>,
}

/// What became of a model.
pub(crate) struct Imported<'g> {
    /// What was asked for, in order.
    pub(crate) outputs: Vec<Value<'g>>,
    /// Values of the graph that waiting nodes need the numbers of, by their path.
    pub(crate) needs: BTreeMap<Key, (Tensor<'g>, Element)>,
    /// Values of the main graph that waiting nodes read, other than those that were given.
    pub(crate) carried: BTreeMap<String, Value<'g>>,
    /// All values of the main graph that were looked at.
    pub(crate) values: HashMap<String, Value<'g>>,
    /// The numbers computed before that the graph was made for.
    pub(crate) used: HashSet<Key>,
    /// Values of the main graph that the host made of such numbers: they may be given instead.
    pub(crate) derived: BTreeMap<String, Arc<Host>>,
}

impl<'a, 'g> Importer<'a, 'g> {
    pub(crate) fn new(
        model: &'a Model,
        graph: &'g Graph,
        parameter: &'a Parameter<'a, 'g>,
        memo: &'a HashMap<Key, Arc<Host>>,
    ) -> Self {
        Importer {
            model,
            graph,
            parameter,
            memo,
            used: RefCell::default(),
            has_used: Cell::new(false),
            derived: RefCell::default(),
            needs: RefCell::default(),
            decoded: RefCell::default(),
            constants: RefCell::default(),
            unsupported: RefCell::default(),
            depth: Cell::new(0),
            nodes: Cell::new(0),
        }
    }

    /// The tensor of a message of the model.
    pub(crate) fn decoded(&self, proto: &TensorProto) -> Result<Arc<Host>> {
        self.once(std::ptr::from_ref(proto).addr(), || tensor::decode(proto, self.model.folder.as_deref()))
    }

    /// The same of a sparse one, filled up.
    pub(crate) fn decoded_sparse(&self, proto: &SparseTensorProto) -> Result<Arc<Host>> {
        let decode = || tensor::decode_sparse(proto, self.model.folder.as_deref());
        self.once(std::ptr::from_ref(proto).addr(), decode)
    }

    fn once(&self, address: usize, decode: impl FnOnce() -> Result<Host>) -> Result<Arc<Host>> {
        if let Some(host) = self.decoded.borrow().get(&address) {
            return Ok(host.clone());
        }
        let host = Arc::new(decode()?);
        self.decoded.borrow_mut().insert(address, host.clone());
        Ok(host)
    }

    /// Whether nothing was computed on the device before this graph.
    pub(crate) fn is_first(&self) -> bool {
        self.memo.is_empty()
    }

    /// Imports what the outputs of the main graph need, from the values that are given.
    pub(crate) fn run(self, given: HashMap<String, Value<'g>>) -> Result<Imported<'g>> {
        let graph = &self.model.graph;
        let sources: HashSet<String> = given.keys().cloned().collect();
        let scope = Scope::main(given, &self.model.opsets);
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
            for name in names.into_iter().filter(|name| !sources.contains(*name)) {
                if let Some(value @ Value::Tensor(..)) = scope.find(name) {
                    carried.insert(name.to_owned(), value);
                }
            }
        }
        Ok(Imported {
            outputs,
            needs: self.needs.into_inner(),
            carried,
            values: scope.values.into_inner(),
            used: self.used.into_inner(),
            derived: self.derived.into_inner(),
        })
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
        let Some(host) = self.model.initializers.get(name).filter(|_| scope.is_in_main()) else {
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

    /// A value as one of the graph.
    pub(crate) fn tensor(&self, value: &Value<'g>) -> Result<Tensor<'g>, Stop> {
        match value {
            Value::Tensor(tensor, _) => Ok(*tensor),
            Value::Known(host) => Ok(self.constant(host)?),
            Value::Blocked => Err(Stop::Blocked),
            Value::Sequence(_) => wrong("a sequence is given where a tensor was expected"),
            Value::Nothing => wrong("an empty optional is given where a tensor was expected"),
        }
    }

    /// Makes the values of one node; `false` where it waits.
    fn node(&self, scope: &Scope<'_, 'g>, proto: &NodeProto) -> Result<bool> {
        let place = |error: Error| {
            error.context(format!("node {:?} ({})", proto.name.as_deref().unwrap_or(""), full_name(proto)))
        };
        self.nodes.set(self.nodes.get() + 1);
        if self.nodes.get() > MOST_NODES {
            return Err(Error::unsupported(format!(
                "more than {MOST_NODES} nodes, once its functions and loops are written out"
            )));
        }
        let is_main = scope.path.is_empty();
        if is_main {
            self.has_used.set(false);
        }
        let mut inputs = Vec::new();
        for name in &proto.input {
            let left_out = name.is_empty() || (scope.is_missing(name) && scope.find(name).is_none());
            inputs.push((!left_out).then(|| self.lookup(scope, name)).transpose().map_err(place)?);
        }
        let blocked = inputs.iter().flatten().any(Value::is_blocked);
        let outputs = if blocked { Err(Stop::Blocked) } else { self.apply(scope, proto, inputs) };
        if let Err(error) = self.graph.check() {
            return Err(place(error));
        }
        let (mut values, waits) = match outputs {
            Ok(values) => {
                let named = proto.output.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
                if values.len() < named {
                    self.note_unsupported(scope, proto, format!("output {}", named - 1));
                }
                (values, false)
            }
            Err(Stop::Blocked) => (Vec::new(), true),
            Err(Stop::Unsupported(reason)) => {
                self.note_unsupported(scope, proto, reason);
                (Vec::new(), false)
            }
            Err(Stop::Wrong(error)) => return Err(place(error)),
        };
        values.resize(proto.output.len().max(values.len()), Value::Blocked);
        let waits = waits || values.iter().any(Value::is_blocked);
        let mut known = scope.values.borrow_mut();
        for (name, value) in proto.output.iter().zip(values) {
            if name.is_empty() {
                continue;
            }
            if let (true, true, Value::Known(host)) = (is_main, self.has_used.get(), &value) {
                self.derived.borrow_mut().insert(name.clone(), host.clone());
            }
            // What was given stays, where a node is made for another of its outputs.
            let value = settled(value).map_err(place)?;
            known.entry(name.clone()).or_insert(value);
        }
        Ok(!waits)
    }

    fn apply(&self, scope: &Scope<'_, 'g>, proto: &NodeProto, inputs: Vec<Option<Value<'g>>>) -> Outputs<'g> {
        let (domain, op) = (domain(proto.domain.as_deref()), proto.op_type.as_deref().unwrap_or(""));
        let overload = proto.overload.clone().unwrap_or_default();
        if let Some(function) = self.model.functions.get(&(domain.clone(), op.into(), overload)) {
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

    /// The numbers of a value: known, or following from constants, or computed before. Otherwise they are asked for.
    pub(crate) fn numbers(
        &self,
        scope: &Scope<'_, 'g>,
        name: &str,
        value: &Value<'g>,
    ) -> Result<Arc<Host>, Stop> {
        self.numbers_at((scope.home(name).into(), name.to_owned()), value)
    }

    /// The same of the value at a path.
    pub(crate) fn numbers_at(&self, path: Key, value: &Value<'g>) -> Result<Arc<Host>, Stop> {
        let (tensor, element) = match value {
            Value::Known(host) => return Ok(host.clone()),
            Value::Tensor(tensor, element) => (*tensor, *element),
            Value::Blocked => return Err(Stop::Blocked),
            Value::Sequence(_) | Value::Nothing => return wrong(format!("{:?} is no tensor", path.1)),
        };
        // What a run is given is known there exactly, whatever it is called here.
        let path = match self.graph.origin(tensor.id()) {
            Origin::Input(input) => (String::new(), input.to_string()),
            _ => path,
        };
        if let Some(host) = self.memo.get(&path) {
            self.used.borrow_mut().insert(path);
            self.has_used.set(true);
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

/// A value without elements is known: devices have no buffers of 0 bytes. One that no device holds is refused.
fn settled(value: Value<'_>) -> Result<Value<'_>> {
    match value {
        Value::Tensor(tensor, element) => match tensor.shape().elements() {
            0 => Ok(Host::from_f64(element, &tensor.shape(), &[])?.into()),
            many if many > MOST_ELEMENTS => Err(Error::unsupported(format!(
                "{element}{:?} has {many} elements, at most {MOST_ELEMENTS} are computed with",
                &*tensor.shape()
            ))),
            _ => Ok(value),
        },
        other => Ok(other),
    }
}

/// Whether nothing that a device is given before a run decides this value, and little is to be computed for it.
fn follows_from_constants(tensor: Tensor<'_>) -> bool {
    let graph = tensor.graph();
    let (mut open, mut seen, mut elements) = (vec![tensor.id()], HashSet::new(), 0usize);
    while let Some(id) = open.pop() {
        elements = elements.saturating_add(graph.meta(id).shape.elements());
        if elements > MOST_FOLDED {
            return false;
        }
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
    let is_gradient = node.op_type.as_deref() == Some("Gradient");
    for attribute in &node.attribute {
        // What is differentiated is named by an attribute.
        if is_gradient && attribute.name.as_deref() == Some("y") {
            names.extend(attribute.s.as_deref().and_then(|name| std::str::from_utf8(name).ok()));
        }
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            graph.node.iter().for_each(|node| reads(node, names));
            names.extend(graph.output.iter().filter_map(|port| port.name.as_deref()));
        }
    }
}
