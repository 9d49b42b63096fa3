//! `anygrad report`, as its user runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;

/// Runs the command in a folder; exit code, and both outputs together.
fn report(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    let output = command.current_dir(folder).arg("report").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn the_page_is_made_again_from_the_files_of_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let run = folder.path().join("my run");
    std::fs::create_dir(&run).unwrap();
    let (code, text) = report(folder.path(), &["my run"]);
    assert!(code == 2 && text.contains("my run: no folder of a run"), "{text}");

    write("my run/recipe.toml", "[training]\nepochs = 2\n");
    write(
        "my run/history.json",
        r#"{"epochs": [{"number": 1, "train": {"loss": 0.5, "metrics": {"mae": null}}, "validation": null}],
            "end": "Stopped", "restored": null, "recoveries": 0}"#,
    );
    let (code, text) = report(folder.path(), &["my run", "--output", "elsewhere/page.html"]);
    assert!(code == 0 && text.contains("page.html"), "{text}");
    assert!(!run.join("report.html").exists() && !run.join("plots").exists());
    assert_eq!(report(folder.path(), &["my run"]).0, 0);
    let page = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert_eq!(page, std::fs::read_to_string(folder.path().join("elsewhere/page.html")).unwrap());
    for piece in
        ["<title>my run</title>", "anygrad train --resume &#39;my run&#39;", "<dt>MAE</dt><dd>NaN</dd>"]
    {
        assert!(page.contains(piece), "{piece}");
    }
    assert!(run.join("plots/curve-loss.png").exists() && run.join("plots/curve-mae.png").exists());

    write("my run/scores.json", "{\"scores\": {\"loss\": 1,\n\"metrics\": []}}");
    let (code, text) = report(folder.path(), &["my run"]);
    assert!(
        code == 2 && text.contains("scores.json: damaged or foreign") && text.contains("line 2"),
        "{text}"
    );
}
