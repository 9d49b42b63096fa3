//! Mistakes in recipes and data: each has the exact words that a user reads.

mod data;
mod recipes;

use anygrad_recipe::Recipe;

/// A recipe without mistakes; each row below puts one in.
const GOOD: &str = r#"model = [
    { type = "conv2d", filters = 8, kernel_size = 3, activation = "relu" },
    "max_pool2d",
    "flatten",
    { type = "dense", units = "outputs" },
]
loss = "cross_entropy"
optimizer = { type = "adam", lr = 0.001 }
schedule = "cosine"

[data]
format = "idx"
path = "mnist"
task = "multiclass"
split = { by = "fraction", train = 0.8, validation = 0.1, test = 0.1 }

[regularization]
l2 = 0.0001
augmentation = { shift = 2 }

[training]
epochs = 5
batch_size = 64
clip = { type = "norm", limit = 1.0 }
metrics = ["accuracy"]
early_stopping = { patience = 3 }
"#;

/// Fails with all that were told otherwise: what was written, the words that are wanted, those that came.
fn all_told<'a>(told: impl Iterator<Item = (&'a str, String, String)>) {
    let told: Vec<_> = told.collect();
    let wrong: Vec<String> = told
        .iter()
        .filter(|(_, wanted, got)| wanted != got)
        .map(|(written, wanted, got)| format!("{written}\n  wanted {wanted}\n  got    {got}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), told.len(), wrong.join("\n"));
}

#[test]
fn layers_within_layers_have_an_end() {
    let (begin, end) = ("{ type = \"residual\", layers = [".repeat(500), "] }".repeat(500));
    let text = GOOD.replace("\"flatten\"", &format!("{begin}\"flatten\"{end}"));
    let error = Recipe::parse(&text, "r.toml").unwrap_err().to_string();
    assert!(error.starts_with("r.toml: line 4: not TOML: "), "{error}");
}

#[test]
fn files_that_are_no_recipes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.toml");
    let error = || {
        let error = Recipe::read(&path, &[]).unwrap_err().to_string();
        error.replace(&format!("{}/", folder.path().display()), "")
    };
    assert_eq!(error(), "r.toml: cannot be read: No such file or directory (os error 2)");
    std::fs::write(&path, b"model = [\n\"\xff\"]").unwrap();
    assert_eq!(error(), "r.toml: line 2: not UTF-8");
    std::fs::write(&path, vec![b'#'; (1 << 20) + 1]).unwrap();
    assert_eq!(error(), "r.toml: 1048577 bytes are too many for a recipe");
    std::fs::write(&path, "").unwrap();
    assert_eq!(error(), "r.toml: line 1: the key `model` is missing: it takes a list, each of it a layer");
}
