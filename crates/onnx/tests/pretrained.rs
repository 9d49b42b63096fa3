//! A model of a file as a layer: it computes what the model computes, and is trained further.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::Array;
use anygrad_gpu::Session;
use anygrad_nn::{Dense, FitOptions, Loss, Sequential, Sgd, Silent, Trainer};
use anygrad_onnx::proto::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use anygrad_onnx::{Data, Element, Host, Item, Model, Pretrained, Runner, encode};
use pollster::block_on;

fn node(op: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.into()],
        name: Some(output.into()),
        op_type: Some(op.into()),
        attribute: attributes,
        ..NodeProto::default()
    }
}

fn port(name: &str, dims: &[DimensionValue]) -> ValueInfoProto {
    let dim = |value: &DimensionValue| DimensionProto { value: Some(value.clone()), denotation: None };
    let shape = TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: Some(Element::Float.number()), shape: Some(shape) };
    let kind = TypeProto { value: Some(TypeValue::Tensor(tensor)), denotation: None };
    ValueInfoProto { name: Some(name.into()), r#type: Some(kind), doc_string: None }
}

fn weight(name: &str, sizes: &[usize], seed: f32) -> anygrad_onnx::proto::TensorProto {
    let count: usize = sizes.iter().product();
    let numbers = (0..count).map(|i| (seed + i as f32 * 0.7).sin() * 0.5).collect();
    encode(name, &Host::new(Element::Float, sizes, Data::F32(numbers)).unwrap())
}

/// x [n, 1, 6, 6] -> conv 3x3, 2 channels -> relu -> flatten -> gemm, 3 classes.
fn model() -> Model {
    let int = |name: &str, i: i64| AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(i),
        ..AttributeProto::default()
    };
    let fixed = DimensionValue::DimValue;
    let graph = GraphProto {
        node: vec![
            node("Conv", &["x", "conv.weight", "conv.bias"], "conv", vec![]),
            node("Relu", &["conv"], "relu", vec![]),
            node("Flatten", &["relu"], "features", vec![]),
            node("Gemm", &["features", "head.weight", "head.bias"], "logits", vec![int("transB", 1)]),
        ],
        initializer: vec![
            weight("conv.weight", &[2, 1, 3, 3], 0.1),
            weight("conv.bias", &[2], 0.2),
            weight("head.weight", &[3, 32], 0.3),
            weight("head.bias", &[3], 0.4),
        ],
        input: vec![port("x", &[DimensionValue::DimParam("n".into()), fixed(1), fixed(6), fixed(6)])],
        output: vec![port("logits", &[DimensionValue::DimParam("n".into()), fixed(3)])],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { domain: None, version: Some(17) };
    let proto = ModelProto {
        ir_version: Some(8),
        opset_import: vec![opset],
        graph: Some(graph),
        ..ModelProto::default()
    };
    Model::from_proto(proto, None).unwrap()
}

/// Images and their classes.
fn data(rows: usize) -> (Array, Array) {
    let images: Vec<f32> = (0..rows * 36).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
    let classes: Vec<i32> = (0..rows).map(|row| (row % 3) as i32).collect();
    (Array::f32(&[rows, 1, 6, 6], images).unwrap(), Array::i32(&[rows], classes).unwrap())
}

#[test]
fn the_layer_computes_what_the_model_computes_at_any_batch_size() {
    let mut runner = Runner::new(model(), Session::interpreter()).unwrap();
    let mut trainer = Trainer::new(
        Session::interpreter(),
        Pretrained::new(model()).unwrap(),
        Loss::sparse_cross_entropy(),
        Sgd::new(0.1),
    );
    for rows in [2, 5] {
        let (x, _) = data(rows);
        let given = Host::from_array(Element::Float, &x).unwrap();
        let outputs = block_on(runner.run(&[("x", Item::Tensor(given))])).unwrap();
        let Item::Tensor(want) = &outputs[0].1 else { panic!("no tensor") };
        let got = block_on(trainer.predict(&x, rows)).unwrap();
        assert_eq!(got.to_f64(), want.to_f64());
    }
}

#[test]
fn it_is_trained_further_and_frozen_parameters_stay() {
    let body = Pretrained::new(model()).unwrap().frozen(|name| name.starts_with("conv"));
    let mut trainer = Trainer::new(Session::interpreter(), body, Loss::sparse_cross_entropy(), Sgd::new(0.1));
    let (x, y) = data(12);
    let options = FitOptions { epochs: 15, batch_size: 6, ..FitOptions::default() };
    let history = block_on(trainer.fit((&x, &y), None, &options, &mut Silent)).unwrap();
    let losses = history.losses();
    assert!(losses[14] < losses[0] * 0.9, "{losses:?}");
    let names: Vec<String> = trainer.parameters().map(|parameter| parameter.name.clone()).collect();
    for (name, host) in model().initializers() {
        let known = names.iter().find(|known| known.ends_with(name)).unwrap();
        let now = block_on(trainer.read_parameter(known)).unwrap();
        assert_eq!(now.to_f64() == host.to_f64(), name.starts_with("conv"), "{name}");
    }
}

#[test]
fn a_new_head_stands_on_a_value_in_the_midst() {
    let body = Pretrained::new(model().until("features").unwrap()).unwrap();
    let model_with_head = Sequential::new().add(body).add(Dense::new(5));
    let mut trainer =
        Trainer::new(Session::interpreter(), model_with_head, Loss::sparse_cross_entropy(), Sgd::new(0.1));
    let (x, _) = data(4);
    assert_eq!(block_on(trainer.predict(&x, 4)).unwrap().shape()[..], [4, 5]);
    // The old head's parameters are not part of it.
    assert!(!trainer.parameters().any(|parameter| parameter.name.contains("head")));
    let error = model().until("nothing").unwrap_err().to_string();
    assert!(error.contains("\"nothing\""), "{error}");
}
