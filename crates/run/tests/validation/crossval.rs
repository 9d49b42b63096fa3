use std::sync::atomic::AtomicBool;

use anygrad_gpu::Session;
use anygrad_run::crossval::{CrossValidation, cross_validate};

use crate::{GO_ON, LINE, given};

fn validate(text: &str, folds: usize) -> anygrad_core::Result<CrossValidation> {
    let given = given(text, &[]);
    let session = Session::interpreter();
    pollster::block_on(cross_validate(&given.recipe, folds, &session, &GO_ON, &mut |_| {}))
}

#[test]
fn figures_are_those_of_the_folds_and_come_again() {
    let found = validate(LINE, 4).unwrap();
    assert_eq!(found.done.len(), 4);
    // 48 rows without the test part.
    assert!(found.done.iter().all(|f| (f.training_rows, f.validation_rows, f.epochs) == (36, 12, 3)));
    let names: Vec<&str> = found.spread.iter().map(|spread| spread.name.as_str()).collect();
    assert_eq!(names, ["loss", "mae", "rmse"]);
    for spread in &found.spread {
        let figures: Vec<f64> =
            found.done.iter().map(|fold| fold.scores.figure(&spread.name).unwrap()).collect();
        let mean = figures.iter().sum::<f64>() / 4.0;
        let deviation = (figures.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 4.0).sqrt();
        assert!((spread.mean - mean).abs() < 1e-12 && (spread.deviation - deviation).abs() < 1e-12);
        assert!(spread.deviation > 0.0, "the folds differ: {figures:?}");
    }
    assert_eq!(found, validate(LINE, 4).unwrap());
    assert_ne!(found.done, validate(&LINE.replace("epochs = 3", "epochs = 3\nseed = 2"), 4).unwrap().done);
    let table = found.table();
    assert_eq!(table.headings, ["fold", "trained on", "held out", "epochs", "loss", "mae", "rmse"]);
    assert_eq!(table.rows.len(), 6);
    assert!(table.to_string().contains("\nmean"), "{table}");
}

#[test]
fn the_figures_are_of_rows_that_were_not_trained_on() {
    // A model that cannot learn predicts its start, 0: the loss of a fold is the mean square of its targets.
    let frozen = LINE
        .replace("lr = 0.1", "lr = 1e-30")
        .replace("units = \"outputs\"", "units = \"outputs\", kernel_init = \"zeros\"");
    let found = validate(&frozen, 3).unwrap();
    let recipe = given(&frozen, &[]).recipe;
    for (number, fold) in found.done.iter().enumerate() {
        let held = recipe.fold(number, 3).unwrap().load().unwrap().validation.unwrap();
        let targets = held.targets().to_f64();
        let wanted = targets.iter().map(|t| t * t).sum::<f64>() / targets.len() as f64;
        assert!((fold.scores.loss - wanted).abs() < 1e-5 * wanted, "{} {wanted}", fold.scores.loss);
    }
}

#[test]
fn figures_of_scaled_targets_are_in_their_units() {
    // In scale this model predicts 0: the mean of the targets it was trained on.
    let frozen = LINE
        .replace("lr = 0.1", "lr = 1e-30")
        .replace("units = \"outputs\"", "units = \"outputs\", kernel_init = \"zeros\"");
    let scaled = frozen.replace("normalize = ", "normalize_targets = true\nnormalize = ");
    let found = validate(&scaled, 3).unwrap();
    let recipe = given(&frozen, &[]).recipe;
    for (number, fold) in found.done.iter().enumerate() {
        let loaded = recipe.fold(number, 3).unwrap().load().unwrap();
        let (known, held) = (loaded.training.targets().to_f64(), loaded.validation.unwrap());
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        let held = held.targets().to_f64();
        let wanted = |error: fn(f64) -> f64| {
            held.iter().map(|target| error(target - mean)).sum::<f64>() / held.len() as f64
        };
        let figures =
            [("loss", wanted(|e| e * e)), ("rmse", wanted(|e| e * e).sqrt()), ("mae", wanted(f64::abs))];
        for (name, wanted) in figures {
            let figure = fold.scores.figure(name).unwrap();
            assert!((figure - wanted).abs() < 1e-5 * wanted, "{name} {figure} {wanted}");
        }
    }
}

#[test]
fn mistakes_name_the_fold_and_a_stop_leaves_out_what_is_not_done() {
    let error = validate(LINE, 1).unwrap_err().to_string();
    assert_eq!(error, "fold 0 of 1: takes at least 2 folds, counted from 0");
    let error = validate(&LINE.replace("batch_size = 8", "batch_size = 40"), 4).unwrap_err().to_string();
    assert!(error.contains("fold 1 of 4") && error.contains("40 of 36 rows"), "{error}");
    let (given, stop) = (given(LINE, &[]), AtomicBool::new(true));
    let session = Session::interpreter();
    let none = pollster::block_on(cross_validate(&given.recipe, 4, &session, &stop, &mut |_| {})).unwrap();
    assert!(none.done.is_empty() && none.spread.is_empty());
}
