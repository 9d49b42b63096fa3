//! `anygrad inspect MODEL.onnx`

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anygrad::core::{Error, Result};
use anygrad::onnx::{Dim, Model, Port};
use clap::Args;

use crate::output;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The model, an ONNX file
    model: PathBuf,
    /// The size of an axis that the model leaves open [default: 1]
    #[arg(long = "dim", value_name = "NAME=SIZE", value_parser = dim)]
    dims: Vec<(String, usize)>,
    /// List every node, with the type and sizes of what it makes
    #[arg(long)]
    nodes: bool,
    /// Write the graph in the language of Graphviz, and nothing else
    #[arg(long, conflicts_with = "nodes")]
    dot: bool,
}

/// Reads `NAME=SIZE`.
pub(crate) fn dim(text: &str) -> Result<(String, usize), String> {
    let (name, size) = text.rsplit_once('=').ok_or("NAME=SIZE was expected")?;
    Ok((name.into(), size.parse().map_err(|_| format!("{size:?} is no size"))?))
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let model = Model::load(&arguments.model)?;
    if arguments.dot {
        output::line(dot(&model).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(summary(&model).trim_end())?;
    let unsupported = model.unsupported();
    for operator in &unsupported {
        let (name, opset, first) = (&operator.operator, operator.opset, &operator.first);
        output::line(format_args!(
            "cannot run here: {name} (opset {opset}), {} node(s), first {first:?}: {}",
            operator.nodes, operator.reason
        ))?;
    }
    if arguments.nodes {
        output::line(nodes(&model, &arguments.dims)?.trim_end())?;
    }
    if unsupported.is_empty() {
        output::line("Every operator is known here.")?;
    }
    Ok(if unsupported.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn summary(model: &Model) -> String {
    let mut text = String::new();
    let producer = if model.producer().is_empty() { "an unknown program" } else { model.producer() };
    let opsets: Vec<String> = model
        .opsets()
        .iter()
        .map(|(domain, version)| format!("{} {version}", if domain.is_empty() { "ai.onnx" } else { domain }))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "written by {producer}, format {}, operators of {}",
        model.ir_version(),
        opsets.join(", ")
    );
    for (what, ports) in [("input", model.inputs()), ("output", model.outputs())] {
        for port in ports {
            let _ = writeln!(text, "{what:<7} {}  {}", port.name, port_type(&port));
        }
    }
    let (mut floats, mut bytes, mut tensors) = (0, 0, 0);
    for (_, host) in model.initializers() {
        tensors += 1;
        floats += if host.element().is_float() { host.len() } else { 0 };
        bytes += host.len() as u64 * host.element().bits().unwrap_or(8) as u64 / 8;
    }
    let _ = writeln!(text, "{floats} parameters; {tensors} tensors of {bytes} bytes in all");
    let _ = writeln!(text, "{} nodes:", model.nodes().len());
    for (operator, count) in model.operators() {
        let _ = writeln!(text, "  {count:>5}  {operator}");
    }
    text
}

fn port_type(port: &Port) -> String {
    let element =
        port.element.map_or_else(|| "no tensor, or of an unknown type".into(), |element| element.to_string());
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(name) => name.clone(),
        Dim::Unknown => "?".into(),
    };
    match &port.dims {
        Some(dims) => format!("{element}[{}]", dims.iter().map(size).collect::<Vec<_>>().join(", ")),
        None => element,
    }
}

/// The sizes of a model's inputs, where open axes have these sizes, or 1.
pub(crate) fn sizes(model: &Model, dims: &[(String, usize)]) -> Result<Vec<(String, Vec<usize>)>> {
    let ports = model.inputs();
    let is_named = |name: &str| {
        let mut all = ports.iter().flat_map(|port| port.dims.iter().flatten());
        all.any(|dim| *dim == Dim::Named(name.into()))
    };
    if let Some((name, _)) = dims.iter().find(|(name, _)| !is_named(name)) {
        return Err(Error::input(format!("--dim {name}: no input has an axis of this name")));
    }
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => *size,
        Dim::Named(name) => dims.iter().find(|(known, _)| known == name).map_or(1, |(_, size)| *size),
        Dim::Unknown => 1,
    };
    let of = |port: &Port| (port.name.clone(), port.dims.iter().flatten().map(size).collect());
    Ok(ports.iter().map(of).collect())
}

/// Each node with what it makes, for the sizes asked for.
fn nodes(model: &Model, dims: &[(String, usize)]) -> Result<String> {
    let sizes = sizes(model, dims)?;
    let inputs: Vec<(&str, &[usize])> =
        sizes.iter().map(|(name, sizes)| (name.as_str(), sizes.as_slice())).collect();
    let shapes: HashMap<String, String> = model.shapes(&inputs)?.into_iter().collect();
    let mut text = String::new();
    for (index, node) in model.nodes().iter().enumerate() {
        let outputs: Vec<String> = node
            .output
            .iter()
            .map(|name| {
                format!("{name} {}", shapes.get(name).map_or("", String::as_str)).trim_end().to_owned()
            })
            .collect();
        let operator = node.op_type.as_deref().unwrap_or("");
        let _ = writeln!(text, "{index:>5}  {operator}({}) -> {}", node.input.join(", "), outputs.join(", "));
    }
    Ok(text)
}

/// The graph in the language of Graphviz: an ellipse for each input and output, a box for each node.
fn dot(model: &Model) -> String {
    let mut text =
        String::from("digraph model {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n");
    let mut maker: HashMap<&str, String> = HashMap::new();
    let ports = (model.inputs(), model.outputs());
    for (index, port) in ports.0.iter().enumerate() {
        let label = format!("{}\\n{}", escaped(&port.name), escaped(&port_type(port)));
        let _ = writeln!(text, "  i{index} [shape=ellipse, label=\"{label}\"];");
        maker.insert(&port.name, format!("i{index}"));
    }
    for (index, node) in model.nodes().iter().enumerate() {
        let _ = writeln!(text, "  n{index} [label=\"{}\"];", escaped(node.op_type.as_deref().unwrap_or("")));
        for input in &node.input {
            if let Some(from) = maker.get(input.as_str()) {
                let _ = writeln!(text, "  {from} -> n{index} [label=\"{}\"];", escaped(input));
            }
        }
        maker.extend(node.output.iter().map(|output| (output.as_str(), format!("n{index}"))));
    }
    for (index, port) in ports.1.iter().enumerate() {
        let _ = writeln!(text, "  o{index} [shape=ellipse, label=\"{}\"];", escaped(&port.name));
        if let Some(from) = maker.get(port.name.as_str()) {
            let _ = writeln!(text, "  {from} -> o{index};");
        }
    }
    text.push_str("}\n");
    text
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
