//! Permutation importance, mistakes, trainers.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::{Array, DType, Result};
use anygrad_explain::{
    Baseline, Explainer, GradCamOptions, IntegratedGradients, Occlusion, Permutation, SmoothGrad, Target,
    permutation, score,
};
use anygrad_gpu::Session;
use anygrad_nn::{
    Activation, Adam, Dense, Embedding, FitOptions, Flatten, Lambda, Loss, Lstm, Sequential, Silent, Trainer,
};
use common::{linear, normal, prepare};
use pollster::block_on;

#[test]
fn importance_is_that_of_brute_force() {
    let session = Session::interpreter();
    let model =
        Sequential::new().add(Flatten).add(Dense::new(5).activation(Activation::Tanh)).add(Dense::new(2));
    // Windows of 3 steps and 4 columns: a whole series comes from another row.
    let x = normal(&[11, 3, 4], 21);
    prepare(&session, &model, &x);
    let targets = normal(&[11, 2], 22);
    let numbers = x.as_f32().unwrap();
    let how = Permutation { repeats: 3, seed: 5, higher_is_better: false };
    for batch in [1, 4, 64] {
        let explainer = Explainer::new(&session, &model).batch_size(batch);
        let found =
            block_on(explainer.permutation_importance(&x, &targets, &score::mean_squared_error, &how))
                .unwrap();
        let base = score::mean_squared_error(&block_on(explainer.outputs(&x)).unwrap(), &targets).unwrap();
        assert_eq!((found.score, found.columns.len()), (base, 4));
        for (column, change) in found.columns.iter().enumerate() {
            let loss = |repeat: usize| {
                let order = permutation(5, column, repeat, 11);
                let from = |i: usize| if i % 4 == column { order[i / 12] * 12 + i % 12 } else { i };
                let shuffled: Vec<f32> = (0..numbers.len()).map(|i| numbers[from(i)]).collect();
                let outputs =
                    block_on(explainer.outputs(&Array::f32(&x.shape(), shuffled).unwrap())).unwrap();
                score::mean_squared_error(&outputs, &targets).unwrap() - base
            };
            let losses: Vec<f64> = (0..3).map(loss).collect();
            let mean = losses.iter().sum::<f64>() / 3.0;
            let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / 3.0;
            let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
            assert!(
                change.losses.iter().zip(&losses).all(|(a, b)| near(*a, *b)),
                "{:?} {losses:?}",
                change.losses
            );
            assert!(near(change.mean, mean) && near(change.deviation, variance.sqrt()));
        }
    }
}

#[test]
fn columns_that_a_linear_model_does_not_read_do_not_matter() {
    let session = Session::interpreter();
    let model = Lambda::new("", |scope, x| linear(scope, x, [3, 1]));
    let x = normal(&[200, 3], 23);
    prepare(&session, &model, &x);
    session.write_state("w", &Array::f32(&[3, 1], [2.0, 0.0, -1.0]).unwrap()).unwrap();
    let explainer = Explainer::new(&session, &model);
    let targets = block_on(explainer.outputs(&x)).unwrap();
    let how = Permutation { repeats: 20, ..Permutation::default() };
    let found = block_on(explainer.permutation_importance(&x, &targets, &score::r_squared, &how)).unwrap();
    assert_eq!((found.score, found.columns[1].mean, found.columns[1].deviation), (1.0, 0.0, 0.0));
    // R^2 loses 2 w^2 var(x) / var(y): about 8/5 and 2/5, and a variance of 200 draws is off by a tenth.
    let [first, last] = [0, 2].map(|column| found.columns[column].mean);
    assert!((first - 1.6).abs() < 0.15 && (last - 0.4).abs() < 0.1, "{first} {last}");
    assert!(found.columns[0].deviation > 0.0 && found.columns[0].deviation < 0.3);
    let other = Permutation { seed: 1, ..how };
    let again =
        |how| block_on(explainer.permutation_importance(&x, &targets, &score::r_squared, how)).unwrap();
    assert_eq!(again(&how), found);
    assert_ne!(again(&other).columns[0], found.columns[0]);
}

#[test]
fn permutations_are_functions_of_their_numbers() {
    let order = permutation(1, 2, 3, 50);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    assert_eq!(order, permutation(1, 2, 3, 50));
    for other in [(2, 2, 3), (1, 3, 3), (1, 2, 4), (1, 3, 2)] {
        assert_ne!(order, permutation(other.0, other.1, other.2, 50));
    }
}

#[test]
fn a_trained_model_is_explained() {
    // The class is the sign of the second of three columns.
    let x = normal(&[120, 3], 24);
    let classes: Vec<i32> = x.as_f32().unwrap().chunks(3).map(|row| i32::from(row[1] > 0.0)).collect();
    let y = Array::i32(&[120], classes).unwrap();
    let model = Sequential::new().add(Dense::new(8).activation(Activation::Relu)).add(Dense::new(2));
    let mut trainer =
        Trainer::new(Session::interpreter(), model, Loss::sparse_cross_entropy(), Adam::new(0.02)).seed(3);
    let options = FitOptions { epochs: 15, batch_size: 20, ..FitOptions::default() };
    block_on(trainer.fit((&x, &y), None, &options, &mut Silent)).unwrap();
    let explainer = Explainer::of(&trainer);
    let found = block_on(explainer.permutation_importance(&x, &y, &score::accuracy, &Permutation::default()))
        .unwrap();
    assert!(found.score > 0.9, "{}", found.score);
    assert!(found.columns[1].mean > 0.3, "{:?}", found.columns);
    // What the model makes of columns that say nothing: a third of what it needs the other for.
    assert!([0, 2].iter().all(|&column| found.columns[column].mean.abs() < 0.1), "{:?}", found.columns);
    let path =
        block_on(explainer.integrated_gradients(&x, &Target::Output(1), &IntegratedGradients::default()));
    let path = path.unwrap();
    let size = |column: usize| -> f64 {
        path.attribution.values.to_f64().iter().skip(column).step_by(3).map(|x| x.abs()).sum()
    };
    assert!(size(1) > 4.0 * size(0).max(size(2)), "{} {} {}", size(0), size(1), size(2));
}

/// Every mistake, and what is said about it.
#[test]
fn mistakes_are_named_with_numbers() {
    let session = Session::interpreter();
    let model = Lambda::new("", |scope, x| linear(scope, x, [4, 2]));
    let x = normal(&[3, 4], 25);
    let ready = Session::interpreter();
    prepare(&ready, &model, &x);
    let explainer = Explainer::new(&ready, &model);
    let first = Target::Output(0);
    let fails = |what: Result<()>, message: &str| {
        let error = what.expect_err(message).to_string();
        assert!(error.contains(message), "{error:?} does not say {message:?}");
    };
    let saliency = |explainer: &Explainer<'_>, x: &Array| block_on(explainer.saliency(x, &first)).map(drop);

    fails(saliency(&Explainer::new(&session, &model), &x), "the session holds no \"w\"");
    fails(saliency(&explainer, &normal(&[3, 5], 1)), "12");
    fails(saliency(&explainer, &Array::zeros(x.shape(), DType::I32)), "no gradient of i32 rows");
    fails(saliency(&explainer, &Array::scalar(1.0)), "at least one");
    fails(saliency(&explainer, &Array::f32(&[0, 4], []).unwrap()), "at least one, [0, 4]");
    let mut broken = x.as_f32().unwrap().to_vec();
    broken[6] = f32::NAN;
    fails(saliency(&explainer, &Array::f32(&[3, 4], broken).unwrap()), "row 1: element 2 is NaN");
    fails(block_on(explainer.saliency(&x, &Target::Output(2))).map(drop), "row 0: output 2");
    fails(block_on(explainer.saliency(&x, &Target::Each(vec![0]))).map(drop), "1 targets for 3 rows");

    let path = |steps, baseline| {
        let how = IntegratedGradients { steps, baseline, tolerance: 0.05 };
        block_on(explainer.integrated_gradients(&x, &first, &how)).map(drop)
    };
    fails(path(0, Baseline::Zeros), "0 steps");
    fails(path(5, Baseline::Value(f32::INFINITY)), "a baseline of inf");
    fails(path(5, Baseline::Row(normal(&[3], 1))), "wanted f32[4]");
    fails(path(5, Baseline::Rows(normal(&[2, 4], 1))), "wanted f32[3, 4]");
    for how in [
        SmoothGrad { samples: 0, ..SmoothGrad::default() },
        SmoothGrad { noise: -1.0, ..SmoothGrad::default() },
    ] {
        fails(block_on(explainer.smooth_grad(&x, &first, &how)).map(drop), "at least one sample");
    }

    for how in [
        Occlusion::new(&[5]),
        Occlusion::new(&[0]),
        Occlusion::new(&[2, 2]),
        Occlusion::new(&[2]).stride(&[3]),
        Occlusion::new(&[2]).stride(&[0]),
    ] {
        fails(block_on(explainer.occlusion(&x, &first, &how)).map(drop), "strides of 1 up to the window's");
    }

    let cam = |layer: Option<&str>| {
        let how = GradCamOptions { layer: layer.map(str::to_owned) };
        block_on(explainer.grad_cam(&x, &first, &how)).map(drop)
    };
    fails(cam(None), "no convolution");
    fails(cam(Some("conv")), "no layer \"conv\"");
    fails(block_on(explainer.attention(&x)).map(drop), "without attention");

    let importance = |targets: &Array, score: &dyn Fn(&Array, &Array) -> Result<f64>, repeats| {
        let how = Permutation { repeats, ..Permutation::default() };
        block_on(explainer.permutation_importance(&x, targets, score, &how)).map(drop)
    };
    fails(importance(&normal(&[2], 1), &score::accuracy, 5), "targets [2]");
    fails(importance(&normal(&[3], 1), &score::accuracy, 0), "0 repeats");
    fails(importance(&normal(&[3], 1), &|_, _| Ok(f64::NAN), 1), "the score of the outputs is NaN");
    fails(importance(&normal(&[3], 1), &score::mean_squared_error, 1), "outputs [3, 2] and targets [3]");

    let mixed = Lambda::new("", |_scope, x| x.sum_all());
    fails(saliency(&Explainer::new(&ready, &mixed), &x), "the first axis must stay the batch");
}

#[test]
fn models_that_remember_and_indices_outside_are_refused() {
    let session = Session::interpreter();
    let model = Sequential::new().add(Lstm::new(4).stateful(true)).add(Dense::new(1));
    let x = normal(&[2, 3, 2], 26);
    prepare(&session, &model, &x);
    let error = block_on(Explainer::new(&session, &model).saliency(&x, &Target::Output(0))).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("lstm"), "{error}");

    let session = Session::interpreter();
    let model = Sequential::new().add(Embedding::new(5, 2)).add(Flatten).add(Dense::new(1));
    let x = Array::i32(&[1, 3], [1, 5, 0]).unwrap();
    prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model);
    let error = block_on(explainer.occlusion(&x, &Target::Output(0), &Occlusion::new(&[1]))).unwrap_err();
    assert!(error.to_string().contains("index 5 is outside of the 5 rows"), "{error}");
    let inside = Array::i32(&[1, 3], [1, 4, 0]).unwrap();
    let how = Occlusion::new(&[1]).fill(Baseline::Value(-1.0));
    let error = block_on(explainer.occlusion(&inside, &Target::Output(0), &how)).unwrap_err();
    assert!(error.to_string().contains("index -1 is outside"), "{error}");
}
