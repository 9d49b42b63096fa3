//! What stands in a file.

use std::collections::BTreeMap;

use anygrad_core::{Array, DType, Random};
use anygrad_graph::{Graph, Interpreter, Precision};
use anygrad_onnx::export::{Batch, ExportOptions, export, export_graph, save_within};
use anygrad_onnx::proto::{DimensionValue, ModelProto, TypeValue};
use prost::Message;

use crate::python;

fn random(sizes: &[usize]) -> Array {
    let mut random = Random::new(9);
    Array::f32(sizes, (0..sizes.iter().product()).map(|_| random.normal() as f32).collect::<Vec<_>>())
        .unwrap()
}

/// Two matrices, one of which is read turned around.
fn two_layers() -> (BTreeMap<String, Array>, ModelProto) {
    let values = BTreeMap::from([("a".to_owned(), random(&[20, 30])), ("b".to_owned(), random(&[10, 30]))]);
    let options =
        ExportOptions { metadata: vec![("made".into(), "here".into())], ..ExportOptions::default() };
    let model = export(Batch::Any, &values, &options, |graph, rows| {
        let x = graph.input("x", &[rows, 20], DType::F32);
        let y = x.matmul(graph.state("a", &[20, 30])).relu();
        let z = y.matmul(graph.state("b", &[10, 30]).t());
        Ok(vec![
            ("y".to_owned(), y),
            ("z".to_owned(), z),
            ("first".to_owned(), z.narrow(1, 0..4).reshape(&[rows, 2, 2])),
        ])
    });
    (values, model.unwrap())
}

#[test]
fn a_model_is_as_people_expect_it() {
    let (_, model) = two_layers();
    let model = ModelProto::decode(&model.encode_to_vec()[..]).unwrap();
    assert_eq!((model.ir_version(), model.producer_name()), (8, "anygrad"));
    assert_eq!(model.opset_import[0].version(), 18);
    assert_eq!((model.metadata_props[0].key(), model.metadata_props[0].value()), ("made", "here"));
    let graph = model.graph.unwrap();
    let sizes = |info: &anygrad_onnx::proto::ValueInfoProto| {
        let Some(TypeValue::Tensor(tensor)) = &info.r#type.as_ref().unwrap().value else {
            panic!("no tensor")
        };
        let dims = tensor.shape.as_ref().unwrap().dim.iter();
        let dim = |value: &Option<DimensionValue>| match value {
            Some(DimensionValue::DimValue(size)) => size.to_string(),
            Some(DimensionValue::DimParam(name)) => name.clone(),
            None => "?".to_owned(),
        };
        format!("{} {}", info.name(), dims.map(|d| dim(&d.value)).collect::<Vec<_>>().join(","))
    };
    assert_eq!(graph.input.iter().map(sizes).collect::<Vec<_>>(), ["x batch,20"]);
    assert_eq!(
        graph.output.iter().map(sizes).collect::<Vec<_>>(),
        ["y batch,30", "z batch,10", "first batch,2,2"]
    );
    let nodes: Vec<String> = graph
        .node
        .iter()
        .map(|node| format!("{}({})={}", node.op_type(), node.input.join(","), node.output.join(",")))
        .collect();
    let wanted = [
        "MatMul(x,a)=MatMul",
        "Relu(MatMul)=y",
        "MatMul(y,b)=z",
        "Slice(z,ints,ints_1,ints_2,ints_2)=Slice",
        "Reshape(Slice,ints_3)=first",
    ];
    assert_eq!(nodes, wanted);
    let turned = graph.initializer.iter().find(|tensor| tensor.name() == "b").unwrap();
    assert_eq!(turned.dims, [30, 10]);
}

#[test]
fn large_parameters_stand_in_a_second_file() {
    let folder = tempfile::tempdir().unwrap();
    let (values, model) = two_layers();
    let mut cpu = Interpreter::new(Precision::F32);
    let graph = Graph::new();
    let x = graph.input("x", &[3, 20], DType::F32);
    let y = x.matmul(graph.state("a", &[20, 30])).relu();
    let z = y.matmul(graph.state("b", &[10, 30]).t());
    values.iter().for_each(|(name, array)| cpu.write(name, array));
    cpu.write("x", &random(&[3, 20]));
    let made = cpu.run(&graph, &[y, z, z.narrow(1, 0..4).reshape(&[3, 2, 2])]).unwrap();
    let outputs: Vec<_> = ["y", "z", "first"].map(str::to_owned).into_iter().zip(made).collect();
    let one = folder.path().join("one");
    python::write(&one, &model, &[("x".into(), random(&[3, 20]))], &outputs, (1e-5, 1e-5));
    let two = folder.path().join("two");
    python::write(&two, &model, &[("x".into(), random(&[3, 20]))], &outputs, (1e-5, 1e-5));
    save_within(model, two.join("model.onnx"), 1000).unwrap();
    let sizes =
        ["model.onnx", "model.onnx.data"].map(|name| std::fs::metadata(two.join(name)).unwrap().len());
    // 600 and 300 numbers, the second from the next page on; the rest is no more than names.
    assert!(sizes[0] < 1500 && sizes[1] == 4096 + 1200, "{sizes:?}");
    assert!(
        !std::fs::read_dir(&two).unwrap().any(|file| file
            .unwrap()
            .file_name()
            .to_string_lossy()
            .ends_with(".part"))
    );
    let Some(python) = python::interpreter() else { return };
    assert_eq!(python::check(&python, folder.path()), (2, Vec::new()));
}

#[test]
fn all_that_cannot_be_said_is_told_at_once() {
    let graph = Graph::new();
    let x = graph.input("x", &[4], DType::F32);
    let y = graph.labelled("head", || x.lgamma() + x.relu().erfinv());
    let error = export_graph(&graph, &vec![("y".into(), y)], &BTreeMap::new(), &ExportOptions::default())
        .unwrap_err();
    let text = error.to_string();
    assert!(
        error.is_unsupported() && text.starts_with("2 operators of the model cannot be said in ONNX"),
        "{text}"
    );
    for (name, place) in [("lgamma in head (", "files.rs:"), ("erfinv in head (", "files.rs:")] {
        assert!(text.lines().any(|line| line.contains(name) && line.contains(place)), "{text}");
    }
}

#[test]
fn mistakes_are_told() {
    let with = |values: BTreeMap<String, Array>, names: [&str; 2]| {
        let graph = Graph::new();
        let x = graph.input("x", &[2, 3], DType::F32);
        let y = x.matmul(graph.state("w", &[3, 3]));
        let outputs = names.map(|name| (name.to_owned(), y)).to_vec();
        export_graph(&graph, &outputs, &values, &ExportOptions::default())
    };
    let w = |sizes: &[usize]| BTreeMap::from([("w".to_owned(), random(sizes))]);
    let told = |made: anygrad_core::Result<ModelProto>| made.unwrap_err().to_string();
    assert_eq!(told(with(BTreeMap::new(), ["y", "z"])), "no value was given for the state \"w\"");
    assert!(told(with(w(&[3, 2]), ["y", "z"])).contains("f32[3, 2] was given"));
    assert_eq!(told(with(w(&[3, 3]), ["x", "z"])), "the name \"x\" is that of two inputs or outputs");
    // One value under two names.
    let nodes = with(w(&[3, 3]), ["y", "z"]).unwrap().graph.unwrap().node;
    assert_eq!(nodes.iter().map(|node| node.op_type()).collect::<Vec<_>>(), ["MatMul", "Identity"]);
    let by_batch = export(Batch::Any, &BTreeMap::new(), &ExportOptions::default(), |graph, rows| {
        let x = graph.input("x", &[rows, 3], DType::F32);
        Ok(vec![("y".to_owned(), x * (1.0 / rows as f64))])
    });
    assert!(told(by_batch).contains("depends on the number of rows of a batch"));
    let over_rows = export(Batch::Any, &BTreeMap::new(), &ExportOptions::default(), |graph, rows| {
        let x = graph.input("x", &[rows, 3], DType::F32);
        Ok(vec![("y".to_owned(), x.mean(&[0], false))])
    });
    assert_eq!(over_rows.unwrap().graph.unwrap().node[0].op_type(), "ReduceMean");
}
