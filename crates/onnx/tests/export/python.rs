//! The checker and onnxruntime, where an interpreter of Python has them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anygrad_core::{Array, DType, Data};
use anygrad_onnx::proto::{
    AttributeProto, AttributeType, DimensionProto, DimensionValue, ModelProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};
use prost::Message;

/// The interpreter that the environment names; a test says so where there is none.
pub fn interpreter() -> Option<PathBuf> {
    let found = std::env::var_os("ANYGRAD_PYTHON").map(PathBuf::from);
    if found.is_none() {
        println!("NOT RUN: set ANYGRAD_PYTHON to a Python that can import numpy, onnx and onnxruntime");
    }
    found
}

/// A tensor as ONNX writes it.
pub fn tensor(name: &str, array: &Array) -> TensorProto {
    let bytes = match array.data() {
        Data::Bool(values) => values.iter().map(|&value| value as u8).collect(),
        _ => array.bytes().to_vec(),
    };
    let data_type = match array.dtype() {
        DType::F32 => 1,
        DType::I32 => 6,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::U32 => 12,
        DType::BF16 => 16,
    };
    TensorProto {
        name: Some(name.into()),
        data_type: Some(data_type),
        dims: array.shape().iter().map(|&size| size as i64).collect(),
        raw_data: Some(bytes),
        ..TensorProto::default()
    }
}

/// Writes a model with what it is given and what it must give.
pub fn write(
    folder: &Path,
    model: &ModelProto,
    inputs: &[(String, Array)],
    outputs: &[(String, Array)],
    tolerance: (f64, f64),
) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("model.onnx"), model.encode_to_vec()).unwrap();
    for (kind, tensors) in [("input", inputs), ("output", outputs)] {
        for (name, array) in tensors {
            std::fs::write(folder.join(format!("{kind}_{name}.pb")), tensor(name, array).encode_to_vec())
                .unwrap();
        }
    }
    std::fs::write(folder.join("tolerance.txt"), format!("{:e} {:e}", tolerance.0, tolerance.1)).unwrap();
}

/// The node that makes classes of probabilities, the first of the largest.
#[allow(dead_code, reason = "each test program uses a part of this file")]
pub fn class_of(probabilities: &str, class: &str) -> [NodeProto; 2] {
    let node = |operator: &str, from: &str, to: &str, settings: &[(&str, i64)]| NodeProto {
        op_type: Some(operator.into()),
        input: vec![from.into()],
        output: vec![to.into()],
        attribute: settings
            .iter()
            .map(|(name, value)| AttributeProto {
                name: Some((*name).into()),
                r#type: Some(AttributeType::Int.into()),
                i: Some(*value),
                ..AttributeProto::default()
            })
            .collect(),
        ..NodeProto::default()
    };
    let places = format!("{class}_place");
    let found = node("ArgMax", probabilities, &places, &[("axis", 1), ("keepdims", 0)]);
    [found, node("Cast", &places, class, &[("to", 6)])]
}

/// Whole numbers as an output.
#[allow(dead_code, reason = "each test program uses a part of this file")]
pub fn whole_output(name: &str) -> ValueInfoProto {
    let rows =
        DimensionProto { value: Some(DimensionValue::DimParam("batch".into())), ..DimensionProto::default() };
    let tensor = TensorTypeProto { elem_type: Some(6), shape: Some(TensorShapeProto { dim: vec![rows] }) };
    let kind = TypeProto { value: Some(TypeValue::Tensor(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: Some(name.into()), r#type: Some(kind), ..ValueInfoProto::default() }
}

/// Has all models of a folder checked and run: how many there were, and a line for each that is wrong.
pub fn check(python: &Path, folder: &Path) -> (usize, Vec<String>) {
    let output = Command::new(python).arg("-c").arg(include_str!("check.py")).arg(folder).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let count = text.lines().find_map(|line| line.strip_prefix("CHECKED ")?.split(' ').next()?.parse().ok());
    let Some(count) = count else {
        panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    };
    (count, text.lines().filter_map(|line| line.strip_prefix("WRONG ")).map(str::to_owned).collect())
}
