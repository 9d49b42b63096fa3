//! Folds, sweeps, explanations and generated text on tiny data.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crossval;
mod explain;
mod generate;
mod saved;
mod sweep;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use anygrad_recipe::Recipe;
use tempfile::TempDir;

/// Nobody asks for a stop.
static GO_ON: AtomicBool = AtomicBool::new(false);

/// A recipe in a folder with its data.
struct Given {
    folder: TempDir,
    recipe: Recipe,
}

fn given(text: &str, files: &[(&str, &str)]) -> Given {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files.iter().chain(&[("recipe.toml", text)]) {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let recipe = Recipe::read(folder.path().join("recipe.toml"), &[]).unwrap();
    Given { folder, recipe }
}

impl Given {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Points of a line.
const LINE: &str = r#"
model = [{ type = "dense", units = "outputs" }]
optimizer = { type = "sgd", lr = 0.1 }
[data]
format = "generated"
set = "line"
rows = 60
task = "regression"
normalize = "standard"
split = { by = "fraction", train = 0.6, validation = 0.2, test = 0.2 }
[training]
epochs = 3
batch_size = 8
metrics = ["mae", "rmse"]
"#;
