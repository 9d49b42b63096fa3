//! Recipes as a person trains them: a folder, Ctrl-C, going on, figures and predictions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

const RECIPE: &str = r#"
    model = [{ type = "dense", units = "outputs" }]
    optimizer = { type = "sgd", lr = 0.1 }
    [data]
    format = "csv"
    path = "rows.csv"
    task = "regression"
    normalize_targets = true
    [training]
    epochs = 4
    batch_size = 8
"#;

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.args(arguments).current_dir(folder);
    command.stderr(std::process::Stdio::null());
    command.env("ANYGRAD_ADAPTER", "cpu").env("ANYGRAD_CACHE", folder.join("cache"));
    command
}

fn anygrad(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).stderr(std::process::Stdio::piped()).output().unwrap()
}

/// What a command that must succeed writes.
fn says(folder: &Path, arguments: &[&str]) -> String {
    let output = anygrad(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// y = 30 x + 200, and the recipe that finds it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows: String =
        (0..100).map(|i| format!("{},{}\n", i as f32 / 50.0 - 1.0, 170.0 + 0.6 * i as f32)).collect();
    std::fs::write(folder.path().join("rows.csv"), format!("x,y\n{rows}")).unwrap();
    std::fs::write(folder.path().join("line.toml"), RECIPE).unwrap();
    folder
}

#[test]
fn a_recipe_is_trained_evaluated_and_predicts() {
    let folder = folder();
    let folder = folder.path();
    let text = says(folder, &["train", "line.toml", "--set", "training.epochs=9", "--save-every", "4"]);
    assert!(text.contains("Rows: training 80, validation 10, test 10"), "{text}");
    assert!(text.contains("test: 10 rows  loss ") && text.contains(": runs/line-1"), "{text}");
    for name in
        ["recipe.toml", "run.json", "history.json", "metrics.csv", "scores.json", "preprocessing.json"]
    {
        assert!(folder.join("runs/line-1").join(name).is_file(), "{name}");
    }
    let lines = says(folder, &["train", "line.toml", "--json-lines"]);
    let objects: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 5, "{lines}");
    assert_eq!(objects[3]["epoch"], 4);
    assert!(
        objects[3]["train"]["loss"].is_number() && objects[3]["validation"]["metrics"]["mae"].is_number()
    );
    assert_eq!(
        (objects[4]["run"].as_str(), objects[4]["end"].as_str()),
        (Some("runs/line-2"), Some("Finished"))
    );

    let figures = says(folder, &["evaluate", "runs/line-1", "--json"]);
    let saved = std::fs::read_to_string(folder.join("runs/line-1/scores.json")).unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(json(&figures), json(&saved));
    let text = says(folder, &["evaluate", "runs/line-1", "--data", "rows.csv", "--checkpoint", "latest"]);
    assert!(text.starts_with("rows.csv: 100 rows  loss "), "{text}");
    std::fs::write(folder.join("new.csv"), "x\n0\n1\n").unwrap();
    let text = says(folder, &["predict", "runs/line-1", "--input", "new.csv", "--output", "out.csv"]);
    assert_eq!(text.trim(), "2 predictions: out.csv");
    let out = std::fs::read_to_string(folder.join("out.csv")).unwrap();
    let made: Vec<f32> = out.lines().skip(1).map(|line| line.parse().unwrap()).collect();
    assert!((made[0] - 200.0).abs() < 3.0 && (made[1] - 230.0).abs() < 3.0, "{out}");
    assert!(says(folder, &["audit", "runs/line-1"]).contains("all hold"));
}

#[test]
fn a_run_is_exported() {
    let folder = folder();
    let folder = folder.path();
    says(folder, &["train", "line.toml"]);
    let text = says(folder, &["export", "runs/line-1", "-o", "line.onnx", "--rows", "4"]);
    assert!(text.starts_with("line.onnx: the model of checkpoint-"), "{text}");
    let model = std::fs::read(folder.join("line.onnx")).unwrap();
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    // Its parameters and its output.
    assert!(["dense.kernel", "prediction", "Gemm"].iter().all(|text| has(&model, text)));
    says(folder, &["export", "runs/line-1", "--output", "line.safetensors", "--keys", "pytorch"]);
    let weights = std::fs::read(folder.join("line.safetensors")).unwrap();
    assert!(has(&weights, "dense.weight") && !has(&weights, "dense.kernel"));
    let refused: [(&[&str], &str); 4] = [
        (&["-o", "line.bin"], "line.bin: the name tells no format"),
        (&["-o", "other.onnx", "--keys", "keras"], "--keys is for safetensors"),
        (&["-o", "other.safetensors", "--logits"], "are for ONNX"),
        (&["-o", "other.safetensors", "--keys", "caffe"], "takes anygrad, pytorch or keras"),
    ];
    for (arguments, why) in refused {
        let output = anygrad(folder, &[&["export", "runs/line-1"], arguments].concat());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(why), "{text}");
    }
    assert!(!folder.join("other.onnx").exists() && !folder.join("other.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_run_goes_on() {
    use std::io::Read;
    let folder = folder();
    let folder = folder.path();
    let long = ["train", "line.toml", "--run", "long", "--set", "training.epochs=100000", "--json-lines"];
    let mut process = command(folder, &long).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = process.stdout.take().unwrap();
    // An epoch is over.
    out.read_exact(&mut [0; 20]).unwrap();
    let id = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130));
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!(last["end"], "Stopped");
    let checkpoint = last["checkpoint"].as_str().unwrap();
    assert!(folder.join(checkpoint).is_file());
    let mut process =
        command(folder, &["train", "--resume", "long"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = process.stdout.take().unwrap();
    let mut text = String::new();
    while !text.contains("going on from") {
        let mut byte = [0];
        assert_eq!(out.read(&mut byte).unwrap(), 1, "{text}");
        text.push(byte[0] as char);
    }
    // Ctrl-C counts once it is listened to, which is after this line.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap().success());
    out.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130));
    assert!(text.contains("Go on with: anygrad train --resume long"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_closed_output_saves_and_is_told() {
    use std::io::Read;
    let folder = folder();
    let folder = folder.path();
    let long = ["train", "line.toml", "--run", "long", "--set", "training.epochs=100000", "--json-lines"];
    let mut process = command(folder, &long)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    process.stdout.take().unwrap().read_exact(&mut [0; 20]).unwrap();
    // The reader is gone.
    let output = process.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(141), "{error}");
    assert!(error.contains("standard output: ") && error.contains("anygrad train --resume long"), "{error}");
    let history = std::fs::read_to_string(folder.join("long/history.json")).unwrap();
    let history: serde_json::Value = serde_json::from_str(&history).unwrap();
    let epochs = history["epochs"].as_array().unwrap().len();
    assert!(epochs < 100_000 && history["end"] == "Stopped");
    // Nothing of it is lost, whatever the checkpoints' turn is.
    let saved = std::fs::read_dir(folder.join("long/checkpoints")).unwrap();
    let step = format!("step-{}", 10 * epochs);
    assert!(saved.map(|file| file.unwrap().file_name()).any(|name| name.to_string_lossy().contains(&step)));
    // Where nobody reads from the beginning, nothing is trained, and that is no success.
    let mut process = command(folder, &["train", "line.toml", "--run", "unread"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    assert_eq!(process.wait().unwrap().code(), Some(141));
    assert!(says(folder, &["train", "--resume", "unread"]).contains("it begins anew"));
}

#[test]
fn one_process_at_a_time_writes_to_a_run() {
    use std::io::Read;
    let folder = folder();
    let folder = folder.path();
    let long = ["train", "line.toml", "--run", "long", "--set", "training.epochs=100000", "--json-lines"];
    let mut first = command(folder, &long).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut out = first.stdout.take().unwrap();
    out.read_exact(&mut [0; 20]).unwrap();
    let before = std::fs::read_to_string(folder.join("long/recipe.toml")).unwrap();
    for second in [&["train", "--resume", "long"][..], &long] {
        let output = anygrad(folder, second);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        if second.contains(&"--resume") && cfg!(unix) {
            assert!(error.contains(&format!("long: process {}, since 20", first.id())), "{error}");
        }
    }
    // Killed, it leaves no lock behind.
    first.kill().unwrap();
    first.wait().unwrap();
    drop(out);
    assert_eq!(std::fs::read_to_string(folder.join("long/recipe.toml")).unwrap(), before);
    let mut resumed = command(folder, &["train", "--resume", "long", "--json-lines"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    resumed.stdout.take().unwrap().read_exact(&mut [0; 20]).unwrap();
    resumed.wait().unwrap();
}

#[test]
fn rows_with_gaps_are_counted() {
    let folder = folder();
    let folder = folder.path();
    let rows = std::fs::read_to_string(folder.join("rows.csv")).unwrap();
    std::fs::write(folder.join("rows.csv"), rows + "NA,1\n,2\n3,\n,\n").unwrap();
    let text = says(folder, &["train", "line.toml", "--set", "data.missing=drop"]);
    let gaps = "missing values in 104 rows: x 3, y 2; 4 rows dropped";
    assert!(text.contains(&format!("Rows: training 80, validation 10, test 10\nGaps: {gaps}\n")), "{text}");
    let info: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("runs/line-1/run.json")).unwrap()).unwrap();
    assert_eq!(info["data"]["missing"]["dropped"], 4);
    let page = std::fs::read_to_string(folder.join("runs/line-1/report.html")).unwrap();
    assert!(page.contains(&format!("<dt>Gaps</dt><dd>{gaps}</dd>")));
}

#[test]
fn text_is_written_without_what_was_learned() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("t.txt"), "abcd".repeat(60)).unwrap();
    let recipe = r#"
        model = [
            { type = "embedding", input_dim = "vocabulary", output_dim = 8 },
            { type = "dense", units = "outputs" },
        ]
        optimizer = { type = "adam", lr = 0.1 }
        data = { format = "text", path = "t.txt", task = "language", sequence_length = 6, stride = 1, predict = "every" }
        training = { epochs = 4, batch_size = 16 }
    "#;
    std::fs::write(folder.join("text.toml"), recipe).unwrap();
    says(folder, &["train", "text.toml", "--quiet"]);
    std::fs::remove_file(folder.join("t.txt")).unwrap();
    let write = ["generate", "runs/text-1", "--prompt", "ab", "--length", "6", "--temperature", "0"];
    assert_eq!(says(folder, &write).trim(), "abcdabcd");
    let told = says(folder, &["explain", "runs/text-1", "--prompt", "dab", "--output", "why"]);
    assert!(told.starts_with("saliency of the prompt for 'c' as the next character"), "{told}");
    assert!(told.contains("\ndab\n009\n"), "{told}");
    let page = std::fs::read_to_string(folder.join("why/saliency.html")).unwrap();
    assert_eq!(page.matches("<span style=").count(), 3);
    let csv = std::fs::read_to_string(folder.join("why/saliency.csv")).unwrap();
    assert!(csv.starts_with("place,character,attribution\n0,d,0\n1,a,0\n2,b,"), "{csv}");
}

#[test]
fn what_cannot_be_trained_is_told() {
    let folder = folder();
    let folder = folder.path();
    std::fs::create_dir(folder.join("empty")).unwrap();
    std::fs::create_dir(folder.join("full")).unwrap();
    std::fs::write(folder.join("full/file"), "").unwrap();
    for (arguments, says) in [
        (&["train", "lime.toml"][..], "lime.toml: cannot be read"),
        (&["train", "perceptron"], "neither the file of a recipe nor a program"),
        (&["train", "cnn", "--run", "there"], "--run, --set and the like are for recipes"),
        (&["train", "cnn", "--encrypt-to", "age1x"], "--run, --set and the like are for recipes"),
        (&["train", "--resume", "full", "--epochs", "9"], "cannot be used with"),
        (&["train", "line.toml", "--set", "training.epoch=3"], "did you mean `epochs`?"),
        (&["train", "line.toml", "--plot", "p.png"], "--plot is for the four programs"),
        (&["train", "line.toml", "--run", "full"], "full: is there already"),
        (&["train", "line.toml", "--encrypt-to", "age1x"], "is no recipient"),
        (&["train", "--resume", "empty"], "empty: no folder of a run"),
        (&["train", "--print-recipe", "cn"], "no recipe is called"),
        (&["train"], "required"),
        (&["evaluate", "none"], "none: there is no such folder"),
        (&["predict", "none", "--input", "rows.csv"], "none: there is no such folder"),
        (&["evaluate", "none", "--checkpoint", "first"], "takes best or latest"),
    ] {
        let output = anygrad(folder, arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(says), "{arguments:?}: {error}");
    }
    // Nothing was made of what failed.
    assert!(!folder.join("runs").exists() && !folder.join("there").exists());
    let recipe = says(folder, &["train", "--print-recipe", "linear_regression"]);
    std::fs::write(folder.join("printed.toml"), recipe).unwrap();
    says(folder, &["train", "printed.toml", "--epochs", "1", "--quiet"]);
}
