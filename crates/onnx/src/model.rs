//! A model as its file tells it: checked, and bound to no shapes yet.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anygrad_core::{Error, Result};
use prost::Message as _;

use crate::proto::{
    DimensionValue, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TypeProto,
    TypeValue, ValueInfoProto,
};
use crate::{Element, Host, check, ops, tensor};

/// The newest version of the default operator set that is known here.
pub const NEWEST_OPSET: i64 = 28;

/// An ONNX model: read, checked, and bound to no shapes yet.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) graph: GraphProto,
    /// By domain, name and overload.
    pub(crate) functions: HashMap<(String, String, String), FunctionProto>,
    pub(crate) opsets: Opsets,
    pub(crate) initializers: BTreeMap<String, Arc<Host>>,
    pub(crate) folder: Option<PathBuf>,
    producer: String,
    ir_version: i64,
}

/// Versions of operator sets, by domain.
pub(crate) type Opsets = HashMap<String, i64>;

/// One axis of an input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A size that the model fixes.
    Fixed(usize),
    /// A name that stands for a size; the same name is the same size everywhere.
    Named(String),
    /// Nothing is known.
    Unknown,
}

/// An input or output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The type of its elements; `None` where it is no tensor or the model does not tell.
    pub element: Option<Element>,
    /// Its axes; `None` where even their number is not told.
    pub dims: Option<Vec<Dim>>,
}

/// An operator that cannot run here, and how many nodes ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Domain and name, as in `ai.onnx.ml::TreeEnsemble`; the default domain has no prefix.
    pub operator: String,
    /// The version of its operator set that the model asks for.
    pub opset: i64,
    /// How many nodes.
    pub nodes: usize,
    /// The name of the first of them.
    pub first: String,
    /// Why.
    pub reason: String,
}

impl Model {
    /// Reads a model from a file. Data in other files must lie in the same folder.
    ///
    /// # Errors
    /// The file cannot be read, is no ONNX model, or holds a mistake; the message names the place.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let named = |error: Error| error.context(format!("{}", path.display()));
        // Pipes and devices may never end.
        let metadata = std::fs::metadata(path).map_err(|error| named(Error::input(error)))?;
        if !metadata.is_file() {
            return Err(named(Error::input("no file")));
        }
        let bytes = std::fs::read(path).map_err(|error| named(Error::input(error)))?;
        let folder =
            path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
        Self::decode(&bytes, folder).map_err(named)
    }

    /// As [`Model::load`], from the bytes of a file; then no data can stand in other files.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes, None)
    }

    fn decode(bytes: &[u8], folder: Option<&Path>) -> Result<Self> {
        let proto = ModelProto::decode(bytes)
            .map_err(|error| Error::input(format!("no ONNX model: {error} ({} bytes)", bytes.len())))?;
        Self::from_proto(proto, folder)
    }

    /// A model from its message.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_proto(proto: ModelProto, folder: Option<&Path>) -> Result<Self> {
        let mut graph = proto.graph.ok_or_else(|| Error::input("no ONNX model: it has no graph"))?;
        let opsets = opsets(&proto.opset_import)?;
        let mut initializers = BTreeMap::new();
        for tensor in std::mem::take(&mut graph.initializer) {
            let host = tensor::decode(&tensor, folder)?;
            keep(&mut initializers, tensor.name.as_deref(), host)?;
        }
        for sparse in std::mem::take(&mut graph.sparse_initializer) {
            let host = tensor::decode_sparse(&sparse, folder)?;
            keep(&mut initializers, sparse.values.as_ref().and_then(|values| values.name.as_deref()), host)?;
        }
        let mut functions = HashMap::new();
        for function in proto.functions {
            check::function(&function)?;
            let name = function.name.clone().unwrap_or_default();
            let overload = function.overload.clone().unwrap_or_default();
            let key = (domain(function.domain.as_deref()), name, overload);
            if functions.insert(key, function).is_some() {
                return Err(Error::input("two functions have the same domain, name and overload"));
            }
        }
        let version = proto.producer_version.as_deref().unwrap_or("");
        let model = Model {
            graph,
            functions,
            opsets,
            initializers,
            folder: folder.map(Path::to_owned),
            producer: format!("{} {version}", proto.producer_name.as_deref().unwrap_or("")).trim().into(),
            ir_version: proto.ir_version.unwrap_or(0),
        };
        check::main_graph(&model.graph, model.initializers.keys().map(String::as_str))?;
        for port in model.graph.input.iter().chain(&model.graph.output) {
            port_of(port)?;
        }
        Ok(model)
    }

    /// What a run must be given: inputs that no initializer fills.
    pub fn inputs(&self) -> Vec<Port> {
        let given =
            |port: &&ValueInfoProto| !self.initializers.contains_key(port.name.as_deref().unwrap_or(""));
        // Ports were checked when the model was made.
        self.graph.input.iter().filter(given).filter_map(|port| port_of(port).ok()).collect()
    }

    /// What a run gives.
    pub fn outputs(&self) -> Vec<Port> {
        self.graph.output.iter().filter_map(|port| port_of(port).ok()).collect()
    }

    /// The type of an input or output of this name, as the file tells it.
    pub(crate) fn type_of(&self, name: &str) -> Option<&TypeProto> {
        let mut ports = self.graph.input.iter().chain(&self.graph.output);
        ports.find(|port| port.name.as_deref() == Some(name)).and_then(|port| port.r#type.as_ref())
    }

    /// The tensors that the file holds, by name: parameters, and numbers like shapes.
    pub fn initializers(&self) -> impl Iterator<Item = (&str, &Host)> {
        self.initializers.iter().map(|(name, host)| (name.as_str(), host.as_ref()))
    }

    /// The nodes of the main graph, in order.
    pub fn nodes(&self) -> &[NodeProto] {
        &self.graph.node
    }

    /// The program that wrote the model.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// The version of the file format.
    pub fn ir_version(&self) -> i64 {
        self.ir_version
    }

    /// Domain and version of each operator set that the model asks for, the default domain as `""`.
    pub fn opsets(&self) -> Vec<(&str, i64)> {
        let mut opsets: Vec<_> =
            self.opsets.iter().map(|(domain, &version)| (domain.as_str(), version)).collect();
        opsets.sort_unstable();
        opsets
    }

    /// How many nodes ask for each operator, those inside of subgraphs and functions too.
    pub fn operators(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.for_each_node(&mut |node, _| *counts.entry(full_name(node)).or_default() += 1);
        counts
    }

    /// The operators that no rule is known for, all of them.
    pub fn unsupported(&self) -> Vec<Unsupported> {
        let mut found: BTreeMap<(String, i64), Unsupported> = BTreeMap::new();
        self.for_each_node(&mut |node, opsets| {
            let domain = domain(node.domain.as_deref());
            let name = node.op_type.as_deref().unwrap_or("");
            let overload = node.overload.clone().unwrap_or_default();
            if self.functions.contains_key(&(domain.clone(), name.into(), overload))
                || ops::find(&domain, name).is_some()
            {
                return;
            }
            let opset = opsets.get(&domain).copied().unwrap_or(0);
            let entry = found.entry((full_name(node), opset)).or_insert_with(|| Unsupported {
                operator: full_name(node),
                opset,
                nodes: 0,
                first: node.name.clone().unwrap_or_default(),
                reason: "no rule is known for it".into(),
            });
            entry.nodes += 1;
        });
        found.into_values().collect()
    }

    /// Visits all nodes, with the operator sets that hold for them.
    fn for_each_node(&self, visit: &mut dyn FnMut(&NodeProto, &Opsets)) {
        fn walk(nodes: &[NodeProto], opsets: &Opsets, visit: &mut dyn FnMut(&NodeProto, &Opsets)) {
            for node in nodes {
                visit(node, opsets);
                for attribute in &node.attribute {
                    attribute
                        .g
                        .iter()
                        .chain(&attribute.graphs)
                        .for_each(|graph| walk(&graph.node, opsets, visit));
                }
            }
        }
        walk(&self.graph.node, &self.opsets, visit);
        for function in self.functions.values() {
            let own = opsets(&function.opset_import).unwrap_or_default();
            walk(&function.node, &own, visit);
        }
    }
}

/// The domain as it is looked up: the default one has two names.
pub(crate) fn domain(domain: Option<&str>) -> String {
    match domain.unwrap_or("") {
        "ai.onnx" => String::new(),
        other => other.into(),
    }
}

/// Domain and name of a node's operator.
pub(crate) fn full_name(node: &NodeProto) -> String {
    let name = node.op_type.as_deref().unwrap_or("");
    match domain(node.domain.as_deref()).as_str() {
        "" => name.into(),
        domain => format!("{domain}::{name}"),
    }
}

pub(crate) fn opsets(imports: &[OperatorSetIdProto]) -> Result<Opsets> {
    let mut opsets = Opsets::new();
    for import in imports {
        let (domain, version) = (domain(import.domain.as_deref()), import.version.unwrap_or(0));
        if domain.is_empty() && !(1..=NEWEST_OPSET).contains(&version) {
            return Err(Error::unsupported(format!(
                "the model asks for version {version} of the default operators; 1 to {NEWEST_OPSET} are known"
            )));
        }
        opsets.insert(domain, version);
    }
    // A file without operator sets is of the time before there were any.
    opsets.entry(String::new()).or_insert(1);
    Ok(opsets)
}

fn keep(initializers: &mut BTreeMap<String, Arc<Host>>, name: Option<&str>, host: Host) -> Result<()> {
    let name =
        name.filter(|name| !name.is_empty()).ok_or_else(|| Error::input("an initializer without a name"))?;
    match initializers.insert(name.into(), Arc::new(host)) {
        Some(_) => Err(Error::input(format!("two initializers are called {name:?}"))),
        None => Ok(()),
    }
}

pub(crate) fn port_of(port: &ValueInfoProto) -> Result<Port> {
    let name = port.name.clone().unwrap_or_default();
    let place = |error: Error| error.context(format!("{name:?}"));
    let Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), .. }) = &port.r#type else {
        return Ok(Port { name, element: None, dims: None });
    };
    let element = match tensor.elem_type.unwrap_or(0) {
        0 => None,
        number => Some(
            Element::from_number(number)
                .map_err(|name| place(Error::unsupported(format!("elements of {name} are not supported"))))?,
        ),
    };
    let dim = |dim: &Option<DimensionValue>| match dim {
        Some(DimensionValue::DimValue(size)) => tensor::sizes(&[*size]).map(|sizes| Dim::Fixed(sizes[0])),
        Some(DimensionValue::DimParam(name)) if !name.is_empty() => Ok(Dim::Named(name.clone())),
        _ => Ok(Dim::Unknown),
    };
    let shape = tensor.shape.as_ref();
    let dims =
        shape.map(|shape| shape.dim.iter().map(|d| dim(&d.value)).collect::<Result<Vec<_>>>()).transpose();
    Ok(Port { element, dims: dims.map_err(place)?, name })
}
