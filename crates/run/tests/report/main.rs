//! The report of runs of all kinds: the page, its pictures, and the folder that they come from.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod samples;

use std::path::Path;

use anygrad_nn::{End, History};
use anygrad_run::report::{PAGE, Report, metrics_csv};

/// The page without its pictures.
fn words(page: &str) -> String {
    let mut parts = page.split("src=\"data:image/png;base64,");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + part.split_once('"').unwrap().1)
}

fn contains(page: &str, pieces: &[&str]) {
    for piece in pieces {
        assert!(page.contains(piece), "{piece:?} is not in\n{}", words(page));
    }
}

#[test]
fn all_kinds_of_runs_have_a_page_that_needs_nothing_else() {
    for report in samples::all() {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports").join(&report.title);
        let page = std::fs::read_to_string(report.write(&folder).unwrap()).unwrap();
        let text = words(&page).to_lowercase();
        for wrong in ["http:", "https:", "<script", "<link", "<iframe", "@import", "url(", "src=", "onload"] {
            assert!(!text.contains(wrong), "{}: {wrong}", report.title);
        }
        assert!(page.len() < 2_000_000, "{}: {} bytes", report.title, page.len());
        assert_eq!(page.matches("<figure ").count(), report.plots().unwrap().len());
        assert_well_formed(&words(&page));
        for plot in report.plots().unwrap() {
            let file = folder.join("plots").join(format!("{}.png", plot.name));
            assert_eq!(&std::fs::read(file).unwrap()[1..4], b"PNG");
        }
    }
}

/// Each tag that is opened is closed, in order.
fn assert_well_formed(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split_once('>').expect("a tag ends").0;
        let name = tag.trim_start_matches('/').split([' ', '\n']).next().unwrap();
        match name {
            "!doctype" | "meta" | "img" => {}
            _ if tag.starts_with('/') => assert_eq!(open.pop(), Some(name)),
            _ => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
}

#[test]
fn a_page_tells_all_there_is() {
    let page = samples::three_classes().html().unwrap();
    contains(
        &page,
        &[
            "<title>flowers</title>",
            "<p class=\"good\">stopped early after 30 epochs: no more improvement</p>",
            "<dt>Loss</dt><dd>0.3217</dd>",
            "<dt>F1 macro</dt><dd>0.8001</dd>",
            "<dt>Best epoch</dt><dd>20 of 30</dd>",
            "<dt>Time</dt><dd>1 min 23 s</dd>",
            "Figures of the test part.",
            "The dashed line is epoch 20, whose parameters were restored.",
            "<th>Loss (validation)</th>",
            "<tr class=\"best\"><td>20</td>",
            "<tr><td>versicolor</td><td>0.",
            "<tr><td>max_pool</td><td>[n, 13, 13, 32]</td><td>0</td></tr>",
            "total: 54,410 parameters, 54,410 of them trainable",
            "<tr><td>training</td><td>4,200</td></tr>",
            "<dt>Certificate</dt><dd>6b73d22380a63cf2",
            "<dt>Seed</dt><dd>7</dd>",
            "<dt>Device memory</dt><dd>50.0 MiB</dd>",
            "<tr><td>conv_rows</td><td>conv+bias+relu</td><td>12,345</td><td>1234.568</td><td>79.7 %</td>",
            "<td>1,160</td><td>0.25</td><td>640.0 KiB</td>",
            "<dd>33:6b73d2",
            "<pre>anygrad evaluate runs/flowers\n",
            "alt=\"F1 macro of each epoch\"",
            "# a comment with &lt;tags&gt; &amp; more",
        ],
    );
    let ten = samples::ten_classes().html().unwrap();
    contains(&ten, &["The device was lost once", "alt=\"Which class was taken for which (test part)\""]);
    let many = samples::many_classes().html().unwrap();
    contains(&many, &["What is confused most", "<summary>60 classes</summary>", "the 12 classes of 60"]);
    assert!(!many.contains("Which class was taken"));
    contains(
        &samples::regression().html().unwrap(),
        &["What was predicted for each row", "<dt>R2</dt><dd>0.9712</dd>"],
    );
    contains(&samples::forecast().html().unwrap(), &["The last 48 values of the series"]);
}

#[test]
fn a_run_that_was_stopped_says_so() {
    let language = samples::language().html().unwrap();
    contains(
        &language,
        &[
            "<p class=\"warn\">stopped after 4 epochs; it can be resumed</p>",
            "Figures of the validation part, epoch 4.",
            "<dt>Perplexity</dt>",
            "none: `anygrad verify` makes one",
            "The dashed line is epoch 4, the best by the loss.",
            "<pre>anygrad train --resume runs/shakespeare\nanygrad evaluate",
        ],
    );
    assert!(!language.contains("Time and memory of each kernel"));
    let empty = samples::empty();
    let page = empty.html().unwrap();
    contains(
        &page,
        &[
            "<p class=\"warn\">stopped before the first epoch was over</p>",
            "Recipe as resolved",
            "<pre>anygrad train runs/too-soon/recipe.toml</pre>",
        ],
    );
    assert!(empty.plots().unwrap().is_empty() && !page.contains("Curves") && !page.contains("Figures of"));
    // Nothing at all is a page too.
    assert_well_formed(&Report::default().html().unwrap());
}

#[test]
fn names_are_never_tags_or_paths() {
    let evil = "<script>alert(1)</script>\"'&";
    let mut report = samples::classification(evil, &[evil, "b\u{0}", "c"], samples::class_history(2));
    report.recipe = evil.into();
    report.info.adapter = evil.into();
    report.info.model = evil.into();
    report.info.data.split = evil.into();
    report.info.versions.insert(evil.into(), evil.into());
    report.checkpoints[0].name = evil.into();
    report.info.kernels[0].kernel = evil.into();
    report.folder = evil.into();
    for epoch in &mut report.history.epochs {
        epoch.train.metrics.push(("../../../evil".into(), 1.0));
        epoch.train.metrics.push(("..___evil".into(), 1.0));
        epoch.train.metrics.push((evil.into(), f64::NAN));
    }
    let page = report.html().unwrap();
    assert!(!page.contains("<script"), "{}", words(&page));
    contains(
        &page,
        &["<td>&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;</td>", "<td>b\u{FFFD}</td>"],
    );
    assert_well_formed(&words(&page));
    let folder = tempfile::tempdir().unwrap();
    report.write(folder.path()).unwrap();
    let names: Vec<String> = report.plots().unwrap().into_iter().map(|plot| plot.name).collect();
    assert!(
        names.iter().any(|name| name == "curve-evil") && names.iter().any(|name| name == "curve-evil-2"),
        "{names:?}"
    );
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    assert!(names.iter().all(|name| name.chars().all(plain)), "{names:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("plots")).unwrap().count(), names.len());
}

#[test]
fn numbers_that_are_none_are_told_as_such() {
    let mut report = samples::regression();
    for epoch in &mut report.history.epochs {
        epoch.train.loss = f64::NAN;
        epoch.validation = None;
        epoch.train.metrics = vec![("r2".into(), f64::NEG_INFINITY)];
    }
    let tested = report.tested.as_mut().unwrap();
    tested.scores.loss = f64::NAN;
    tested.scores.metrics[0].1 = f64::INFINITY;
    report.info.seconds = f64::NAN;
    let page = report.html().unwrap();
    contains(
        &page,
        &["<dt>Loss</dt><dd>NaN</dd>", "<dt>MAE</dt><dd>inf</dd>", "<td>200</td><td>NaN</td><td>-inf</td>"],
    );
    assert!(!page.contains("Best epoch") && !page.contains("class=\"best\"") && !page.contains("<dt>Time"));
}

/// A folder with what a run writes.
fn folder_of(report: &Report) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("recipe.toml", &report.recipe);
    write("run.json", &serde_json::to_string(&report.info).unwrap());
    write("history.json", &serde_json::to_string(&report.history).unwrap());
    if let Some(tested) = &report.tested {
        write("scores.json", &serde_json::to_string(tested).unwrap());
    }
    folder
}

#[test]
fn the_page_comes_back_from_the_files_of_a_folder() {
    for report in samples::all() {
        let folder = folder_of(&report);
        let mut read = Report::read(folder.path()).unwrap();
        assert_eq!((read.folder.as_str(), read.checkpoints.len()), (folder.path().to_str().unwrap(), 0));
        (read.title, read.folder) = (report.title.clone(), report.folder.clone());
        (read.checkpoints, read.audit) = (report.checkpoints.clone(), report.audit.clone());
        assert!(read.html().unwrap() == report.html().unwrap(), "{}", report.title);
        assert_eq!(metrics_csv(&read.history), metrics_csv(&report.history));
    }
}

#[test]
fn checkpoints_and_the_log_are_those_of_the_folder() {
    use anygrad_store::audit::{AuditLog, Event};
    let folder = folder_of(&samples::empty());
    let files = folder.path().join("checkpoints");
    let mut checkpoints = anygrad_store::Checkpoints::new(&files, anygrad_store::Options::default()).unwrap();
    for step in [10, 20] {
        checkpoints.save(step, &anygrad_store::Checkpoint::default(), Some(0.5)).unwrap();
    }
    let mut log = AuditLog::open(&folder.path().join("audit.jsonl")).unwrap();
    let time = std::time::SystemTime::UNIX_EPOCH;
    let head = log.append(&Event { time, who: "me", kind: "start", data: serde_json::json!({}) }).unwrap();
    let read = Report::read(folder.path()).unwrap();
    assert_eq!(read.audit, Some(head));
    assert_eq!(read.checkpoints.iter().map(|file| file.step).collect::<Vec<_>>(), [10, 20]);
    assert!(
        read.checkpoints.iter().all(|file| file.bytes > 0 && file.name.ends_with("score-5e-1.safetensors"))
    );
    let page = read.write(folder.path()).unwrap();
    assert_eq!(page, folder.path().join(PAGE));
}

#[test]
fn a_folder_that_is_none_and_damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = Report::read(folder.path()).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("it holds no recipe.toml"), "{error}");
    for (name, text) in [
        ("history.json", "{\"epochs\": [\n {\"number\": 1, \"train\": 3}]}"),
        ("scores.json", "[1]"),
        ("run.json", "{\"seed\":\n\n\"seven\"}"),
    ] {
        let folder = folder_of(&samples::empty());
        std::fs::write(folder.path().join(name), text).unwrap();
        let error = Report::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(name) && error.contains("damaged or foreign") && error.contains("line"),
            "{error}"
        );
    }
    let folder = folder_of(&samples::empty());
    std::fs::write(folder.path().join("history.json"), b"\xFF\xFE").unwrap();
    assert!(Report::read(folder.path()).unwrap_err().to_string().contains("history.json: cannot be read"));
    // A matrix that is none is an error, not a panic.
    let mut report = samples::three_classes();
    report.tested.as_mut().unwrap().scores.confusion.as_mut().unwrap().counts[1].pop();
    assert!(report.html().unwrap_err().is_shape());
    let mut history = History { end: End::Finished, ..samples::class_history(2) };
    history.epochs[1].number = u64::MAX;
    Report { history, ..Report::default() }.html().unwrap();
}
