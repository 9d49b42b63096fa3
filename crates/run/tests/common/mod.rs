//! Recipes to run, and what a run leaves.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anygrad_core::Random;
use anygrad_nn::{History, Observer, Step};
use anygrad_recipe::Recipe;
use anygrad_run::Tested;
use anygrad_store::{Checkpoint, Keys};

/// A table of three classes, and a recipe with all that a state has to keep: dropout, a schedule,
/// accumulation, augmentation, early stopping.
pub fn table(folder: &Path, units: usize, epochs: usize) -> PathBuf {
    let mut random = Random::new(3);
    let mut text = "a,b,kind\n".to_owned();
    for row in 0..60 {
        let kind = ["sun", "rain", "snow, wet"][row % 3];
        let (a, b) = (random.normal() + (row % 3) as f64, random.normal() - (row % 3) as f64);
        writeln!(text, "{a:.3},{b:.3},\"{kind}\"").unwrap();
    }
    std::fs::write(folder.join("rows.csv"), text).unwrap();
    let recipe = format!(
        r#"
        model = [
            {{ type = "dense", units = {units}, activation = "relu" }},
            {{ type = "dropout", rate = 0.3 }},
            {{ type = "dense", units = "outputs" }},
        ]
        optimizer = {{ type = "adam", lr = 0.01 }}
        schedule = {{ type = "cosine", warmup_steps = 3 }}
        [data]
        format = "csv"
        path = "rows.csv"
        task = "multiclass"
        normalize = "standard"
        split = {{ by = "fraction", train = 0.7, validation = 0.15, test = 0.15 }}
        [regularization]
        augmentation = {{ noise = 0.05 }}
        [training]
        epochs = {epochs}
        batch_size = 8
        gradient_accumulation = 2
        early_stopping = {{ monitor = "validation_loss", patience = 50 }}
        checkpoint = {{ keep = 2 }}
        "#
    );
    let path = folder.join("table.toml");
    std::fs::write(&path, recipe).unwrap();
    path
}

pub fn read(path: &Path) -> Recipe {
    Recipe::read(path, &[]).unwrap()
}

/// Sets the flag after so many steps, as Ctrl-C would.
pub struct Stopper(pub Arc<AtomicBool>, pub usize);

impl Observer for Stopper {
    fn on_step(&mut self, _: &Step) {
        self.1 -= 1;
        if self.1 == 0 {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// What a run left: epochs with all their bits, figures on the test part, and every tensor of the last
/// checkpoint.
pub fn left(folder: &Path, keys: &Keys) -> (String, Option<String>, Checkpoint) {
    let history: History =
        serde_json::from_slice(&std::fs::read(folder.join("history.json")).unwrap()).unwrap();
    let test = std::fs::read(folder.join("scores.json")).ok().map(|bytes| {
        let scores: Tested = serde_json::from_slice(&bytes).unwrap();
        format!("{:?}", scores.scores)
    });
    let names = std::fs::read_dir(folder.join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        names.filter(|path| path.to_string_lossy().contains(".safetensors")).collect();
    files.sort();
    files.retain(|path| !path.to_string_lossy().ends_with(".sig"));
    let last = Checkpoint::read(files.last().unwrap(), keys, None).unwrap();
    (format!("{:?}", history.epochs), test, last)
}

pub fn same(a: &Path, b: &Path) {
    let (a, b) = (left(a, &Keys::default()), left(b, &Keys::default()));
    assert_eq!(a.0, b.0);
    assert_eq!(a.1, b.1);
    assert!(a.1.is_some());
    assert_eq!(a.2.tensors, b.2.tensors);
    assert_eq!(a.2.meta["progress"], b.2.meta["progress"]);
}
