//! The recipes for published data: they load them, build, and train.
//!
//! The data are not part of this repository: `ANYGRAD_SHARED` names the folder whose `data` folder holds
//! them. Without the variable there is one ignored trial.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;
use std::process::ExitCode;

use anygrad_gpu::Session;
use anygrad_nn::Trainer;
use anygrad_recipe::{Recipe, print_recipe};
use libtest_mimic::{Arguments, Trial};
use pollster::block_on;

/// A recipe, where its data lie, more settings, and rows of the three parts.
type Row = (&'static str, &'static str, &'static [&'static str], [usize; 3]);

const ROWS: &[Row] = &[
    ("iris", "tabular/iris.csv", &[], [90, 30, 30]),
    ("pima", "tabular/pima-indians-diabetes.csv", &[], [461, 154, 153]),
    ("airline", "series/airline-passengers.csv", &[], [89, 14, 29]),
    ("temperatures", "series/daily-min-temperatures.csv", &[], [2541, 365, 730]),
    // The folder holds one pair of files.
    ("mnist", "mnist", &["training.batch_size=8"], [9000, 1000, 0]),
    ("shakespeare", "text/tinyshakespeare.txt", &["training.batch_size=2"], [15685, 871, 871]),
];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match std::env::var_os("ANYGRAD_SHARED") {
        None => vec![Trial::test("ANYGRAD_SHARED is not set", || Ok(())).with_ignored_flag(true)],
        Some(folder) => {
            let folder = PathBuf::from(folder).join("data");
            let trial = |row: &'static Row| {
                let folder = folder.clone();
                Trial::test(row.0, move || {
                    trains(row, folder.join(row.1).to_str().unwrap());
                    Ok(())
                })
            };
            ROWS.iter().map(trial).collect()
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trains((name, _, sets, rows): &Row, path: &str) {
    let sets: Vec<String> =
        sets.iter().map(|set| (*set).to_owned()).chain([format!("data.path={path}")]).collect();
    let recipe = Recipe::parse(print_recipe(name).unwrap(), name).unwrap().with(&sets).unwrap();
    let loaded = recipe.load().unwrap();
    let count = |part: Option<&anygrad_data::Dataset>| part.map_or(0, anygrad_data::Dataset::len);
    let found = [Some(&loaded.training), loaded.validation.as_ref(), loaded.test.as_ref()].map(count);
    assert_eq!(found, *rows);

    // The whole file, read again as new data, begins with a row that is one of the parts.
    let again = loaded.preprocessing.labelled(path).unwrap();
    assert_eq!(again.features().shape()[1..], loaded.sizes.features[..]);
    if recipe.settings().data.task.is_in_time() {
        let (first, _) = loaded.training.select(&[0]).unwrap();
        assert_eq!(again.select(&[0]).unwrap().0, first);
    }

    let parts = recipe.build(&loaded.sizes).unwrap();
    let (options, transform) = (parts.options(), parts.transform());
    let mut trainer = Trainer::new(Session::interpreter(), parts.model, parts.loss, parts.optimizer);
    trainer = trainer.metrics(&parts.metrics);
    for step in 0..2 {
        let rows: Vec<usize> = (0..options.batch_size).map(|row| row + step * options.batch_size).collect();
        let (mut x, mut y) = loaded.training.select(&rows).unwrap();
        if let Some(transform) = &transform {
            let drawn = anygrad_nn::Drawn { seed: 1, epoch: 0, batch: step };
            (x, y) = transform(&drawn, x, y).unwrap();
        }
        let loss = block_on(trainer.step_loss(&x, &y)).unwrap();
        assert!(loss.is_finite() && loss > 0.0, "step {step}: {loss}");
    }
}
