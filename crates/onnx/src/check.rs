//! What is checked of a model before anything is made of it: every name is made once and before it is read, so no
//! node waits for itself; nothing is nested without end.

use std::collections::HashSet;

use anygrad_core::{Error, Result};

use crate::model::{full_name, opsets};
use crate::proto::{FunctionProto, GraphProto, NodeProto};

/// The most nodes, initializers, inputs and outputs that a graph may have.
const MOST_PARTS: usize = 1 << 20;

/// Graphs inside of graphs: deeper than any exporter nests.
const DEEPEST: usize = 32;

/// Names that are in sight: those of a graph, and those around it.
struct Names<'n> {
    own: HashSet<&'n str>,
    outer: Option<&'n Names<'n>>,
    depth: usize,
}

impl Names<'_> {
    fn contains(&self, name: &str) -> bool {
        self.own.contains(name) || self.outer.is_some_and(|outer| outer.contains(name))
    }
}

/// The main graph, with the names of its initializers.
pub(crate) fn main_graph<'n>(
    graph: &'n GraphProto,
    initializers: impl Iterator<Item = &'n str>,
) -> Result<()> {
    check_graph(graph, initializers.collect(), None)
}

/// The body of a function.
pub(crate) fn function(function: &FunctionProto) -> Result<()> {
    let place =
        |error: Error| error.context(format!("function {:?}", function.name.as_deref().unwrap_or("")));
    opsets(&function.opset_import).map_err(place)?;
    let mut names = Names { own: HashSet::new(), outer: None, depth: 0 };
    for input in &function.input {
        if !names.own.insert(input) {
            return Err(place(Error::input(format!("two inputs are called {input:?}"))));
        }
    }
    nodes(&function.node, &mut names).map_err(place)?;
    match function.output.iter().find(|name| !names.contains(name)) {
        Some(name) => Err(place(Error::input(format!("nothing makes the output {name:?}")))),
        None => Ok(()),
    }
}

fn check_graph<'n>(graph: &'n GraphProto, own: HashSet<&'n str>, outer: Option<&'n Names<'n>>) -> Result<()> {
    let depth = outer.map_or(0, |outer| outer.depth + 1);
    if depth > DEEPEST {
        return Err(Error::input(format!("graphs inside of graphs, more than {DEEPEST} deep")));
    }
    let parts = graph.node.len() + graph.input.len() + graph.output.len() + graph.initializer.len();
    if parts > MOST_PARTS {
        return Err(Error::unsupported(format!(
            "{parts} nodes, inputs and outputs; at most {MOST_PARTS} are read"
        )));
    }
    let mut names = Names { own, outer, depth };
    let sparse = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref());
    let tensors = graph.initializer.iter().chain(sparse);
    names.own.extend(tensors.filter_map(|tensor| tensor.name.as_deref()));
    let mut inputs = HashSet::new();
    for input in graph.input.iter().filter_map(|port| port.name.as_deref()) {
        if !inputs.insert(input) {
            return Err(Error::input(format!("two inputs are called {input:?}")));
        }
    }
    names.own.extend(inputs);
    nodes(&graph.node, &mut names)?;
    let mut outputs = graph.output.iter().map(|port| port.name.as_deref().unwrap_or(""));
    match outputs.find(|name| !names.contains(name)) {
        Some(name) => Err(Error::input(format!("nothing makes the output {name:?}"))),
        None => Ok(()),
    }
}

/// Nodes in their order; `names` gets what they make.
fn nodes<'n>(nodes: &'n [NodeProto], names: &mut Names<'n>) -> Result<()> {
    for (index, node) in nodes.iter().enumerate() {
        let place = || format!("node {index} {:?} ({})", node.name.as_deref().unwrap_or(""), full_name(node));
        if let Some(input) = node.input.iter().find(|name| !name.is_empty() && !names.contains(name)) {
            let why = "the model is torn, has a cycle, or its nodes are not sorted";
            let what = format!("it reads {input:?}, which nothing before it makes: {why}");
            return Err(Error::input(what).context(place()));
        }
        for attribute in &node.attribute {
            for inner in attribute.g.iter().chain(&attribute.graphs) {
                check_graph(inner, HashSet::new(), Some(&*names)).map_err(|error| error.context(place()))?;
            }
        }
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if !names.own.insert(output) {
                return Err(Error::input(format!("{output:?} is made twice")).context(place()));
            }
        }
    }
    Ok(())
}
