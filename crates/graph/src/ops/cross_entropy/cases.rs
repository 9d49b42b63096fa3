//! The cases of cross-entropy.

use anygrad_core::DType;

use super::{CrossEntropy, LONGEST_ROW};
use crate::{Case, Fill, Tolerance};

/// Smoothing, weights and a class that is left out, one after the other and together.
fn options(classes: usize) -> Vec<(&'static str, CrossEntropy)> {
    let weights = || (0..classes).map(|c| 0.5 + (c % 5) as f64 / 4.0).collect::<Vec<f64>>();
    let plain = CrossEntropy::default();
    vec![
        ("plain", plain.clone()),
        ("ignoring", CrossEntropy { ignore_index: Some(1), ..plain.clone() }),
        ("weighted", CrossEntropy { class_weights: weights(), ..plain.clone() }),
        ("smoothed", CrossEntropy { label_smoothing: 0.125, ..plain }),
        (
            "everything",
            CrossEntropy { label_smoothing: 0.25, class_weights: weights(), ignore_index: Some(0) },
        ),
    ]
}

/// Losses and what they count of class numbers `x[1]`.
fn of_classes(name: String, options: CrossEntropy) -> Case {
    Case::many(name, move |x| {
        let made = x[0].cross_entropy(x[1], &options);
        vec![made.losses, made.counted]
    })
}

fn of_shares(name: String, options: CrossEntropy) -> Case {
    let options = CrossEntropy { ignore_index: None, ..options };
    Case::new(name, move |x| x[0].cross_entropy(x[1], &options).losses)
}

pub(in crate::ops) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let wide = || Fill::Uniform(-4.0, 4.0);
    for classes in [1, 3, 10, 31, 32, 33, 36, 64, 257, 1024, 1027, 4100] {
        let rows = if classes < 40 { 67 } else { 3 };
        // Sums over the classes of numbers of a few units.
        let tolerance = Tolerance { relative: 5e-6, absolute: 1e-6 * (classes as f64).sqrt().max(2.0) };
        let few = [3, 33, 36, 257, 1024];
        let all = options(classes);
        let chosen = if few.contains(&classes) { &all[..] } else { &all[..1] };
        for (kind, options) in chosen {
            let case = of_classes(format!("cross_entropy {kind} {rows}x{classes}"), options.clone());
            let case = case.filled(&[rows, classes], DType::F32, wide());
            cases.push(case.filled(&[rows], DType::I32, Fill::Below(classes)).tolerance(tolerance));
            if *kind == "ignoring" {
                continue;
            }
            let case = of_shares(format!("cross_entropy {kind} shares {rows}x{classes}"), options.clone());
            let case = case.filled(&[rows, classes], DType::F32, wide());
            let shares = Fill::Uniform(0.0, 2.0 / classes as f64);
            cases.push(case.filled(&[rows, classes], DType::F32, shares).tolerance(tolerance));
        }
    }
    for (kind, options) in options(5) {
        let case = of_classes(format!("cross_entropy {kind} 2x3x5"), options.clone());
        let case = case.filled(&[2, 3, 5], DType::F32, wide());
        cases.push(case.filled(&[2, 3], DType::I32, Fill::Below(5)));
        // Numbers that are no classes.
        let case = of_classes(format!("cross_entropy {kind} none of the classes"), options.clone());
        let numbers = Fill::Given(vec![-1.0, 4.0, 5.0, -2147483648.0, 0.0, 1.0]);
        cases.push(case.filled(&[6, 5], DType::F32, wide()).filled(&[6], DType::I32, numbers));
        // One slope for all rows.
        let case = Case::new(format!("cross_entropy {kind} sum"), {
            let options = options.clone();
            move |x| x[0].cross_entropy(x[1], &options).losses.sum_all()
        });
        let case = case.filled(&[7, 5], DType::F32, wide());
        cases.push(case.filled(&[7], DType::I32, Fill::Below(5)).tolerance(Tolerance::sum(64)));
        // The gradient of the gradient.
        let case = Case::new(format!("cross_entropy {kind} twice"), {
            let options = options.clone();
            move |x| {
                let losses = x[0].cross_entropy(x[1], &options).losses;
                x[0].graph().gradients((losses * x[2]).sum_all(), &[x[0]])[0]
            }
        });
        let case = case.filled(&[4, 5], DType::F32, wide());
        cases.push(case.filled(&[4], DType::I32, Fill::Below(5)).input(&[4]));
        let case = Case::many(format!("cross_entropy {kind} shares twice"), {
            let options = CrossEntropy { ignore_index: None, ..options.clone() };
            move |x| {
                let losses = x[0].cross_entropy(x[1], &options).losses;
                x[0].graph().gradients((losses * x[2]).sum_all(), &[x[0], x[1]])
            }
        });
        let case = case.filled(&[4, 5], DType::F32, wide());
        cases.push(case.filled(&[4, 5], DType::F32, Fill::Uniform(0.0, 0.5)).input(&[4]));
        let case = Case::many(format!("negative_log_likelihood {kind} 2x3x5"), {
            let options = options.clone();
            move |x| {
                let made = x[0].negative_log_likelihood(x[1], &options);
                vec![made.losses, made.counted]
            }
        });
        let case = case.filled(&[2, 3, 5], DType::F32, Fill::Uniform(-4.0, -0.1));
        cases.push(case.filled(&[2, 3], DType::I32, Fill::Below(5)));
        let extremes = extremes();
        for columns in [8, 2] {
            let rows = extremes.len() / columns;
            let options = match &options.class_weights[..] {
                [] => options.clone(),
                _ => CrossEntropy { class_weights: vec![0.75; columns], ..options.clone() },
            };
            // The slopes as well: what is not a number in a row stays in it.
            let case = Case::many(format!("cross_entropy {kind} extremes {columns}"), move |x| {
                let losses = x[0].cross_entropy(x[1], &options).losses;
                let slope = x[0].graph().gradients((losses * x[2]).sum_all(), &[x[0]])[0];
                vec![losses, slope]
            });
            let case = case.filled(&[rows, columns], DType::F32, Fill::Given(extremes.clone()));
            let case = case.filled(&[rows], DType::I32, Fill::Given(vec![0.0, 1.0, 3.0]));
            cases.push(case.filled(&[rows], DType::F32, Fill::Uniform(0.5, 1.5)).forward_only());
        }
    }
    let long = LONGEST_ROW + 5;
    let (_, everything) = options(long).swap_remove(4);
    cases.push(
        of_classes("cross_entropy long row".into(), everything)
            .filled(&[2, long], DType::F32, Fill::Uniform(-1.0, 1.0))
            .filled(&[2], DType::I32, Fill::Given(vec![65_540.0, 3.0]))
            .tolerance(Tolerance { relative: 2e-5, absolute: 1e-5 })
            .forward_only(),
    );
    for (rows, classes) in [(0, 5), (3, 0)] {
        let case = of_classes(format!("cross_entropy of nothing {rows}x{classes}"), CrossEntropy::default());
        cases.push(case.input(&[rows, classes]).filled(&[rows], DType::I32, Fill::Below(5)));
    }
    cases
}

fn extremes() -> Vec<f64> {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    vec![
        1000.0, 1001.0, 999.0, -1000.0, 88.0, 0.0, -90.0, -inf, // large and small
        1.0, nan, 2.0, 3.0, -inf, -inf, 0.5, -inf, // NaN; mostly nothing
        -inf, -inf, -inf, -inf, -inf, -inf, -inf, -inf, // nothing at all: NaN
        inf, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, // NaN as well
    ]
}
