//! One case: its manifest and its tensors.

use std::collections::HashMap;
use std::path::Path;

use anygrad_core::{Array, DType, Error, Result, Shape};
use safetensors::{Dtype, SafeTensors};

use super::manifest::{self, Manifest};

pub(crate) struct Case {
    pub id: String,
    pub manifest: Manifest,
    tensors: HashMap<String, Array>,
}

impl Case {
    pub fn load(folder: &Path, id: &str) -> Result<Self> {
        let manifest = manifest::parse(&folder.join(format!("{id}.json")))?;
        let path = folder.join(format!("{id}.safetensors"));
        let bytes = manifest::read(&path)?;
        let refuse = |error: &dyn std::fmt::Display| Error::input(format!("{}: {error}", path.display()));
        let mut tensors = HashMap::new();
        for (name, view) in SafeTensors::deserialize(&bytes).map_err(|error| refuse(&error))?.tensors() {
            let data = view.data();
            let (dtype, numbers): (_, Vec<f64>) = match view.dtype() {
                Dtype::F32 => (DType::F32, words(data).map(|w| f64::from(f32::from_le_bytes(w))).collect()),
                Dtype::I32 => (DType::I32, words(data).map(|w| f64::from(i32::from_le_bytes(w))).collect()),
                Dtype::BOOL => (DType::Bool, data.iter().map(|&byte| f64::from(byte)).collect()),
                Dtype::F64 => (DType::F32, words(data).map(f64::from_le_bytes).collect()),
                other => return Err(refuse(&format_args!("{name} is {other:?}"))),
            };
            tensors.insert(name, Array::from_f64(Shape::new(view.shape())?, dtype, &numbers));
        }
        Ok(Case { id: id.into(), manifest, tensors })
    }

    pub fn op(&self) -> &str {
        &self.manifest.op
    }

    /// A tensor of the file.
    pub fn tensor(&self, key: &str) -> Result<&Array> {
        self.tensors.get(key).ok_or_else(|| Error::input(format!("the case has no tensor {key:?}")))
    }

    /// A number among the attributes.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.manifest.attrs.get(name)?.as_f64()
    }

    /// A text among the attributes.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.manifest.attrs.get(name)?.as_str()
    }

    /// A switch among the attributes; off where the case does not have it.
    pub fn flag(&self, name: &str) -> bool {
        self.manifest.attrs.get(name).and_then(|value| value.as_bool()).unwrap_or(false)
    }

    /// What floats are stored in while the case runs; its file holds them as `f32` all the same.
    pub fn storage(&self) -> DType {
        match self.text("dtype") {
            Some("f16") => DType::F16,
            Some("bf16") => DType::BF16,
            _ => DType::F32,
        }
    }

    /// A number that the case must have.
    pub fn required(&self, name: &str) -> Result<f64> {
        self.number(name).ok_or_else(|| Error::input(format!("the case has no number {name:?}")))
    }
}

/// The bytes of each element.
fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.chunks_exact(N).map(|chunk| {
        let mut word = [0; N];
        word.copy_from_slice(chunk);
        word
    })
}
