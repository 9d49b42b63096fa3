//! Nodes and constants as they are written, each under a name of its own.

use std::collections::{HashMap, HashSet};

use anygrad_core::{Array, DType, Data};

use crate::proto::{AttributeProto, AttributeType, NodeProto, TensorProto};

/// A setting of a node.
pub(super) enum Setting {
    Int(i64),
    Float(f64),
    Text(&'static str),
    Ints(Vec<i64>),
    Texts(Vec<&'static str>),
}

impl Setting {
    fn proto(&self, name: &str) -> AttributeProto {
        let (kind, mut proto) = match self {
            Setting::Int(value) => {
                (AttributeType::Int, AttributeProto { i: Some(*value), ..Default::default() })
            }
            Setting::Float(value) => {
                (AttributeType::Float, AttributeProto { f: Some(*value as f32), ..Default::default() })
            }
            Setting::Text(value) => (
                AttributeType::String,
                AttributeProto { s: Some(value.as_bytes().to_vec()), ..Default::default() },
            ),
            Setting::Ints(values) => {
                (AttributeType::Ints, AttributeProto { ints: values.clone(), ..Default::default() })
            }
            Setting::Texts(values) => {
                let strings = values.iter().map(|value| value.as_bytes().to_vec()).collect();
                (AttributeType::Strings, AttributeProto { strings, ..Default::default() })
            }
        };
        proto.name = Some(name.into());
        proto.r#type = Some(kind.into());
        proto
    }
}

/// Settings by their names.
pub(super) type Settings = Vec<(&'static str, Setting)>;

/// What is written.
#[derive(Default)]
pub(super) struct Scribe {
    pub(super) nodes: Vec<NodeProto>,
    pub(super) initializers: Vec<TensorProto>,
    names: HashSet<String>,
    /// Small constants that are there already, by their dtype, sizes and bytes.
    known: HashMap<(i32, Vec<i64>, Vec<u8>), String>,
    /// The part of the model that nodes are named after.
    pub(super) part: Option<String>,
}

/// Constants up to this many bytes are written once.
const SMALL: usize = 64;

impl Scribe {
    /// A name that nothing else has: this one, or this one with a number.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 0;
        while !self.names.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        unique
    }

    /// A node; the names of its outputs. An empty input is left out.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: Vec<String>,
        outputs: usize,
        settings: &[(&'static str, Setting)],
    ) -> Vec<String> {
        let name = match &self.part {
            Some(part) => format!("{part}/{operator}"),
            None => operator.to_owned(),
        };
        let names: Vec<String> = (0..outputs).map(|_| self.unique(&name)).collect();
        self.nodes.push(NodeProto {
            name: names.first().cloned(),
            op_type: Some(operator.into()),
            input: inputs,
            output: names.clone(),
            attribute: settings.iter().map(|(name, setting)| setting.proto(name)).collect(),
            ..NodeProto::default()
        });
        names
    }

    /// A constant under this name, or one like it.
    pub(super) fn constant(&mut self, name: &str, array: &Array) -> String {
        let dims = array.shape().iter().map(|&size| size as i64).collect();
        self.tensor(name, data_type(array.dtype()), dims, bytes(array))
    }

    /// Whole numbers, as shapes and axes are.
    pub(super) fn ints(&mut self, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor("ints", INT64, vec![values.len() as i64], bytes)
    }

    /// A whole number.
    pub(super) fn int(&mut self, value: i64) -> String {
        self.tensor("int", INT64, Vec::new(), value.to_le_bytes().to_vec())
    }

    fn tensor(&mut self, name: &str, data_type: i32, dims: Vec<i64>, bytes: Vec<u8>) -> String {
        let key = (bytes.len() <= SMALL && self.names_no_parameter(name))
            .then(|| (data_type, dims.clone(), bytes.clone()));
        if let Some(name) = key.as_ref().and_then(|key| self.known.get(key)) {
            return name.clone();
        }
        let name = self.unique(name);
        if let Some(key) = key {
            self.known.insert(key, name.clone());
        }
        self.initializers.push(TensorProto {
            name: Some(name.clone()),
            data_type: Some(data_type),
            dims,
            raw_data: Some(bytes),
            ..TensorProto::default()
        });
        name
    }

    /// Constants without a name of their own are shared.
    fn names_no_parameter(&self, name: &str) -> bool {
        matches!(name, "ints" | "int" | "constant")
    }
}

const INT64: i32 = 7;

/// The number of a dtype among those of ONNX.
pub(super) fn data_type(dtype: DType) -> i32 {
    match dtype {
        DType::F32 => 1,
        DType::I32 => 6,
        DType::Bool => 9,
        DType::F16 => 10,
        DType::U32 => 12,
        DType::BF16 => 16,
    }
}

/// Elements as a file has them: little endian, truth values in a byte each.
fn bytes(array: &Array) -> Vec<u8> {
    match array.data() {
        Data::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::F16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::BF16(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::U32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::Bool(values) => values.iter().map(|value| u8::from(*value != 0)).collect(),
    }
}
