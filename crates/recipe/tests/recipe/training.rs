//! What a recipe says of training reaches the trainer.

use anygrad_core::{Array, DType};
use anygrad_gpu::Session;
use anygrad_nn::{Drawn, MemoryOptions, Metric, Recompute, Silent, Trainer};
use anygrad_recipe::{Loaded, Parts, Recipe};
use pollster::block_on;

const RECIPE: &str = r#"
model = [{ type = "dense", units = 8, activation = "tanh" }, { type = "dense", units = "outputs" }]
optimizer = "adam"

[data]
format = "csv"
path = "t.csv"
task = "multiclass"
split = { by = "time", train = 1, validation = 0, test = 0 }

[training]
batch_size = 4
"#;

fn parts(sets: &[&str]) -> (Parts, Loaded) {
    let folder = tempfile::tempdir().unwrap();
    let table: String =
        (0..12).map(|i| format!("{},{},{}\n", i % 5, i * i % 7, ["u", "v", "w"][i % 3])).collect();
    std::fs::write(folder.path().join("t.csv"), table).unwrap();
    let path = folder.path().join("r.toml");
    std::fs::write(&path, RECIPE).unwrap();
    let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
    let recipe = Recipe::read(&path, &sets).unwrap();
    let loaded = recipe.load().unwrap();
    (recipe.build(&loaded.sizes).unwrap(), loaded)
}

/// The loss of the first epoch, and of the rows after it.
fn losses(sets: &[&str]) -> (f64, f64) {
    let (parts, loaded) = parts(sets);
    let (options, transform) = (parts.options(), parts.transform());
    let mut trainer = Trainer::new(Session::interpreter(), parts.model, parts.loss, parts.optimizer).seed(1);
    trainer = trainer.metrics(&parts.metrics);
    if let Some(transform) = transform {
        trainer = trainer.transform(transform);
    }
    let rows = (loaded.training.features(), loaded.training.targets());
    let history = block_on(trainer.fit(rows, None, &options, &mut Silent)).unwrap();
    (history.losses()[0], block_on(trainer.evaluate(rows, 12)).unwrap().loss)
}

#[test]
fn penalties_smoothing_and_changes_of_rows_change_the_loss() {
    let plain = losses(&["training.epochs=1"]);
    assert_eq!(losses(&["training.epochs=1"]), plain);
    for set in [
        "regularization.l1=0.1",
        "regularization.l2=0.1",
        "regularization.label_smoothing=0.2",
        "regularization.augmentation.noise=0.5",
        "training.gradient_accumulation=2",
        "training.clip={ type = \"global_norm\", limit = 0.001 }",
        "training.shuffle=false",
    ] {
        let other = losses(&["training.epochs=1", set]);
        assert!(other.1.is_finite() && other.1 != plain.1, "{set}: {other:?}, {plain:?}");
    }
    // Penalties are above 0: the same parameters cost more.
    let still = "optimizer.lr=1e-30";
    let begin = losses(&["training.epochs=1", still]).1;
    for set in ["regularization.l1=0.1", "regularization.l2=0.1"] {
        assert!(losses(&["training.epochs=1", still, set]).1 > begin + 0.01, "{set}");
    }
}

#[test]
fn mixup_makes_shares_of_classes_that_the_trainer_takes() {
    let sets =
        ["training.epochs=1", "loss=categorical_cross_entropy", "regularization.augmentation.mixup=0.4"];
    assert_ne!(losses(&sets), losses(&sets[..2]));
    let (parts, loaded) = parts(&sets);
    let transform = parts.transform().unwrap();
    let of = |batch, epoch| {
        let drawn = Drawn { seed: 1, epoch, batch };
        transform(&drawn, loaded.training.features().clone(), loaded.training.targets().clone()).unwrap()
    };
    let (x, y) = of(0, 0);
    assert_eq!((&x, &y), (&of(0, 0).0, &of(0, 0).1));
    assert!(x != of(1, 0).0 && x != of(0, 1).0, "batches and epochs draw alike");
    assert!(y.to_f64().chunks(3).all(|row| (row.iter().sum::<f64>() - 1.0).abs() < 1e-6), "{y:?}");
}

#[test]
fn options_are_those_of_the_recipe() {
    let sets = [
        "training.epochs=7",
        "training.gradient_accumulation=3",
        "training.shuffle=false",
        "training.metrics=[\"f1_macro\", \"top_2_accuracy\"]",
        "training.early_stopping={ monitor = \"f1_macro\", patience = 2, min_delta = 0.5, restore_best = false }",
        "data.split={ by = \"fraction\", train = 0.5, validation = 0.5, test = 0 }",
    ];
    let (first, _) = parts(&sets);
    let options = first.options();
    assert_eq!((options.epochs, options.batch_size, options.accumulate), (7, 4, 3));
    assert!(!options.shuffle && options.recover.is_some() && first.augmentation().is_none());
    let rule = options.early_stopping.unwrap();
    assert_eq!((rule.monitor.as_str(), rule.patience, rule.min_delta), ("f1_macro", 2, 0.5));
    assert!(!rule.restore_best);
    let sets = [&sets[..], &["training.early_stopping.monitor=validation_f1_macro"]].concat();
    assert_eq!(parts(&sets).0.options().early_stopping.unwrap().monitor, "val_f1_macro");
}

#[test]
fn memory_is_saved_as_the_recipe_says() {
    let memory = |sets: &[&str]| parts(sets).0.memory();
    assert_eq!(memory(&[]), MemoryOptions::default());
    let sets = ["training.recompute=auto", "training.activations=bf16", "training.memory=\"2 GiB\""];
    let (recompute, activations, limit) = (Recompute::Auto, DType::BF16, Some(2 << 30));
    assert_eq!(memory(&sets), MemoryOptions { recompute, activations, limit });
    assert_eq!(memory(&["training.recompute=4"]).recompute, Recompute::Segments(4));
    assert_eq!(memory(&["training.memory=4096"]).limit, Some(4096));
}

#[test]
fn metrics_go_by_all_names_of_scores() {
    let names = [
        "accuracy",
        "top_1_accuracy",
        "precision_macro",
        "recall_micro",
        "f1_weighted",
        "roc_auc_macro",
        "pr_auc_micro",
        "per_class",
        "confusion_matrix",
        "log_loss",
        "perplexity",
    ];
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    let metrics = format!("training.metrics=[{}]", quoted.join(", "));
    let (parts, loaded) = parts(&[&metrics]);
    assert_eq!(parts.metrics.iter().map(Metric::name).collect::<Vec<_>>(), names);
    let mut trainer = Trainer::new(Session::interpreter(), parts.model, parts.loss, parts.optimizer);
    trainer = trainer.metrics(&parts.metrics);
    let rows: (&Array, &Array) = (loaded.training.features(), loaded.training.targets());
    let scores = block_on(trainer.evaluate(rows, 12)).unwrap();
    assert_eq!((scores.metrics.len(), scores.classes.len()), (9, 3));
    assert!(scores.confusion.is_some() && scores.metrics.iter().all(|(_, figure)| figure.is_finite()));
    // The same by their keys, and what is written reads back.
    let read = |text: &str| {
        let text = RECIPE.replace("[training]", &format!("[training]\nmetrics = [{text}]"));
        let recipe = Recipe::parse(&text, "r.toml").unwrap();
        assert_eq!(Recipe::parse(&recipe.to_toml(), "again").unwrap(), recipe);
        recipe.metrics()[0]
    };
    assert_eq!(read("{ type = \"f1\", average = \"macro\" }").name(), "f1_macro");
    assert_eq!(read("{ type = \"top_k\", k = 2 }"), Metric::TopKAccuracy { k: 2 });
    assert_eq!(read("\"Top-K\""), Metric::TopKAccuracy { k: 5 });
    assert_eq!(read("\"auc\"").name(), "roc_auc");
    let text = RECIPE.replace("multiclass", "binary");
    let text = text + "metrics = [{ type = \"binary_accuracy\", threshold = 0.3 }]";
    let recipe = Recipe::parse(&text, "r.toml").unwrap();
    assert_eq!(Recipe::parse(&recipe.to_toml(), "again").unwrap(), recipe);
    assert_eq!(recipe.metrics(), [Metric::BinaryAccuracy { threshold: 0.3 }]);
}
