//! Gradient methods against formulas and against differences in double precision.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::{Array, Random, Shape};
use anygrad_explain::{Baseline, Explainer, IntegratedGradients, Occlusion, SmoothGrad, Target};
use anygrad_gpu::Session;
use anygrad_graph::Values;
use anygrad_nn::{
    Activation, BatchNorm, Conv2d, Dense, Embedding, Flatten, GlobalAvgPool, Lambda, Layer, Sequential,
};
use common::{assert_near, differences, linear, normal, output, prepare};
use pollster::block_on;

#[test]
fn the_gradient_of_a_linear_model_is_its_weights() {
    let session = Session::interpreter();
    let model = Lambda::new("", |scope, x| linear(scope, x, [6, 4]));
    let x = normal(&[5, 2, 3], 1);
    let w = prepare(&session, &model, &x).read("w").unwrap();
    let w = w.to_f64();
    let x_numbers = x.to_f64();
    let targets = [3, 0, 1, 2, 3];
    let target = Target::Each(targets.to_vec());
    let slope = |i: usize| w[i % 6 * 4 + targets[i / 6]];
    let slopes: Vec<f64> = (0..30).map(slope).collect();
    let shares: Vec<f64> = (0..30).map(|i| slope(i) * x_numbers[i]).collect();
    let baseline = normal(&[2, 3], 2);
    let b = baseline.to_f64();
    let paths: Vec<f64> = (0..30).map(|i| slope(i) * (x_numbers[i] - b[i % 6])).collect();
    for batch in [1, 3, 64] {
        let explainer = Explainer::new(&session, &model).batch_size(batch);
        let saliency = block_on(explainer.saliency(&x, &target)).unwrap();
        assert_near(&saliency.values, &slopes, 1e-7);
        assert_eq!((saliency.values.shape(), &saliency.targets[..]), (x.shape(), &targets[..]));
        assert_near(&block_on(explainer.gradient_times_input(&x, &target)).unwrap().values, &shares, 1e-6);
        let noisy = SmoothGrad { samples: 7, ..SmoothGrad::default() };
        assert_near(&block_on(explainer.smooth_grad(&x, &target, &noisy)).unwrap().values, &slopes, 1e-6);
        let how =
            IntegratedGradients { steps: 5, baseline: Baseline::Row(baseline.clone()), tolerance: 1e-6 };
        let found = block_on(explainer.integrated_gradients(&x, &target, &how)).unwrap();
        assert_near(&found.attribution.values, &paths, 1e-6);
        for (row, complete) in found.rows.iter().enumerate() {
            let wanted: f64 = paths[row * 6..(row + 1) * 6].iter().sum();
            assert!((complete.sum - wanted).abs() < 1e-5 && complete.holds(), "{complete:?}");
        }
        // Hidden one by one, elements take what the baseline does not give.
        let one_by_one = Occlusion::new(&[1, 1]).fill(Baseline::Row(baseline.clone()));
        assert_near(&block_on(explainer.occlusion(&x, &target, &one_by_one)).unwrap().values, &paths, 1e-5);
    }
}

fn smooth_image_model() -> Sequential {
    Sequential::new()
        .add(Conv2d::new(3, 3).activation(Activation::Tanh))
        .add(BatchNorm::new())
        .add(Conv2d::new(4, 2).stride(2).activation(Activation::Gelu))
        .add(Flatten)
        .add(Dense::new(8).activation(Activation::Sigmoid))
        .add(Dense::new(3))
}

#[test]
fn gradients_are_those_of_differences() {
    let session = Session::interpreter();
    let (model, x) = (smooth_image_model(), normal(&[2, 2, 7, 6], 3));
    let oracle = prepare(&session, &model, &x);
    let values = Values::from_array(&x);
    let explainer = Explainer::new(&session, &model);
    for target in 0..3 {
        let found = block_on(explainer.saliency(&x, &Target::Output(target))).unwrap();
        assert_near(&found.values, &differences(&oracle, &model, &values, target), 1e-5);
        let wanted = output(&oracle, &model, &values, target);
        assert_near(&Array::f32(&[2], found.outputs).unwrap(), &wanted, 1e-6);
    }
}

#[test]
fn the_predicted_class_is_explained() {
    let session = Session::interpreter();
    let model =
        Sequential::new().add(Flatten).add(Dense::new(8).activation(Activation::Tanh)).add(Dense::new(3));
    let x = normal(&[9, 2, 7, 6], 4);
    prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model).batch_size(4);
    let outputs = block_on(explainer.outputs(&x)).unwrap();
    assert_eq!(outputs.shape(), Shape::new(&[9, 3]).unwrap());
    let largest = |row: &[f32]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
    let classes: Vec<usize> = outputs.as_f32().unwrap().chunks(3).map(largest).collect();
    assert!(
        classes.iter().any(|class| *class != classes[0]),
        "more than one class is predicted: {classes:?}"
    );
    let predicted = block_on(explainer.saliency(&x, &Target::Predicted)).unwrap();
    assert_eq!(predicted.targets, classes);
    assert_eq!(predicted, block_on(explainer.saliency(&x, &Target::Each(classes))).unwrap());
    let second = predicted.row(1).unwrap();
    assert_eq!(second.shape(), Shape::new(&[2, 7, 6]).unwrap());
    assert_eq!(second.as_f32().unwrap(), &predicted.values.as_f32().unwrap()[84..168]);
}

#[test]
fn integrated_gradients_are_the_integral() {
    let session = Session::interpreter();
    let (model, x) = (smooth_image_model(), normal(&[2, 2, 7, 6], 5));
    let oracle = prepare(&session, &model, &x);
    let b = normal(&[2, 2, 7, 6], 6);
    let (start, end) = (b.to_f64(), x.to_f64());
    // The same integral by three-point Gauss-Legendre quadrature over parts of the way, of differences.
    const PARTS: u32 = 24;
    let mut means = vec![0.0; end.len()];
    for part in 0..PARTS {
        for (place, weight) in [(-0.6f64.sqrt(), 5.0 / 18.0), (0.0, 8.0 / 18.0), (0.6f64.sqrt(), 5.0 / 18.0)]
        {
            let along = (f64::from(part) + (place + 1.0) / 2.0) / f64::from(PARTS);
            let mut point = Values::from_array(&x);
            point
                .data
                .iter_mut()
                .zip(start.iter().zip(&end))
                .for_each(|(p, (b, x))| *p = b + along * (x - b));
            let slopes = differences(&oracle, &model, &point, 1);
            means.iter_mut().zip(slopes).for_each(|(mean, slope)| *mean += weight / f64::from(PARTS) * slope);
        }
    }
    let wanted: Vec<f64> = means.iter().zip(start.iter().zip(&end)).map(|(m, (b, x))| m * (x - b)).collect();
    let how = |steps| IntegratedGradients { steps, baseline: Baseline::Rows(b.clone()), tolerance: 0.01 };
    let explainer = Explainer::new(&session, &model).batch_size(48);
    let fine = block_on(explainer.integrated_gradients(&x, &Target::Output(1), &how(300))).unwrap();
    assert_near(&fine.attribution.values, &wanted, 2e-4);
    assert!(fine.rows.iter().all(|row| row.holds()), "{:?}", fine.rows);
    for (row, complete) in fine.rows.iter().enumerate() {
        let difference =
            fine.attribution.outputs[row] as f64 - output(&oracle, &model, &Values::from_array(&b), 1)[row];
        assert!((complete.difference - difference).abs() < 1e-5, "{complete:?} {difference}");
    }
    let coarse = block_on(explainer.integrated_gradients(&x, &Target::Output(1), &how(1))).unwrap();
    assert!(coarse.rows.iter().any(|row| !row.holds()), "one step is too few: {:?}", coarse.rows);
}

#[test]
fn kinks_do_not_keep_integrated_gradients_from_adding_up() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Flatten)
        .add(Dense::new(32).activation(Activation::Relu))
        .add(Dense::new(16).activation(Activation::Relu))
        .add(Dense::new(5));
    let x = normal(&[6, 12], 7);
    prepare(&session, &model, &x);
    let how = IntegratedGradients::default();
    let found = block_on(Explainer::new(&session, &model).integrated_gradients(&x, &Target::Predicted, &how))
        .unwrap();
    assert!(found.rows.iter().all(|row| row.holds()), "{:?}", found.rows);
}

#[test]
fn smooth_grad_averages_over_the_noise_it_says() {
    // y = sum of x^2 / 2: the gradient at a point is the point.
    let session = Session::interpreter();
    let model = Lambda::new("", |_scope, x| (x.square() * 0.5).sum(&[-1], false));
    let x = Array::f32(&[2, 3], [0.0, 1.0, 4.0, -1.0, 0.0, 1.0]).unwrap();
    let how = SmoothGrad { samples: 10, noise: 0.25, seed: 9 };
    let mut wanted = x.to_f64();
    for sample in 0..10 {
        let mut random = Random::stream(9, sample);
        let noise: Vec<f64> = (0..3).map(|_| random.normal()).collect();
        // Deviations of a quarter of 4 and of 2.
        wanted.iter_mut().enumerate().for_each(|(i, w)| *w += [1.0, 0.5][i / 3] * noise[i % 3] / 10.0);
    }
    for batch in [1, 4, 7, 64] {
        let explainer = Explainer::new(&session, &model).batch_size(batch);
        let found = block_on(explainer.smooth_grad(&x, &Target::Output(0), &how)).unwrap();
        assert_near(&found.values, &wanted, 1e-6);
    }
}

#[test]
fn layers_behind_an_embedding_are_explained() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Embedding::new(10, 4))
        .add(Lambda::new("swap", |_scope, x| x.permute(&[0, 2, 1])))
        .add(GlobalAvgPool)
        .add(Flatten)
        .add(Dense::new(2));
    let x = Array::i32(&[2, 3], [1, 5, 9, 0, 1, 1]).unwrap();
    let oracle = prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model);
    let names: Vec<String> = explainer.layers(&x).unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["embedding", "swap", "global_avg_pool", "flatten", "dense"]);
    // The mean over 3 places, then a product with the kernel [4, 2].
    let kernel = oracle.read("dense.kernel").unwrap().to_f64();
    let slopes: Vec<f64> = (0..24).map(|i| kernel[i % 4 * 2 + 1] / 3.0).collect();
    let found = block_on(explainer.saliency_of("embedding", &x, &Target::Output(1))).unwrap();
    assert_eq!(found.values.shape(), Shape::new(&[2, 3, 4]).unwrap());
    assert_near(&found.values, &slopes, 1e-6);
    let table = oracle.read("embedding.embeddings").unwrap().to_f64();
    let indices = x.to_f64();
    let shares: Vec<f64> = (0..24).map(|i| slopes[i] * table[indices[i / 4] as usize * 4 + i % 4]).collect();
    let found = block_on(explainer.gradient_times_activation("embedding", &x, &Target::Output(1))).unwrap();
    assert_near(&found.values, &shares, 1e-6);
    let error = block_on(explainer.saliency_of("embeding", &x, &Target::Output(1))).unwrap_err();
    assert!(error.to_string().contains("no layer \"embeding\" among embedding, swap"), "{error}");
}

#[test]
fn the_state_of_the_session_stays_as_it_is() {
    let session = Session::interpreter();
    let (model, x) = (smooth_image_model(), normal(&[2, 2, 7, 6], 8));
    prepare(&session, &model, &x);
    let states = || -> Vec<(String, Array)> {
        let names = session.states().into_iter().map(|(name, _)| name);
        names.map(|name| (name.clone(), block_on(session.read_state(&name)).unwrap())).collect()
    };
    let before = states();
    let explainer = Explainer::new(&session, &model as &dyn Layer);
    block_on(explainer.integrated_gradients(&x, &Target::Predicted, &IntegratedGradients::default()))
        .unwrap();
    block_on(explainer.occlusion(&x, &Target::Predicted, &Occlusion::new(&[2, 3, 3]))).unwrap();
    assert_eq!(before, states());
}
