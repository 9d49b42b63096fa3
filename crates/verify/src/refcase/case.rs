//! One case: its manifest and its tensors.

use std::collections::HashMap;
use std::path::Path;

use anygrad_core::{Array, Context, DType, Error, Result};

use super::manifest::{self, Manifest};
use super::tensors::tensors;

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
        let tensors = tensors(&bytes).context(|| path.display())?;
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
