//! Occlusion, Grad-CAM and attention maps against formulas and brute force.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

mod common;

use anygrad_core::{Array, Shape};
use anygrad_explain::{Baseline, Explainer, GradCamOptions, Occlusion, Target};
use anygrad_gpu::Session;
use anygrad_graph::ops::Conv;
use anygrad_nn::{
    Activation, Conv1d, Conv2d, Dense, Embedding, Flatten, GlobalAvgPool, Lambda, MultiHeadAttention,
    Padding, Sequential, TransformerBlock,
};
use common::{assert_near, normal, prepare};
use pollster::block_on;

#[test]
fn occlusion_is_that_of_brute_force() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Conv2d::new(3, 3).activation(Activation::Relu))
        .add(Flatten)
        .add(Dense::new(3).activation(Activation::Tanh));
    let x = normal(&[3, 2, 5, 7], 11);
    prepare(&session, &model, &x);
    // Windows that overlap, one of them reaching beyond the row: begins along the axes are 0 and 1; 0, 2
    // and 4, the last cut; and 0, 3, 6, the last cut.
    let how = Occlusion::new(&[1, 3, 4]).stride(&[1, 2, 3]).fill(Baseline::Value(0.5));
    let begins: [&[usize]; 3] = [&[0, 1], &[0, 2], &[0, 3]];
    let numbers = x.as_f32().unwrap();
    let explainer = Explainer::new(&session, &model);
    let whole = block_on(explainer.outputs(&x)).unwrap();
    let (mut sums, mut counts) = (vec![0.0; numbers.len()], vec![0.0; numbers.len()]);
    for channel in begins[0] {
        for top in begins[1] {
            for left in begins[2] {
                let inside = |i: usize| {
                    let (c, h, w) = (i / 35 % 2, i / 7 % 5, i % 7);
                    c == *channel && (*top..top + 3).contains(&h) && (*left..left + 4).contains(&w)
                };
                let hidden: Vec<f32> =
                    numbers.iter().enumerate().map(|(i, &x)| if inside(i) { 0.5 } else { x }).collect();
                let hidden = Array::f32(&x.shape(), hidden).unwrap();
                let outputs = block_on(explainer.outputs(&hidden)).unwrap();
                let lost = |row: usize| {
                    f64::from(whole.as_f32().unwrap()[row * 3 + 2] - outputs.as_f32().unwrap()[row * 3 + 2])
                };
                for i in (0..numbers.len()).filter(|&i| inside(i)) {
                    sums[i] += lost(i / 70);
                    counts[i] += 1.0;
                }
            }
        }
    }
    let wanted: Vec<f64> = sums.iter().zip(&counts).map(|(sum, count)| sum / count).collect();
    for batch in [1, 5, 64] {
        let explainer = Explainer::new(&session, &model).batch_size(batch);
        let found = block_on(explainer.occlusion(&x, &Target::Output(2), &how)).unwrap();
        assert_near(&found.values, &wanted, 1e-6);
    }
}

#[test]
fn tokens_can_be_hidden() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Embedding::new(6, 3))
        .add(Lambda::new("sum", |_scope, x| x.sum(&[1], false)))
        .add(Dense::new(2).bias(false));
    let x = Array::i32(&[1, 4], [3, 1, 5, 1]).unwrap();
    let oracle = prepare(&session, &model, &x);
    let (table, kernel) =
        (oracle.read("embedding.embeddings").unwrap(), oracle.read("dense.kernel").unwrap());
    let (table, kernel) = (table.to_f64(), kernel.to_f64());
    let worth = |token: usize| (0..3).map(|i| table[token * 3 + i] * kernel[i * 2]).sum::<f64>();
    let wanted: Vec<f64> = [3, 1, 5, 1].map(|token| worth(token) - worth(0)).to_vec();
    let explainer = Explainer::new(&session, &model);
    let found = block_on(explainer.occlusion(&x, &Target::Output(0), &Occlusion::new(&[1]))).unwrap();
    assert_near(&found.values, &wanted, 1e-6);
}

#[test]
fn rows_may_be_single_numbers() {
    let session = Session::interpreter();
    let model = Lambda::new("", |_scope, x| x.square());
    let x = Array::f32(&[3], [1.0, -2.0, 3.0]).unwrap();
    let explainer = Explainer::new(&session, &model).batch_size(2);
    let found = block_on(explainer.occlusion(&x, &Target::Output(0), &Occlusion::new(&[]))).unwrap();
    assert_eq!(found.values.as_f32().unwrap(), [1.0, 4.0, 9.0]);
    let found = block_on(explainer.saliency(&x, &Target::Predicted)).unwrap();
    assert_eq!(found.values.as_f32().unwrap(), [2.0, -4.0, 6.0]);
}

/// Two channels, 1 x and -2 x + 1, rectified; the mean over all places; a kernel of 3 outputs.
fn by_hand(name: &str) -> (Session, Sequential, Array) {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Conv2d::new(2, 1).activation(Activation::Relu).named(name))
        .add(GlobalAvgPool)
        .add(Flatten)
        .add(Dense::new(3).bias(false));
    let x = Array::f32(&[1, 1, 2, 2], [1.0, -1.0, 0.25, 3.0]).unwrap();
    prepare(&session, &model, &x);
    session.write_state(&format!("{name}.kernel"), &Array::f32(&[2, 1, 1, 1], [1.0, -2.0]).unwrap()).unwrap();
    session.write_state(&format!("{name}.bias"), &Array::f32(&[2], [0.0, 1.0]).unwrap()).unwrap();
    let kernel = Array::f32(&[2, 3], [4.0, 8.0, -1.0, -4.0, 4.0, -1.0]).unwrap();
    session.write_state("dense.kernel", &kernel).unwrap();
    (session, model, x)
}

#[test]
fn grad_cam_is_that_of_the_formula() {
    let (session, model, x) = by_hand("eyes");
    let explainer = Explainer::new(&session, &model);
    // Activations: 1, 0, 0.25, 3 and 0, 3, 0.5, 0. Weights: the kernel's, over 4 places.
    let wanted = [[1.0, 0.0, 0.0, 3.0], [2.0, 3.0, 1.0, 6.0], [0.0, 0.0, 0.0, 0.0]];
    for (class, wanted) in wanted.iter().enumerate() {
        for layer in [None, Some("eyes".to_owned())] {
            let how = GradCamOptions { layer };
            let found = block_on(explainer.grad_cam(&x, &Target::Output(class), &how)).unwrap();
            assert_eq!(
                (found.layer.as_str(), found.regions.shape()),
                ("eyes", Shape::new(&[1, 2, 2]).unwrap())
            );
            assert_near(&found.regions, wanted, 1e-6);
            assert_eq!(found.regions, found.map, "as large as the input");
        }
    }
    let error = block_on(explainer.grad_cam(
        &x,
        &Target::Output(0),
        &GradCamOptions { layer: Some("flatten".into()) },
    ))
    .unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("[1, 2]"), "{error}");
}

#[test]
fn regions_are_resized_to_the_input() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Conv2d::new(3, 2).stride(2).activation(Activation::Relu))
        .add(Conv2d::new(2, 1))
        .add(GlobalAvgPool)
        .add(Flatten)
        .add(Dense::new(2));
    let x = normal(&[5, 1, 4, 4], 12);
    prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model).batch_size(2);
    let found = block_on(explainer.grad_cam(&x, &Target::Predicted, &GradCamOptions::default())).unwrap();
    assert_eq!(found.layer, "conv2d_1");
    assert_eq!(
        (found.regions.shape()[..].to_vec(), found.map.shape()[..].to_vec()),
        (vec![5, 2, 2], vec![5, 4, 4])
    );
    let (regions, map) = (found.regions.to_f64(), found.map.to_f64());
    assert!(regions.iter().any(|x| *x > 0.0));
    for row in 0..5 {
        let r = &regions[row * 4..row * 4 + 4];
        // By half pixels the corners are the regions', and between them lie weights of 3/4 and 1/4.
        let mix = |a: f64, b: f64| 0.75 * a + 0.25 * b;
        let wanted = [r[0], mix(r[0], r[1]), mix(r[1], r[0]), r[1]];
        for (i, wanted) in wanted.iter().enumerate() {
            assert!((map[row * 16 + i] - wanted).abs() < 1e-5, "{row} {i}");
        }
    }
    assert_eq!(found.row(3).unwrap().as_f32().unwrap(), &found.map.as_f32().unwrap()[48..64]);
}

#[test]
fn a_convolution_with_a_bias_in_an_expression_is_found_with_its_activation() {
    // Its gradient is written out: none reaches the sum before the bias.
    let (session, _, x) = by_hand("conv2d");
    let model = Lambda::new("model", |scope, x| {
        let (w, b) =
            (scope.graph().state("conv2d.kernel", &[2, 1, 1, 1]), scope.graph().state("conv2d.bias", &[2]));
        let conv = Conv { stride: [1; 2], padding: [[0; 2]; 2], dilation: [1; 2], groups: 1 };
        let y = x.conv_nd_with_bias(w, b, conv).relu();
        y.mean(&[2, 3], false).matmul(scope.graph().state("dense.kernel", &[2, 3]))
    });
    let explainer = Explainer::new(&session, &model);
    let found = block_on(explainer.grad_cam(&x, &Target::Output(1), &GradCamOptions::default())).unwrap();
    assert_near(&found.regions, &[2.0, 3.0, 1.0, 6.0], 1e-6);
}

#[test]
fn lines_have_maps_too() {
    let session = Session::interpreter();
    let model = Sequential::new()
        .add(Conv1d::new(4, 3).padding(Padding::Same).activation(Activation::Relu))
        .add(Flatten)
        .add(Dense::new(1));
    let x = normal(&[2, 3, 8], 13);
    let oracle = prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model);
    let found = block_on(explainer.grad_cam(&x, &Target::Output(0), &GradCamOptions::default())).unwrap();
    // The activation by the layer's own gradient method: mean of its gradient over places, times it.
    let slopes = block_on(explainer.saliency_of("conv1d", &x, &Target::Output(0))).unwrap().values.to_f64();
    let shares = block_on(explainer.gradient_times_activation("conv1d", &x, &Target::Output(0)))
        .unwrap()
        .values
        .to_f64();
    let kernel = oracle.read("dense.kernel").unwrap().to_f64();
    assert!(slopes[..32].iter().zip(&kernel).all(|(a, b)| (a - b).abs() < 1e-6));
    let wanted = |row: usize, place: usize| {
        let share = |channel: usize| {
            let at = row * 32 + channel * 8;
            let mean = slopes[at..at + 8].iter().sum::<f64>() / 8.0;
            mean * shares[at + place] / slopes[at + place]
        };
        (0..4).map(share).sum::<f64>().max(0.0)
    };
    let wanted: Vec<f64> = (0..16).map(|i| wanted(i / 8, i % 8)).collect();
    assert_near(&found.regions, &wanted, 1e-5);
}

#[test]
fn attention_maps_are_the_weights() {
    let session = Session::interpreter();
    // More keys than numbers per head: the weights come in blocks.
    let attention = MultiHeadAttention::new(2).kv_heads(1).key_dim(4).causal(true);
    let model =
        Sequential::new().add(attention).add(TransformerBlock::new(3)).add(Flatten).add(Dense::new(2));
    let x = normal(&[3, 7, 6], 14);
    let oracle = prepare(&session, &model, &x);
    let explainer = Explainer::new(&session, &model).batch_size(2);
    let maps = block_on(explainer.attention(&x)).unwrap();
    let names: Vec<&str> = maps.iter().map(|map| map.layer.as_str()).collect();
    assert_eq!(names, ["multi_head_attention", "transformer_block.multi_head_attention"]);
    assert_eq!(maps[1].weights.shape()[..], [3, 3, 7, 7]);
    for row in maps.iter().flat_map(|map| map.weights.as_f32().unwrap().chunks(7)) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{row:?}");
    }
    // The first layer by hand.
    let numbers = |name: &str| oracle.read(&format!("multi_head_attention.{name}")).unwrap().to_f64();
    let (wq, bq, wk, bk) =
        (numbers("query_kernel"), numbers("query_bias"), numbers("key_kernel"), numbers("key_bias"));
    let x = x.to_f64();
    let project = |n: usize, t: usize, column: usize, w: &[f64], b: &[f64], width: usize| {
        b[column] + (0..6).map(|i| x[(n * 7 + t) * 6 + i] * w[i * width + column]).sum::<f64>()
    };
    let mut wanted = Vec::new();
    for (n, head, query) in (0..3).flat_map(|n| (0..2).flat_map(move |h| (0..7).map(move |q| (n, h, q)))) {
        let score = |key: usize| {
            let of =
                |i: usize| project(n, query, head * 4 + i, &wq, &bq, 8) * project(n, key, i, &wk, &bk, 4);
            if key <= query { ((0..4).map(of).sum::<f64>() / 2.0).exp() } else { 0.0 }
        };
        let total: f64 = (0..7).map(score).sum();
        wanted.extend((0..7).map(|key| score(key) / total));
    }
    assert_near(&maps[0].weights, &wanted, 1e-5);
}
