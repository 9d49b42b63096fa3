//! The parameters of a trained model as a safetensors file, under the names of other libraries, and back.

use std::collections::BTreeMap;
use std::path::Path;

use anygrad_core::{Array, Context, DType, Error, Result};
use anygrad_nn::{Exchange, Library, Trainer};
use anygrad_store::{Checkpoint, write_file};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use crate::Saved;

impl Saved {
    /// The parameters under the names and in the layouts of a library.
    ///
    /// # Errors
    /// A layer has no counterpart there, or the device failed.
    pub async fn weights(&mut self, library: Library) -> Result<BTreeMap<String, Array>> {
        let ours = self.parameters().await?;
        let (row, dtype) = (&self.sizes.features, self.sizes.dtype);
        Exchange::of(self.trainer.model(), row, dtype, library)?.give(&ours)
    }

    /// Writes [`Saved::weights`] as a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// Those of [`Saved::weights`]; the file cannot be written.
    pub async fn save_weights(&mut self, path: &Path, library: Library) -> Result<()> {
        let tensors = self.weights(library).await?;
        let bytes = Checkpoint { tensors, meta: json!({ "keys": library.to_string() }) }.to_bytes()?;
        write_file(path, &bytes)
    }
}

/// Gives a trainer of a model on such rows the parameters of a safetensors file of a library; the file may have
/// more.
///
/// # Errors
/// The file cannot be read, lacks a parameter, or holds one of another shape; the device failed.
pub fn load_weights(
    trainer: &mut Trainer,
    (row, dtype): (&[usize], DType),
    path: &Path,
    library: Library,
) -> Result<()> {
    trainer.build(row, dtype)?;
    let exchange = Exchange::of(trainer.model(), row, dtype, library)?;
    let ours = read(path).and_then(|theirs| exchange.take(&theirs)).context(|| path.display())?;
    ours.iter().try_for_each(|(name, array)| trainer.write_parameter(name, array))
}

/// The floats of a safetensors file, as `f32`.
fn read(path: &Path) -> Result<BTreeMap<String, Array>> {
    let bytes = std::fs::read(path).map_err(|error| Error::input(format!("cannot be read: {error}")))?;
    let file =
        SafeTensors::deserialize(&bytes).map_err(|error| Error::input(format!("no safetensors: {error}")))?;
    let mut arrays = BTreeMap::new();
    for (name, tensor) in file.iter() {
        if tensor.dtype() == Dtype::F32 {
            let numbers = tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            arrays.insert(name.to_owned(), Array::f32(tensor.shape(), numbers.collect::<Vec<_>>())?);
        }
    }
    Ok(arrays)
}
