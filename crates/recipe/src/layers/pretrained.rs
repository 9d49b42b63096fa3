use anygrad_onnx as onnx;

use super::{Build, Built, Site, boxed};
use crate::schema::section;

section! {
    /// A model of an ONNX file, trained further: its floats are parameters that start as they are there. It takes the
    /// model's only input. Statistics of batch norms stay as they are.
    Pretrained {
        /// The file.
        file | path: String,
        /// The value where the model is cut off: what it gives in place of its output.
        until: Option<String> = None,
        /// Parameters that stay as they are: beginnings of their names in the file; `""` is all of them.
        frozen: Vec<String> = Vec::new(),
    }
}

impl Build for Pretrained {
    fn build(&self, site: &Site) -> Built {
        let text = |error: anygrad_core::Error| error.to_string();
        let model = onnx::Model::load(site.folder.join(&self.file)).map_err(text)?;
        let model = match &self.until {
            Some(name) => model.until(name).map_err(text)?,
            None => model,
        };
        let frozen = self.frozen.clone();
        let is_frozen = move |name: &str| frozen.iter().any(|start| name.starts_with(start.as_str()));
        boxed(onnx::Pretrained::new(model).map_err(text)?.frozen(is_frozen))
    }
}
