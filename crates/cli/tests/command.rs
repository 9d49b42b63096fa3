//! The command as a person calls it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use anygrad::gpu::Verdict;

fn anygrad(arguments: &[&str]) -> Output {
    // What is kept between programs is not the user's.
    let cache = tempfile::tempdir().unwrap();
    anygrad_with(arguments, cache.path())
}

fn anygrad_with(arguments: &[&str], cache: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.args(arguments).current_dir(std::env::temp_dir()).env("ANYGRAD_CACHE", cache);
    if std::env::var_os("ANYGRAD_ADAPTER").is_none() {
        command.env("ANYGRAD_ADAPTER", "software");
    }
    command.output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn devices_lists_an_adapter() {
    let output = anygrad(&["devices"]);
    assert!(output.status.success());
    assert!(stdout(&output).starts_with("0: "), "{}", stdout(&output));
    let object: serde_json::Value =
        serde_json::from_str(stdout(&anygrad(&["devices", "--json"])).lines().next().unwrap()).unwrap();
    assert!(object["max_buffer_bytes"].as_u64().unwrap() > 0);
}

#[test]
fn verify_passes_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.json");
    let page = folder.path().join("report.html");
    let (json, html) = (path.to_str().unwrap(), page.to_str().unwrap());
    let output = anygrad(&["verify", "--ops", "sum,relu", "--quick", "--json", json, "--html", html]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).trim_end().ends_with("all hold"), "{}", stdout(&output));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(report["ops"].as_array().unwrap().len() >= 2);
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(
        page.starts_with("<!doctype html>") && page.contains("All of") && !page.contains("http"),
        "{page}"
    );
}

/// A folder in the format refcase/1 with one case, whose wanted result is `want`.
fn cases(op: &str, want: f32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let header = r#"{"in.x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"out.y":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    bytes.extend([2f32, want].iter().flat_map(|x| x.to_le_bytes()));
    std::fs::write(folder.path().join("one.safetensors"), bytes).unwrap();
    let index = format!(r#"{{"format":"refcase/1","cases":[{{"id":"one","op":"{op}","kind":"op"}}]}}"#);
    std::fs::write(folder.path().join("index.json"), index).unwrap();
    let manifest = format!(
        r#"{{"op":"{op}","inputs":[{{"name":"x","tensor":"in.x","dtype":"f32","shape":[1]}}],
            "outputs":[{{"name":"y","tensor":"out.y","shape":[1],"rtol":1e-6,"atol":0}}]}}"#
    );
    std::fs::write(folder.path().join("one.json"), manifest).unwrap();
    folder
}

#[test]
fn cases_of_a_folder_pass_fail_or_are_not_known() {
    let outcomes = [
        ("square", 4.0, true, "pass"),
        ("square", 4.1, false, "1 of"),
        ("frobnicate", 4.0, false, "frobnicate"),
    ];
    for (op, want, passes, text) in outcomes {
        let folder = cases(op, want);
        let json = folder.path().join("report.json");
        let (path, file) = (folder.path().to_str().unwrap(), json.to_str().unwrap());
        let output = anygrad(&["verify", "--cases", path, "--json", file]);
        assert_eq!(output.status.code(), Some(i32::from(!passes)), "{}{}", stdout(&output), stderr(&output));
        assert!(stdout(&output).contains(text), "{}", stdout(&output));
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        assert_eq!(report["cases"][0]["status"], if passes { "pass" } else { "fail" });
    }
}

#[test]
fn what_was_found_wrong_is_done_without() {
    let cache = tempfile::tempdir().unwrap();
    assert!(anygrad_with(&["verify", "--ops", "relu", "--quick"], cache.path()).status.success());
    assert!(!cache.path().join("adapters").exists(), "a run of some operators that hold keeps nothing");

    for caps in anygrad::gpu::adapters().unwrap() {
        let excluded = vec!["reduce_rows_alone".to_owned(), "reduce".to_owned(), "add".to_owned()];
        Verdict::new(&caps, "0.1.0", "0123456789abcdef", excluded).save_to(cache.path(), &caps).unwrap();
    }
    let output = anygrad_with(&["devices"], cache.path());
    let text = stdout(&output);
    assert!(
        text.contains("verified by 0.1.0: 0123456789ab") && text.contains("without reduce_rows_alone"),
        "{text}"
    );
    let train = |cache: &Path| {
        let arguments = ["train", "linear-regression", "--epochs", "2", "--no-plot"];
        let output = anygrad_with(&arguments, cache);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    assert!(train(cache.path()).contains("does without reduce_rows_alone"));
    assert!(!train(tempfile::tempdir().unwrap().path()).contains("without"));
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn bench_measures_what_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (path, trace) = (folder.path().join("bench.json"), folder.path().join("trace.json"));
    let (to, traced) = (path.to_str().unwrap(), trace.to_str().unwrap());
    let arguments = ["bench", "--only", "max pool", "--quick", "--profile", "--json", to, "--trace", traced];
    let output = anygrad(&arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("max_pool2d: max_pool"), "{text}");
    assert_eq!(text.contains("debug build"), cfg!(debug_assertions), "{text}");
    let report = json(&path);
    assert!(report["rooflines"]["gflops"].as_f64().unwrap() > 0.0);
    assert_eq!(report["workloads"].as_array().unwrap().len(), 1);
    assert!(report["workloads"][0]["best_ms"].as_f64().unwrap() > 0.0);
    assert!(report["profiles"][0]["kernels"][0]["ms"].as_f64().unwrap() > 0.0);
    assert_eq!(report["build"] == "debug", cfg!(debug_assertions));
    assert!(report["figures"].as_array().unwrap().is_empty());
    let trace = json(&trace);
    let dispatch = trace["traceEvents"].as_array().unwrap().iter().find(|event| event["cat"] == "dispatch");
    assert!(dispatch.unwrap()["args"]["workgroups"][0].as_u64().unwrap() > 0, "{trace}");
}

#[test]
fn bench_measures_the_way_to_the_first_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.json");
    let arguments = ["bench", "--only", "submit a CNN,cold start,binary", "--quick", "--json"];
    let output = anygrad(&[&arguments[..], &[path.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("cold start, nothing cached"), "{}", stdout(&output));
    let report = json(&path);
    let value = |place: usize| report["figures"][place]["value"].as_f64().unwrap();
    // Milliseconds, seconds twice, millions of bytes.
    assert!(value(0) > 0.0 && value(0) < 1e3, "{report}");
    assert!(value(1) > value(2) && value(2) > 0.01, "{report}");
    assert!(value(3) > 1.0, "{report}");
}

#[test]
fn training_and_verification_tell_what_they_cost() {
    let folder = tempfile::tempdir().unwrap();
    let (table, trace) = (folder.path().join("costs.txt"), folder.path().join("trace.json"));
    let profile = format!("--profile={}", table.display());
    let arguments = ["train", "linear-regression", "--epochs", "2", "--no-plot", "--json", &profile];
    let output = anygrad(&[&arguments[..], &["--trace", trace.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).starts_with('{') && stdout(&output).lines().count() == 1, "{}", stdout(&output));
    let table = std::fs::read_to_string(&table).unwrap();
    assert!(table.contains("matmul") && table.contains("100.0 %"), "{table}");
    let events = json(&trace)["traceEvents"].as_array().unwrap().clone();
    for (track, names) in [(1, &["compile", "upload", "run", "read"][..]), (2, &[])] {
        let here: Vec<_> = events.iter().filter(|e| e["tid"] == track && e["ph"] == "X").collect();
        assert!(here.len() > 10, "{track}");
        let start = |event: &serde_json::Value| event["ts"].as_f64().unwrap();
        assert!(here.windows(2).all(|pair| start(pair[0]) <= start(pair[1])), "{track}");
        assert!(names.iter().all(|name| here.iter().any(|event| event["name"] == **name)), "{track}");
    }
    let output = anygrad(&["verify", "--ops", "relu", "--quick", "--profile"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("What ran, kernel by kernel, over"), "{}", stdout(&output));
}

#[test]
fn what_was_tuned_is_remembered_shown_and_forgotten_with_its_file() {
    let cache = tempfile::tempdir().unwrap();
    let train = || {
        let output = anygrad_with(
            &["train", "linear-regression", "--epochs", "2", "--no-plot", "--tune"],
            cache.path(),
        );
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let devices = || stdout(&anygrad_with(&["devices"], cache.path()));
    assert!(devices().contains("not tuned"));
    let (first, again) = (train(), train());
    assert!(first.contains("Tuned ") && !first.contains("were known"), "{first}");
    assert!(again.contains("Tuned 0 operators") && again.contains("0 kernels compiled"), "{again}");
    assert!(devices().contains("remembered choices in "), "{}", devices());

    // A broken file is named, and training goes on without it.
    let file = std::fs::read_dir(cache.path().join("tuned")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&file, "{").unwrap();
    assert!(devices().contains("left aside") && devices().contains(file.to_str().unwrap()), "{}", devices());
    let anew = train();
    assert!(anew.contains("left aside") && !anew.contains("were known"), "{anew}");
    assert!(train().contains("were known"));
    std::fs::remove_file(&file).unwrap();
    assert!(devices().contains("not tuned"));
}

#[test]
fn bench_tunes_what_it_measures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.json");
    let arguments = ["bench", "--only", "softmax", "--quick", "--tune", "--json", path.to_str().unwrap()];
    let output = anygrad_with(&arguments, folder.path());
    assert!(output.status.success(), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("softmax f32[4096, 1024]") && text.contains("Remembered in "), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let operator = &report["tuning"][0]["operators"][0];
    assert!(
        operator["ways"].as_array().unwrap().len() > 1 && operator["ways"][0]["ms"].as_f64().unwrap() > 0.0
    );
    assert!(report["tuning"][0]["kernels"].as_u64().unwrap() > 1);
}

#[test]
fn training_ends_in_one_object_and_repeats_bit_for_bit() {
    let train = || {
        let output = anygrad(&["train", "linear-regression", "--epochs", "12", "--no-plot", "--json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let first = train();
    let object: serde_json::Value = serde_json::from_str(first.trim_end().lines().last().unwrap()).unwrap();
    assert_eq!(object["losses"].as_array().unwrap().len(), 12);
    assert_eq!(first, train());
}

#[test]
fn what_a_person_got_wrong_ends_with_2_and_the_reason() {
    let cases: [(&[&str], &str); 7] = [
        (&["bench", "--only", "frobnicate"], "frobnicate"),
        (&["train", "cnn", "--data", "no-such-folder"], "no-such-folder"),
        (&["train", "logistic-regression", "--data", "no-such-file.csv"], "no-such-file.csv"),
        (&["train", "linear-regression", "--adapter", "warp drive"], "warp drive"),
        (&["train", "linear-regression", "--batch-size", "1000000"], "1000000"),
        (&["train", "linear-regression", "--epochs", "0"], "epochs is 0"),
        (&["verify", "--ops", "frobnicate"], "frobnicate"),
    ];
    for (arguments, reason) in cases {
        let output = anygrad(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains("error: ") && text.contains(reason) && !text.contains("panicked"), "{text}");
    }
}
