//! `anygrad plan`, as its user runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

use anygrad::gpu::{Choice, MeasuredRoofline, planning_caps};
use anygrad::plan::Roofline;

const RECIPE: &str = r#"
model = ["flatten", { type = "dense", units = 200, activation = "relu" }, { type = "dense", units = "outputs" }]

[data]
format = "generated"
set = "digits"
rows = 2000
task = "multiclass"
split = { by = "fraction", train = 0.8, validation = 0.1, test = 0.1 }

[training]
epochs = 1
batch_size = 100
"#;

/// Runs the command in a folder; exit code, output and errors.
fn anygrad(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.current_dir(folder).args(arguments).env("ANYGRAD_CACHE", folder.join("cache"));
    command.env("ANYGRAD_ADAPTER", "software");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
    folder
}

fn json(folder: &Path, arguments: &[&str]) -> (i32, serde_json::Value) {
    let (code, text, errors) = anygrad(folder, &[&["plan", "recipe.toml", "--json"], arguments].concat());
    (code, serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{errors}")))
}

#[test]
fn a_recipe_is_planned_without_a_device() {
    let folder = folder();
    let (code, text, errors) = anygrad(folder.path(), &["plan", "recipe.toml"]);
    assert_eq!(code, 0, "{text}{errors}");
    let wanted = [
        "recipe.toml: training, 100 rows a batch",
        "the default limits of the WebGPU specification",
        "how much memory there is: WebGPU does not tell",
        "256 MiB, and the largest binding, 128 MiB",
        "no time is estimated",
        "dense.kernel",
        "of 8 storage buffers in a dispatch",
    ];
    for piece in wanted {
        assert!(text.contains(piece), "{piece}\n{text}");
    }
    let (code, plan) = json(folder.path(), &[]);
    let forecast = &plan["forecast"];
    let memory = forecast["memory"].as_object().unwrap();
    let sum: u64 = memory.values().map(|bytes| bytes.as_u64().unwrap()).sum();
    assert_eq!((code, sum), (0, forecast["peak"].as_u64().unwrap()));
    assert_eq!((&forecast["training"], &plan["fits"]), (&true.into(), &serde_json::Value::Null));
    // Predictions take less.
    let (_, prediction) = json(folder.path(), &["--inference", "--batch", "100"]);
    assert!(prediction["forecast"]["peak"].as_u64().unwrap() < sum);
    assert_eq!(prediction["forecast"]["memory"]["gradients"], 0);
}

#[test]
fn what_does_not_fit_ends_with_1_and_the_largest_batch_is_found() {
    let folder = folder();
    let total = |batch: usize| {
        let (_, plan) = json(folder.path(), &["--batch", &batch.to_string()]);
        let bytes = |key: &str| plan["forecast"][key].as_u64().unwrap();
        bytes("peak") + bytes("uploads") + bytes("reads")
    };
    let memory = (total(100) - 1).to_string();
    let (code, text, _) = anygrad(folder.path(), &["plan", "recipe.toml", "--memory", &memory]);
    assert!(code == 1 && text.contains("Does not fit: "), "{text}");
    let (code, plan) = json(folder.path(), &["--memory", &memory, "--max-batch"]);
    let batch = plan["max_batch"].as_u64().unwrap() as usize;
    let memory: u64 = memory.parse().unwrap();
    assert_eq!((code, plan["forecast"]["batch"].as_u64().unwrap() as usize), (0, batch));
    assert!(batch < 100 && total(batch) <= memory && total(batch + 1) > memory, "{batch}");
    let (code, text, _) = anygrad(folder.path(), &["plan", "recipe.toml", "--memory", "10kB", "--max-batch"]);
    assert!(code == 1 && text.contains("Not even a batch of 1 row fits"), "{text}");
}

#[test]
fn a_page_shows_the_memory_over_the_steps() {
    let folder = folder();
    let (code, text, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--html", "plan.html"]);
    assert_eq!(code, 0, "{text}{errors}");
    let page = std::fs::read_to_string(folder.path().join("plan.html")).unwrap();
    for piece in ["<!doctype html>", "<svg class=\"memory\"", "<title>activations</title>", "optimizer state"]
    {
        assert!(page.contains(piece), "{piece}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn limits_are_those_of_a_name_or_a_file() {
    let folder = folder();
    let write = |text: &str| std::fs::write(folder.path().join("phone.toml"), text).unwrap();
    write("name = \"my phone\"\nmemory_bytes = 2_000_000_000\ngflops = 100.0\ngbytes = 20.0\n");
    let (code, text, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--limits", "phone.toml"]);
    assert!(code == 0 && text.contains("For my phone: the limits in phone.toml"), "{text}{errors}");
    assert!(text.contains("Fits: ") && text.contains("or more (phone.toml)"), "{text}");
    write("max_bindings_bytes = 3\n");
    let (code, _, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--limits", "phone.toml"]);
    let wanted = "phone.toml: line 1: unknown key `max_bindings_bytes`: did you mean `max_binding_bytes`?";
    assert!(code == 2 && errors.contains(wanted), "{errors}");
    // A value that no buffer holds is refused, with the batch that would fit.
    write("max_buffer_bytes = 700_000\n");
    let (code, _, errors) =
        anygrad(folder.path(), &["plan", "recipe.toml", "--limits", "phone.toml", "--batch", "900"]);
    assert!(code == 2 && errors.contains("rows would fit: ") && errors.contains("700000"), "{errors}");
    let (code, _, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--limits", "desktop"]);
    assert!(code == 2 && errors.contains("takes webgpu, mobile or the path"), "{errors}");
    let (code, text, _) = anygrad(folder.path(), &["plan", "recipe.toml", "--limits", "mobile"]);
    assert!(code == 0 && text.contains("of 128 invocations in a workgroup"), "{text}");
    let (code, _, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--memory", "much"]);
    assert!(code == 2 && errors.contains("8GiB"), "{errors}");
}

#[test]
fn an_adapter_of_this_machine_is_asked_for_its_limits() {
    let folder = folder();
    let plan = || anygrad(folder.path(), &["plan", "recipe.toml", "--adapter", "software"]);
    let (code, text, errors) = plan();
    assert!(code == 0 && text.contains("what the adapter tells"), "{text}{errors}");
    assert!(!cfg!(target_os = "linux") || text.contains("what this machine has available now"), "{text}");
    let caps = planning_caps(&Choice::Software).unwrap();
    let roofline = Roofline { operations: 1e10, bytes: 1e10, dispatch: 1e-5, submit: 1e-4 };
    MeasuredRoofline::new(&caps, roofline).save_to(&folder.path().join("cache"), &caps).unwrap();
    let (_, text, _) = plan();
    assert!(text.contains("or more (what `anygrad bench` measured there)"), "{text}");
    let (code, _, errors) = anygrad(folder.path(), &["plan", "recipe.toml", "--adapter", "no such thing"]);
    assert!(code == 2 && errors.contains("no adapter is named"), "{errors}");
}

#[test]
fn a_training_that_does_not_fit_does_not_start() {
    let folder = folder();
    let train = |memory: &str| {
        anygrad(folder.path(), &["train", "recipe.toml", "--run", "run", "--memory", memory, "--quiet"])
    };
    let (code, _, errors) = train("8MB");
    let wanted = [
        "rows would fit: ",
        "training in batches of 100 rows takes ",
        "there are 8000000",
        "saving what can be saved, batches of 100 rows take at least ",
    ];
    assert!(code == 1 && wanted.iter().all(|piece| errors.contains(piece)), "{errors}");
    assert!(!folder.path().join("run").exists());
    let (code, text, errors) = train("1GB");
    assert_eq!(code, 0, "{text}{errors}");
    assert!(folder.path().join("run").exists());
}
