//! Runs of all kinds, made up by formulas: what they show is what real ones would.

use std::collections::BTreeMap;

use anygrad_nn::{ClassScores, Confusion, End, Epoch, History, Scores};
use anygrad_run::report::{CheckpointFile, Compared, Curve, Report, Tested};
use anygrad_run::{DataInfo, DataPart, KernelCost, RunInfo};

const DIGEST: &str = "6b73d22380a63cf276281ae0d671f3070be999161656eb0fd318508d3958e1ee";

/// A number from -1 to 1 that looks drawn.
fn drawn(i: usize) -> f64 {
    let x = (i as f64 * 12.9898).sin() * 43758.5453;
    2.0 * (x - x.floor()) - 1.0
}

fn scores(loss: f64, metrics: &[(&str, f64)]) -> Scores {
    let metrics = metrics.iter().map(|&(name, x)| (name.to_owned(), x)).collect();
    Scores { loss, metrics, ..Scores::default() }
}

/// Epochs whose figures get better, on the validation part up to two thirds of them.
fn history(epochs: u64, figures: impl Fn(f64) -> Scores) -> History {
    let epoch = |number: u64| {
        let at = number as f64 / epochs as f64;
        let noise = 0.02 * drawn(number as usize);
        let validation = 0.85 * at - 0.6 * (at - 0.66).max(0.0) + noise;
        Epoch { number, train: figures(at), validation: Some(figures(validation.max(0.01))), lr: None }
    };
    History { epochs: (1..=epochs).map(epoch).collect(), ..History::default() }
}

fn info(model: &str, parts: [u64; 3]) -> RunInfo {
    let versions = [("anygrad", "0.1.0"), ("wgpu", "30.0.2")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    let names = ["training", "validation", "test"];
    let part = |(name, rows): (&str, u64)| DataPart { name: name.into(), rows, fingerprint: String::new() };
    let kernel = |kernel: &str, step: &str, dispatches, ms| KernelCost {
        kernel: kernel.into(),
        step: step.into(),
        dispatches,
        ms,
        bytes: Some((ms * 1e6) as u64),
    };
    RunInfo {
        versions: BTreeMap::from(versions),
        adapter: "llvmpipe (LLVM 15.0.6, 256 bits)".into(),
        driver: "llvmpipe, Mesa 22.3.6".into(),
        backend: "Vulkan".into(),
        system: "linux x86_64".into(),
        certificate: Some(DIGEST.into()),
        seed: 7,
        data: DataInfo {
            fingerprint: DIGEST.into(),
            split: "stratified: 0.7 training, 0.15 validation, 0.15 test".into(),
            parts: names.into_iter().zip(parts).map(part).collect(),
            missing: None,
        },
        model: model.into(),
        started: "2026-01-31T12:00:00Z".into(),
        seconds: 83.2,
        device_bytes: Some(52_428_800),
        kernels: vec![
            kernel("conv_rows", "conv+bias+relu", 12_345, 1234.5678),
            kernel("matmul_block_64x64", "matmul+add", 4_115, 301.25),
            kernel("adam_pack", "adam", 823, 12.5),
        ],
        ..RunInfo::default()
    }
}

const MODEL: &str = "\
layer      output           parameters
--------------------------------------
conv       [n, 26, 26, 32]         320
max_pool   [n, 13, 13, 32]           0
flatten    [n, 5408]                 0
dense      [n, 10]              54,090
--------------------------------------
total: 54,410 parameters, 54,410 of them trainable
";

const RECIPE: &str = "\
[data]
path = \"/data/flowers.csv\"   # a comment with <tags> & more
target = \"kind\"

[[model.layers]]
kind = \"dense\"
units = 16
activation = \"relu\"

[training]
epochs = 30
batch_size = 32
";

fn report(title: &str, info: RunInfo, history: History, tested: Option<Tested>) -> Report {
    let file = |number: u64, score| CheckpointFile {
        name: format!("checkpoint-{number:06}-step-{}-score-{score:e}.safetensors", number * 40),
        step: number * 40,
        score: Some(score),
        bytes: 655_360,
    };
    Report {
        title: title.into(),
        folder: format!("runs/{title}"),
        info,
        recipe: RECIPE.into(),
        history,
        tested,
        checkpoints: vec![file(20, 0.125), file(29, 0.25), file(30, 0.26)],
        audit: Some(anygrad_store::audit::Head { line: 33, hash: DIGEST.into() }),
    }
}

/// Classes with counts, figures of each and ROC curves.
pub fn classification(title: &str, names: &[&str], history: History) -> Report {
    let n = names.len();
    let count = |actual: usize, answer: usize| match actual.abs_diff(answer) {
        0 => 60 + 7 * (actual as u64 % 5),
        1 => 6,
        _ => ((actual * 31 + answer * 17) % 3) as u64,
    };
    let counts: Vec<Vec<u64>> = (0..n).map(|a| (0..n).map(|b| count(a, b)).collect()).collect();
    let classes = (0..n).map(|class| {
        let wanted: u64 = counts[class].iter().sum();
        let answered: u64 = counts.iter().map(|row| row[class]).sum();
        let hits = counts[class][class] as f64;
        let (precision, recall) = (hits / answered as f64, hits / wanted as f64);
        ClassScores { class, precision, recall, f1: 2.0 * hits / (wanted + answered) as f64, support: wanted }
    });
    let curve = |class: usize| {
        let scores: Vec<f32> =
            (0..600).map(|i| (drawn(i + 1000 * class) + if i % 3 == 0 { 0.9 } else { 0.0 }) as f32).collect();
        let truth: Vec<bool> = (0..600).map(|i| i % 3 == 0).collect();
        Curve::of(names[class], &scores, &truth).unwrap()
    };
    let figures =
        [("accuracy", 0.8123), ("f1_macro", 0.8001), ("top_2_accuracy", 0.9512), ("roc_auc_macro", 0.9312)];
    let scores = Scores {
        classes: classes.collect(),
        confusion: Some(Confusion { counts }),
        ..scores(0.3217, &figures)
    };
    let class_names = names.iter().map(|name| (*name).to_owned()).collect();
    let tested = Tested { scores, class_names, roc: (0..n).map(curve).collect(), ..Tested::default() };
    report(title, info(MODEL, [4200, 900, 900]), history, Some(tested))
}

pub fn class_history(epochs: u64) -> History {
    history(epochs, |at| {
        let accuracy = 0.3 + 0.65 * (1.0 - (-4.0 * at).exp());
        scores(
            1.4 * (-3.0 * at).exp(),
            &[("accuracy", accuracy), ("f1_macro", accuracy - 0.03), ("top_2_accuracy", 0.99)],
        )
    })
}

pub fn three_classes() -> Report {
    let history = History { restored: Some(20), end: End::StoppedEarly, ..class_history(30) };
    classification("flowers", &["setosa", "versicolor", "virginica"], history)
}

pub fn ten_classes() -> Report {
    let names = [
        "aeroplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "a ship with a long name",
        "truck",
    ];
    classification("pictures", &names, History { recoveries: 1, ..class_history(12) })
}

pub fn many_classes() -> Report {
    let names: Vec<String> = (0..60).map(|class| format!("letter {class}")).collect();
    classification("letters", &names.iter().map(String::as_str).collect::<Vec<_>>(), class_history(5))
}

pub fn regression() -> Report {
    let history = history(200, |at| {
        let loss = 30.0 * (-8.0 * at).exp() + 0.2;
        scores(loss, &[("mae", loss.sqrt() * 0.8), ("rmse", loss.sqrt()), ("r2", 1.0 - loss / 32.0)])
    });
    let actual: Vec<f32> = (0..800).map(|i| (10.0 + 6.0 * drawn(i)) as f32).collect();
    let predicted = actual.iter().enumerate().map(|(i, &x)| x + 0.7 * drawn(i + 5000) as f32).collect();
    let scores = scores(0.2412, &[("mae", 0.3512), ("rmse", 0.4911), ("r2", 0.9712)]);
    let compared = Some(Compared::Rows { actual, predicted });
    let tested = Tested { scores, compared, ..Tested::default() };
    report(
        "prices",
        info(
            "layer  output  parameters\n---\ndense  [n, 1]  14\n---\ntotal: 14 parameters, 14 of them trainable\n",
            [800, 200, 200],
        ),
        history,
        Some(tested),
    )
}

pub fn forecast() -> Report {
    let history =
        history(15, |at| scores(0.5 * (-4.0 * at).exp() + 0.01, &[("mape", 0.3 * (-2.0 * at).exp())]));
    let values: Vec<f32> = (0..400)
        .map(|i| (100.0 + 0.1 * i as f64 + 12.0 * (i as f64 / 6.0).sin() + 2.0 * drawn(i)) as f32)
        .collect();
    let forecast =
        (352..400).map(|i| (99.0 + 0.1 * i as f64 + 11.0 * (i as f64 / 6.0 - 0.1).sin()) as f32).collect();
    let scores = scores(0.0213, &[("mape", 0.0213)]);
    let tested =
        Tested { scores, compared: Some(Compared::Forecast { values, forecast }), ..Tested::default() };
    report("sales", info(MODEL, [310, 42, 48]), history, Some(tested))
}

/// A language model that was stopped: there is no test part.
pub fn language() -> Report {
    let history = history(4, |at| {
        let loss = 1.2 + 2.0 * (-3.0 * at).exp();
        scores(loss, &[("perplexity", loss.exp())])
    });
    let mut info = info(MODEL, [100_000, 5_000, 0]);
    info.kernels.clear();
    info.certificate = None;
    report("shakespeare", info, History { end: End::Stopped, ..history }, None)
}

/// Stopped before the first epoch was over.
pub fn empty() -> Report {
    let mut report = report("too-soon", info("", [70, 15, 15]), History::default(), None);
    (report.checkpoints, report.audit, report.info.kernels) = (Vec::new(), None, Vec::new());
    report
}

pub fn all() -> Vec<Report> {
    vec![three_classes(), ten_classes(), many_classes(), regression(), forecast(), language(), empty()]
}
