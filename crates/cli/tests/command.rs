//! The command as a person calls it.

use std::process::{Command, Output};

fn anygrad(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    command.args(arguments).current_dir(std::env::temp_dir());
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
    let output = anygrad(&["verify", "--ops", "sum,relu", "--json", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).trim_end().ends_with("all hold"), "{}", stdout(&output));
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(report["ops"].as_array().unwrap().len() >= 2);
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
    let cases: [(&[&str], &str); 6] = [
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
