//! Models out of a run and in again, as a user takes them: export, inspect, run, verify, plan, train further.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use anygrad::core::Array;
use anygrad::data::numpy::{read_npy, write_npy};
use anygrad::onnx::{Element, Host, Item, item_bytes};

const RECIPE: &str = r#"
model = ["flatten", { type = "dense", units = 24, activation = "relu" }, { type = "dense", units = "outputs" }]

[data]
format = "generated"
set = "digits"
rows = 600
task = "multiclass"
split = { by = "fraction", train = 0.8, validation = 0.1, test = 0.1 }

[training]
epochs = 4
batch_size = 40
"#;

/// Runs the command in a folder; exit code, and output and errors together.
fn anygrad(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(arguments).env("ANYGRAD_CACHE", folder.join("cache"));
    command.env("ANYGRAD_ADAPTER", "software");
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// The same, and it succeeds.
fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let (code, text) = anygrad(folder, arguments);
    assert_eq!(code, 0, "{arguments:?}: {text}");
    text
}

/// The training loss of each epoch of a run.
fn losses(folder: &Path, run: &str) -> Vec<f64> {
    let text = std::fs::read_to_string(folder.join(run).join("history.json")).unwrap();
    let history: serde_json::Value = serde_json::from_str(&text).unwrap();
    let epochs = history["epochs"].as_array().unwrap();
    epochs.iter().map(|epoch| epoch["train"]["loss"].as_f64().unwrap()).collect()
}

#[test]
fn a_trained_model_goes_out_and_comes_in_again() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
    succeeds(folder, &["train", "recipe.toml", "--run", "run", "--quiet"]);
    succeeds(folder, &["export", "run", "--logits", "--output", "model.onnx"]);

    let text = succeeds(folder, &["inspect", "model.onnx", "--nodes"]);
    for wanted in ["Gemm", "19090 parameters", "written by anygrad", "FLOAT[1, 10]"] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    let dot = succeeds(folder, &["inspect", "model.onnx", "--dot"]);
    assert!(dot.starts_with("digraph") && dot.contains("Gemm"), "{dot}");

    // Two batch sizes: each has a plan of its own.
    let name =
        text.lines().find_map(|line| line.strip_prefix("input")).unwrap().split_whitespace().next().unwrap();
    for rows in [2usize, 5] {
        let pixels: Vec<f32> = (0..rows * 784).map(|i| ((i % 97) as f32 / 97.0).powi(3)).collect();
        let x = Array::f32(&[rows, 1, 28, 28], pixels).unwrap();
        write_npy(folder.join("x.npy"), &x).unwrap();
        let text =
            succeeds(folder, &["run", "model.onnx", "--input", &format!("{name}=x.npy"), "--output", "out"]);
        assert!(text.contains(&format!("FLOAT[{rows}, 10]")), "{text}");
    }
    let file = std::fs::read_dir(folder.join("out")).unwrap().next().unwrap().unwrap().path();
    assert_eq!(read_npy(&file).unwrap().shape()[..], [5, 10]);

    let text = succeeds(folder, &["verify", "--model", "model.onnx"]);
    assert!(text.contains("all hold"), "{text}");

    // What it gave is what it must give; something else is told.
    let set = folder.join("case/test_data_set_0");
    std::fs::create_dir_all(&set).unwrap();
    std::fs::copy(folder.join("model.onnx"), folder.join("case/model.onnx")).unwrap();
    let item = |array: &Array| Item::Tensor(Host::from_array(Element::Float, array).unwrap());
    let (x, y) = (read_npy(folder.join("x.npy")).unwrap(), read_npy(&file).unwrap());
    std::fs::write(set.join("input_0.pb"), item_bytes(name, &item(&x))).unwrap();
    std::fs::write(set.join("output_0.pb"), item_bytes("y", &item(&y))).unwrap();
    let text = succeeds(folder, &["verify", "--onnx", "case", "--json", "report.json"]);
    assert!(text.contains("1 models: 1 pass, 0 fail, 0 unsupported"), "{text}");
    let wrong =
        Array::f32(&[5, 10], y.as_f32().unwrap().iter().map(|y| y + 1.0).collect::<Vec<_>>()).unwrap();
    std::fs::write(set.join("output_0.pb"), item_bytes("y", &item(&wrong))).unwrap();
    let (code, text) = anygrad(folder, &["verify", "--onnx", "case", "--json", "report.json"]);
    assert_eq!(code, 1, "{text}");
    let report = std::fs::read_to_string(folder.join("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["cases"][0]["status"], "fail", "{report}");

    let text = succeeds(folder, &["plan", "model.onnx", "--batch", "7"]);
    assert!(text.contains("model.onnx: inference, 7 rows a batch"), "{text}");
    let training = succeeds(folder, &["plan", "model.onnx", "--training", "--batch", "7"]);
    assert!(training.contains("optimizer state"), "{training}");

    // Trained further it begins where it stood.
    let layer = r#"model = [{ type = "pretrained", file = "model.onnx", frozen = [] }]"#;
    let further = RECIPE.split_once('\n').unwrap().1.split_once('\n').unwrap().1;
    std::fs::write(folder.join("further.toml"), format!("{layer}\n{further}")).unwrap();
    succeeds(folder, &["train", "further.toml", "--run", "further", "--quiet"]);
    let (before, after) = (losses(folder, "run"), losses(folder, "further"));
    assert!(after[0] < before[1], "{before:?} {after:?}");
    // A run of a pretrained model is read again, from any folder.
    let text = succeeds(folder, &["evaluate", "further"]);
    assert!(text.contains("accuracy"), "{text}");
}

#[test]
fn what_is_wrong_with_a_model_is_told() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    std::fs::write(folder.join("torn.onnx"), b"\x08\x08\x3a\x7fno model").unwrap();
    let cases: [(&[&str], &str); 5] = [
        (&["run", "torn.onnx"], "torn.onnx: no ONNX model"),
        (&["inspect", "missing.onnx"], "missing.onnx"),
        (&["plan", "torn.onnx"], "no ONNX model"),
        (&["verify", "--model", "torn.onnx"], "no ONNX model"),
        (&["verify", "--onnx", "."], "no case among"),
    ];
    for (arguments, wanted) in cases {
        let (code, text) = anygrad(folder, arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.contains(wanted), "{arguments:?}: {text}");
    }
}
