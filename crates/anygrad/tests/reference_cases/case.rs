//! One case: its manifest and its tensors.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anygrad::core::{Array, DType, Shape};
use libtest_mimic::Failed;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A line of the index.
pub struct Entry {
    pub id: String,
    pub op: String,
    pub kind: String,
}

pub struct Case {
    manifest: Value,
    tensors: HashMap<String, Array>,
}

/// What the manifest says of an output or of a gradient.
pub struct Expected<'a> {
    /// The name of the output, or of the input.
    pub name: &'a str,
    /// The key of the wanted elements.
    pub tensor: &'a str,
    pub rtol: f64,
    pub atol: f64,
    entry: &'a Value,
}

/// The list of cases.
pub fn entries(folder: &Path) -> Result<Vec<Entry>, Failed> {
    let index: Value = serde_json::from_slice(&fs::read(folder.join("index.json"))?)?;
    if index["format"] != "refcase/1" {
        return Err(format!("the format is {}, not refcase/1", index["format"]).into());
    }
    let cases = index["cases"].as_array().ok_or("the index has no cases")?;
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let entry = |case| Entry { id: text(case, "id"), op: text(case, "op"), kind: text(case, "kind") };
    Ok(cases.iter().map(entry).collect())
}

impl Case {
    pub fn load(folder: &Path, id: &str) -> Result<Self, Failed> {
        let manifest = serde_json::from_slice(&fs::read(folder.join(format!("{id}.json")))?)?;
        let bytes = fs::read(folder.join(format!("{id}.safetensors")))?;
        let mut tensors = HashMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes)?.tensors() {
            let data = view.data();
            let numbers: Vec<f64> = match view.dtype() {
                Dtype::F32 => words(data).map(|w| f64::from(f32::from_bits(w))).collect(),
                Dtype::I32 => words(data).map(|w| f64::from(w as i32)).collect(),
                Dtype::BOOL => data.iter().map(|&b| f64::from(b)).collect(),
                Dtype::F64 => doubles(data),
                other => return Err(format!("{name} is {other:?}").into()),
            };
            let dtype = match view.dtype() {
                Dtype::I32 => DType::I32,
                Dtype::BOOL => DType::Bool,
                _ => DType::F32,
            };
            tensors.insert(name, Array::from_f64(Shape::new(view.shape())?, dtype, &numbers));
        }
        Ok(Case { manifest, tensors })
    }

    pub fn id(&self) -> &str {
        self.manifest["id"].as_str().unwrap()
    }

    pub fn op(&self) -> &str {
        self.manifest["op"].as_str().unwrap()
    }

    pub fn kind(&self) -> &str {
        self.manifest["kind"].as_str().unwrap_or("op")
    }

    pub fn notes(&self) -> &str {
        self.manifest["notes"].as_str().unwrap_or_default()
    }

    pub fn manifest(&self) -> &Value {
        &self.manifest
    }

    /// A tensor of the file.
    pub fn tensor(&self, key: &str) -> Result<&Array, Failed> {
        self.tensors.get(key).ok_or_else(|| format!("the case has no tensor {key}").into())
    }

    pub fn inputs(&self) -> &[Value] {
        self.manifest["inputs"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn outputs(&self) -> Vec<Expected<'_>> {
        self.expected("outputs", "name")
    }

    pub fn grads(&self) -> Vec<Expected<'_>> {
        self.expected("grads", "input")
    }

    fn expected(&self, list: &str, name: &str) -> Vec<Expected<'_>> {
        let entries = self.manifest[list].as_array().map_or(&[][..], Vec::as_slice);
        let expected = |entry| Expected {
            name: text(entry, name),
            tensor: text(entry, "tensor"),
            rtol: entry["rtol"].as_f64().unwrap_or(0.0),
            atol: entry["atol"].as_f64().unwrap_or(0.0),
            entry,
        };
        entries.iter().map(expected).collect()
    }
}

impl<'a> Expected<'a> {
    /// Where the gradient that flows into this output comes from, if one does.
    pub fn upstream(&self) -> Option<&'a Value> {
        Some(&self.entry["upstream"]).filter(|value| !value.is_null())
    }

    /// The key of the places that are compared, if not all are.
    pub fn index(&self) -> Option<&'a str> {
        self.entry["index"].as_str()
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        self.entry[key].as_f64()
    }

    pub fn sizes(&self) -> Vec<usize> {
        sizes(&self.entry["shape"])
    }
}

/// A string of the manifest.
pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is no text: {value}"))
}

/// A list of sizes of the manifest.
pub fn sizes(value: &Value) -> Vec<usize> {
    value.as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize).collect()
}

pub fn dtype(input: &Value) -> DType {
    match text(input, "dtype") {
        "f32" => DType::F32,
        "i32" => DType::I32,
        "bool" => DType::Bool,
        other => panic!("an input is {other}"),
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()))
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().unwrap())).collect()
}
