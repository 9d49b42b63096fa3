//! The same explanations on a device and on the interpreter, and the same bits again.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::Array;
use anygrad_explain::{
    Explainer, GradCamOptions, IntegratedGradients, Occlusion, Permutation, SmoothGrad, Target, score,
};
use anygrad_gpu::{Choice, Session};
use anygrad_nn::{
    Activation, Conv2d, Dense, Flatten, Lambda, Layer, MaxPool2d, MultiHeadAttention, Sequential,
};
use common::{assert_near, normal, prepare};
use pollster::block_on;

/// What every method finds about some images, each with a name.
fn explained(session: &Session, model: &dyn Layer, x: &Array) -> Vec<(&'static str, Array)> {
    let explainer = Explainer::new(session, model).batch_size(6);
    let target = Target::Each(vec![0, 2, 1, 0, 2]);
    let path = IntegratedGradients { steps: 8, ..IntegratedGradients::default() };
    let smooth = SmoothGrad { samples: 4, ..SmoothGrad::default() };
    let hidden = Occlusion::new(&[2, 4, 4]).stride(&[2, 2, 3]);
    let cam = block_on(explainer.grad_cam(x, &target, &GradCamOptions::default())).unwrap();
    let classes = Array::i32(&[5], [0, 2, 1, 0, 2]).unwrap();
    let error = |outputs: &Array, _: &Array| Ok(outputs.to_f64().iter().map(|x| x.abs()).sum::<f64>());
    let how = Permutation { repeats: 2, ..Permutation::default() };
    let importance = block_on(explainer.permutation_importance(x, &classes, &error, &how)).unwrap();
    let losses: Vec<f32> =
        importance.columns.iter().flat_map(|column| column.losses.iter().map(|&loss| loss as f32)).collect();
    vec![
        ("saliency", block_on(explainer.saliency(x, &target)).unwrap().values),
        ("smooth grad", block_on(explainer.smooth_grad(x, &target, &smooth)).unwrap().values),
        (
            "integrated gradients",
            block_on(explainer.integrated_gradients(x, &target, &path)).unwrap().attribution.values,
        ),
        ("occlusion", block_on(explainer.occlusion(x, &target, &hidden)).unwrap().values),
        ("regions", cam.regions),
        ("map", cam.map),
        ("importance", Array::f32(&[losses.len()], losses).unwrap()),
    ]
}

#[test]
fn a_device_finds_what_the_interpreter_finds() {
    let model = Sequential::new()
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(Flatten)
        .add(Dense::new(3));
    let x = normal(&[5, 2, 12, 12], 31);
    let (device, interpreter) = (block_on(Session::open(&Choice::Best)).unwrap(), Session::interpreter());
    prepare(&device, &model, &x);
    prepare(&interpreter, &model, &x);
    let (found, wanted) = (explained(&device, &model, &x), explained(&interpreter, &model, &x));
    for ((name, found), (_, wanted)) in found.iter().zip(&wanted) {
        println!("{name}");
        assert!(wanted.to_f64().iter().any(|x| *x != 0.0), "{name} is all zeros");
        // Both round to f32; sums of up to 72 terms, in other orders, one behind the other in four layers.
        assert_near(found, &wanted.to_f64(), 2e-5);
    }
    assert_eq!(found, explained(&device, &model, &x), "the same bits again");
    let classes = Array::i32(&[5], [0, 2, 1, 0, 2]).unwrap();
    let accuracy = |session: &Session| {
        let outputs = block_on(Explainer::new(session, &model).outputs(&x)).unwrap();
        score::accuracy(&outputs, &classes).unwrap()
    };
    assert_eq!(accuracy(&device), accuracy(&interpreter));
}

#[test]
fn a_device_finds_the_same_attention() {
    let model = Sequential::new()
        .add(MultiHeadAttention::new(2).causal(true))
        .add(Lambda::new("mean", |_scope, x| x.mean(&[1], false)))
        .add(Dense::new(2));
    let x = normal(&[3, 11, 8], 32);
    let (device, interpreter) = (block_on(Session::open(&Choice::Best)).unwrap(), Session::interpreter());
    prepare(&device, &model, &x);
    prepare(&interpreter, &model, &x);
    let maps =
        |session: &Session| block_on(Explainer::new(session, &model).batch_size(2).attention(&x)).unwrap();
    // The same of sums of 8 terms and a softmax.
    assert_near(&maps(&device)[0].weights, &maps(&interpreter)[0].weights.to_f64(), 1e-5);
}
