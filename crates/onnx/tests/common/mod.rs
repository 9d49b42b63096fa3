//! Small models made by hand.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a mistake here is one of the test")]

use anygrad_core::Result;
use anygrad_gpu::Session;
use anygrad_onnx::proto::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use anygrad_onnx::{Data, Element, Host, Item, Model, Runner, encode};

pub fn node(op: &str, inputs: &[&str], outputs: &[&str], attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: Some(op.into()),
        input: inputs.iter().map(|&name| name.into()).collect(),
        output: outputs.iter().map(|&name| name.into()).collect(),
        attribute: attributes,
        ..NodeProto::default()
    }
}

fn attribute(name: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { name: Some(name.into()), r#type: Some(kind as i32), ..AttributeProto::default() }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto { i: Some(i), ..attribute(name, AttributeType::Int) }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { ints: ints.to_vec(), ..attribute(name, AttributeType::Ints) }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f: Some(f), ..attribute(name, AttributeType::Float) }
}

pub fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto { s: Some(s.into()), ..attribute(name, AttributeType::String) }
}

pub fn tensor(name: &str, host: &Host) -> AttributeProto {
    AttributeProto { t: Some(encode("", host)), ..attribute(name, AttributeType::Tensor) }
}

pub fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto { g: Some(graph), ..attribute(name, AttributeType::Graph) }
}

/// An attribute of a function's node that is one of the call.
pub fn outer(name: &str, of: &str, kind: AttributeType) -> AttributeProto {
    AttributeProto { ref_attr_name: Some(of.into()), ..attribute(name, kind) }
}

/// An input or output; an axis of -1 is left open.
pub fn port(name: &str, element: Element, dims: &[i64]) -> ValueInfoProto {
    let dim = |&size: &i64| DimensionProto {
        value: (size >= 0).then_some(DimensionValue::DimValue(size)),
        ..DimensionProto::default()
    };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: Some(element.number()), shape: Some(shape) };
    let kind = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: Some(name.into()), r#type: Some(kind), ..ValueInfoProto::default() }
}

pub fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: Some(name.into()), ..ValueInfoProto::default() }
}

pub fn graph(nodes: Vec<NodeProto>, inputs: &[&str], outputs: &[&str]) -> GraphProto {
    GraphProto {
        node: nodes,
        input: inputs.iter().map(|name| untyped(name)).collect(),
        output: outputs.iter().map(|name| untyped(name)).collect(),
        ..GraphProto::default()
    }
}

pub fn model(opset: i64, graph: GraphProto) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(opset) }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

pub fn floats(sizes: &[usize], numbers: &[f32]) -> Host {
    Host::new(Element::Float, sizes, Data::F32(numbers.to_vec())).unwrap()
}

pub fn whole(element: Element, sizes: &[usize], numbers: &[i64]) -> Host {
    Host::new(element, sizes, Data::Int(numbers.to_vec())).unwrap()
}

pub fn longs(numbers: &[i64]) -> Host {
    Host::ints(numbers)
}

pub fn long(number: i64) -> Host {
    whole(Element::Int64, &[], &[number])
}

pub fn words(sizes: &[usize], words: &[&str]) -> Host {
    let bytes = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    Host::new(Element::String, sizes, Data::Text(bytes)).unwrap()
}

pub fn runner(proto: ModelProto) -> Result<Runner> {
    Runner::new(Model::from_proto(proto, None)?, Session::interpreter())
}

pub fn run(proto: ModelProto, inputs: &[(&str, Host)]) -> Result<Vec<Item>> {
    run_on(&mut runner(proto)?, inputs)
}

pub fn run_on(runner: &mut Runner, inputs: &[(&str, Host)]) -> Result<Vec<Item>> {
    let items: Vec<_> = inputs.iter().map(|(name, host)| (*name, Item::Tensor(host.clone()))).collect();
    Ok(pollster::block_on(runner.run(&items))?.into_iter().map(|(_, item)| item).collect())
}

/// The outputs of one node, whose inputs are given at run time (`given`) or stand in the file.
pub fn node_outputs(opset: i64, mut node: NodeProto, inputs: &[Host], given: bool) -> Result<Vec<Item>> {
    let names: Vec<String> = (0..inputs.len()).map(|input| format!("x{input}")).collect();
    node.input = names.clone();
    let outputs: Vec<String> = node.output.clone();
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut graph = graph(vec![node], if given { &names } else { &[] }, &outputs);
    let named: Vec<(&str, Host)> = names.iter().copied().zip(inputs.iter().cloned()).collect();
    if !given {
        graph.initializer = named.iter().map(|(name, host)| encode(name, host)).collect();
    }
    run(model(opset, graph), if given { &named } else { &[] })
}

/// That one node gives these outputs, whether its inputs come at run time or stand in the file.
#[track_caller]
pub fn check(what: &str, opset: i64, node: NodeProto, inputs: &[Host], want: &[Host]) {
    for given in [true, false] {
        let got = node_outputs(opset, node.clone(), inputs, given)
            .unwrap_or_else(|error| panic!("{what} (given: {given}): {error}"));
        let want: Vec<Item> = want.iter().cloned().map(Item::Tensor).collect();
        assert_eq!(got, want, "{what} (given: {given})");
    }
}

/// The error of one node, whose inputs come at run time.
#[track_caller]
pub fn refused(opset: i64, node: NodeProto, inputs: &[Host], says: &str) {
    for given in [true, false] {
        let error = match node_outputs(opset, node.clone(), inputs, given) {
            Ok(outputs) => panic!("{node:?} gave {outputs:?}"),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(says), "{error} (given: {given})");
    }
}
