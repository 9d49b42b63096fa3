//! The rules of the house that a test can see: which crate may import which.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Who may import whom; everything else of ours is refused. `docs/architecture.md` says why.
const ALLOWED: &[(&str, &[&str])] = &[
    ("anygrad-core", &[]),
    ("anygrad-shaders", &[]),
    ("anygrad-graph", &["anygrad-core", "anygrad-shaders"]),
    ("anygrad-plan", &["anygrad-graph"]),
    ("anygrad-gpu", &["anygrad-core", "anygrad-graph", "anygrad-plan"]),
    ("anygrad-nn", &["anygrad-core", "anygrad-graph", "anygrad-gpu", "anygrad-plan"]),
    ("anygrad-verify", &["anygrad-core", "anygrad-gpu", "anygrad-graph", "anygrad-nn", "anygrad-plan"]),
    ("anygrad-perf", &["anygrad-core", "anygrad-gpu", "anygrad-graph", "anygrad-nn", "anygrad-plan"]),
    ("anygrad-data", &["anygrad-core"]),
    ("anygrad-store", &["anygrad-core"]),
    ("anygrad-recipe", &["anygrad-core", "anygrad-data", "anygrad-graph", "anygrad-nn", "anygrad-onnx"]),
    (
        "anygrad-run",
        &[
            "anygrad-core",
            "anygrad-data",
            "anygrad-explain",
            "anygrad-gpu",
            "anygrad-graph",
            "anygrad-nn",
            "anygrad-onnx",
            "anygrad-perf",
            "anygrad-plan",
            "anygrad-plot",
            "anygrad-recipe",
            "anygrad-store",
        ],
    ),
    (
        "anygrad",
        &[
            "anygrad-core",
            "anygrad-data",
            "anygrad-explain",
            "anygrad-gpu",
            "anygrad-graph",
            "anygrad-nn",
            "anygrad-onnx",
            "anygrad-perf",
            "anygrad-plan",
            "anygrad-store",
            "anygrad-recipe",
            "anygrad-run",
            "anygrad-verify",
        ],
    ),
    ("anygrad-explain", &["anygrad-core", "anygrad-gpu", "anygrad-graph", "anygrad-nn"]),
    ("anygrad-plot", &["anygrad-core"]),
    ("anygrad-onnx", &["anygrad-core", "anygrad-gpu", "anygrad-graph", "anygrad-nn"]),
    ("anygrad-examples", &["anygrad", "anygrad-plot"]),
    ("anygrad-cli", &["anygrad", "anygrad-examples", "anygrad-plot"]),
    ("anygrad-benches", &["anygrad"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Folder and manifest of every package of the workspace, by its name.
fn manifests() -> BTreeMap<String, (PathBuf, String)> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let more = ["shaders", "examples", "benches"].map(|folder| root().join(folder));
    folders
        .chain(more)
        .map(|folder| {
            let text = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
            let name = text.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
            (name.trim_matches('"').to_owned(), (folder, text))
        })
        .collect()
}

/// Our crates in the section of normal dependencies.
fn imports(manifest: &str) -> Vec<&str> {
    let section = manifest.split("\n[dependencies]").nth(1).unwrap_or("");
    let names = section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| name.starts_with("anygrad")).collect()
}

#[test]
fn crates_import_only_what_lies_below_them() {
    let manifests = manifests();
    assert_eq!(manifests.len(), ALLOWED.len(), "{:?}", manifests.keys());
    for (name, allowed) in ALLOWED {
        for import in imports(&manifests[*name].1) {
            assert!(allowed.contains(&import), "{name} must not import {import}");
        }
    }
}

/// The Rust files below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_the_device_layer_names_wgpu_and_only_the_trainer_names_the_device_layer() {
    for (name, (folder, manifest)) in manifests() {
        if name != "anygrad-gpu" {
            assert!(!manifest.contains("\nwgpu"), "{name} depends on wgpu");
        }
        let mut files = Vec::new();
        sources(&folder.join("src"), &mut files);
        for file in files.iter().filter(|_| name == "anygrad-nn") {
            let code = std::fs::read_to_string(file).unwrap();
            let mut lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let is_trainer = file.components().any(|part| part.as_os_str() == "train");
            assert!(is_trainer || !lines.any(|line| line.contains("anygrad_gpu")), "{}", file.display());
        }
    }
}
