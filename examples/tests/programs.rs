//! The programs on their own data, from the first step to the report.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_examples::report::{Figures, Report};
use anygrad_examples::{PROGRAMS, defaults, run};

/// The interpreter, and the adapter that every machine for tests has.
const ADAPTERS: [&str; 2] = ["cpu", "software"];

/// A run without words and plot.
fn report(program: &str, adapter: &str, seed: u64, epochs: usize) -> Report {
    let mut options = defaults(program).unwrap();
    (options.adapter, options.seed, options.epochs) = (adapter.to_owned().into(), seed, epochs);
    (options.quiet, options.plot) = (true, None);
    pollster::block_on(run(program, &options)).unwrap()
}

#[test]
fn the_true_line_is_found() {
    for adapter in ADAPTERS {
        let report = report("linear-regression", adapter, 1, 30);
        let Figures::Regression { weights, intercept, test_rmse, mean_rmse } = report.figures else {
            panic!("{report:?}")
        };
        assert_eq!(weights.len(), 1);
        assert!((weights[0] - 3.0).abs() < 0.05 && (intercept - 2.0).abs() < 0.05, "{weights:?} {intercept}");
        // The noise of the points has a deviation of 0.1, and nothing predicts it. The mean misses by
        // the noise and the deviation of 3 x, which is the square root of 3.
        assert!(
            (0.08..0.12).contains(&test_rmse) && (1.5..2.0).contains(&mean_rmse),
            "{test_rmse} {mean_rmse}"
        );
    }
}

/// No straight line is right about more than eleven points of the logical and in twelve.
#[test]
fn the_logical_and_is_found_nearly_as_well_as_a_line_can() {
    for adapter in ADAPTERS {
        let report = report("logistic-regression", adapter, 1, 60);
        let Figures::Classification { test_accuracy, majority_accuracy, confusion, .. } = report.figures
        else {
            panic!("{report:?}")
        };
        assert_eq!(confusion.total(), 200);
        assert!(test_accuracy > 0.85 && test_accuracy > majority_accuracy + 0.1, "{test_accuracy}");
    }
}

#[test]
fn a_seed_decides_every_bit() {
    for program in ["linear-regression", "logistic-regression"] {
        for adapter in ADAPTERS {
            let first = report(program, adapter, 1, 2);
            assert_eq!(first, report(program, adapter, 1, 2));
            assert_ne!(first.losses, report(program, adapter, 2, 2).losses);
        }
    }
}

#[test]
fn the_report_is_one_flat_object() {
    let report = report("logistic-regression", "cpu", 1, 1);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["program"], "logistic-regression");
    assert_eq!((&json["seed"], &json["epochs"]), (&1.into(), &1.into()));
    assert_eq!(json["losses"].as_array().unwrap().len(), 1);
    assert!(json["test_accuracy"].is_f64() && json["confusion"]["counts"].is_array(), "{json}");
}

#[test]
fn programs_go_by_their_names() {
    for program in PROGRAMS {
        let plot = defaults(program).unwrap().plot.unwrap();
        assert_eq!(plot, std::path::Path::new("runs").join(format!("{program}.png")));
    }
    let error = pollster::block_on(run("gan", &defaults("cnn").unwrap())).unwrap_err();
    assert!(error.is_input() && error.to_string().contains("linear-regression"), "{error}");
}
