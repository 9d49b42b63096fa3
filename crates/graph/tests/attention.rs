//! Attention and normalization against numbers worked out by hand, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Array, DType};
use anygrad_graph::ops::{Attention, AttentionDropout};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};

fn of(arrays: &[Array], build: impl for<'g> Fn(&[Tensor<'g>]) -> Tensor<'g>) -> Vec<f64> {
    let graph = Graph::new();
    let mut cpu = Interpreter::new(Precision::F64);
    let mut inputs = Vec::new();
    for (i, array) in arrays.iter().enumerate() {
        cpu.write(&format!("x{i}"), array);
        inputs.push(graph.input(&format!("x{i}"), &array.shape(), array.dtype()));
    }
    cpu.run(&graph, &[build(&inputs)]).unwrap()[0].to_f64()
}

fn array(sizes: &[usize], numbers: &[f32]) -> Array {
    Array::f32(sizes, numbers).unwrap()
}

fn mistake(sizes: [&[usize]; 3], options: impl for<'g> Fn(&'g Graph) -> Attention<'g>) -> String {
    let graph = Graph::new();
    let [q, k, v] = ["q", "k", "v"].map(|name| {
        let place = ["q", "k", "v"].iter().position(|other| *other == name).unwrap();
        graph.input(name, sizes[place], DType::F32)
    });
    let y = q.scaled_dot_product_attention(k, v, options(&graph));
    assert!(y.is_poison());
    graph.check().unwrap_err().to_string()
}

fn plain(_: &Graph) -> Attention<'_> {
    Attention::default()
}

fn causal<'g>() -> Attention<'g> {
    Attention { causal: true, ..Attention::default() }
}

#[test]
fn the_last_query_sees_the_last_key() {
    // All scores are equal: means of what is seen.
    let q = array(&[1, 1, 2, 1], &[0.0, 0.0]);
    let k = array(&[1, 1, 3, 1], &[1.0, 2.0, 3.0]);
    let v = array(&[1, 1, 3, 1], &[3.0, 6.0, 12.0]);
    let y = of(&[q, k.clone(), v.clone()], |x| x[0].scaled_dot_product_attention(x[1], x[2], causal()));
    assert_eq!(y, [4.5, 7.0]);
    // With more queries than keys the first ones see nothing.
    let q = array(&[1, 1, 5, 1], &[0.0; 5]);
    let y = of(&[q, k, v], |x| x[0].scaled_dot_product_attention(x[1], x[2], causal()));
    assert_eq!(y, [0.0, 0.0, 3.0, 4.5, 7.0]);
}

#[test]
fn attention_refuses_what_does_not_fit() {
    let shapes = mistake([&[1, 3, 2, 4], &[1, 2, 5, 4], &[1, 2, 5, 4]], plain);
    assert!(shapes.contains("queries [1, 3, 2, 4], keys [1, 2, 5, 4], values [1, 2, 5, 4]"), "{shapes}");
    assert!(shapes.contains("attention.rs"), "{shapes}");
    assert!(mistake([&[1, 2, 2, 4], &[1, 2, 5, 3], &[1, 2, 5, 4]], plain).contains("[1, 2, 5, 3]"));
    assert!(mistake([&[2, 2, 4], &[2, 5, 4], &[2, 5, 4]], plain).contains("[batch, heads, queries, d]"));
    let fits: [&[usize]; 3] = [&[1, 2, 2, 4], &[1, 2, 5, 4], &[1, 2, 5, 4]];
    let mask = mistake(fits, |graph| Attention {
        mask: Some(graph.input("mask", &[2, 4], DType::Bool)),
        ..Attention::default()
    });
    assert!(mask.contains("a mask of bool[2, 4]") && mask.contains("[1, 2, 2, 5]"), "{mask}");
    let rate = mistake(fits, |graph| Attention {
        dropout: Some(AttentionDropout { rate: 1.5, seed: 0, counter: graph.input("n", &[], DType::U32) }),
        ..Attention::default()
    });
    assert!(rate.contains("1.5 does not lie between 0 and 1"), "{rate}");
    let scale = mistake(fits, |_| Attention { scale: Some(f64::NAN), ..Attention::default() });
    assert!(scale.contains("NaN"), "{scale}");
}

#[test]
fn norms_refuse_what_does_not_fit() {
    let mistake = |build: for<'g> fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>| {
        let graph = Graph::new();
        build(graph.input("x", &[2, 6, 5], DType::F32), graph.input("w", &[4], DType::F32));
        graph.check().unwrap_err().to_string()
    };
    let row = mistake(|x, w| x.layer_norm(-1, Some(w), None, 1e-5));
    assert!(row.contains("over [5] of [2, 6, 5], scale or bias of [4] was given"), "{row}");
    assert!(mistake(|x, _| x.rms_norm(3, None, 1e-5)).contains("axis 3 does not exist in [2, 6, 5]"));
    assert!(mistake(|x, _| x.layer_norm(-1, None, None, -1.0)).contains("eps is -1"));
    let channels = mistake(|x, w| x.batch_norm(1, None, Some(w), 1e-5).y);
    assert!(channels.contains("[2, 6, 5] has 6 channels, [4] was given"), "{channels}");
    assert!(mistake(|x, _| x.group_norm(4, None, None, 1e-5)).contains("6 channels do not make 4 groups"));
    assert!(mistake(|x, _| x.local_response_norm(0, 1.0, 1.0, 1.0)).contains("windows of 0"));
}

#[test]
fn rows_and_channels_are_normalized() {
    let x = || array(&[2, 2], &[1.0, 3.0, 2.0, 6.0]);
    assert_eq!(of(&[x()], |x| x[0].layer_norm(-1, None, None, 0.0)), [-1.0, 1.0, -1.0, 1.0]);
    // Mean 1.5 and 4.5, deviation 0.5 and 1.5.
    assert_eq!(of(&[x()], |x| x[0].batch_norm(-1, None, None, 0.0).y), [-1.0, -1.0, 1.0, 1.0]);
    // Mean squares 5 and 20.
    let y = of(&[x()], |x| x[0].rms_norm(-1, None, 0.0).square() * 5.0);
    assert!(y.iter().zip([1.0, 9.0, 1.0, 9.0]).all(|(y, want)| (y - want).abs() < 1e-6), "{y:?}");
}
