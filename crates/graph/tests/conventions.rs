//! Conventions of sums along an axis, order, indices and products, by numbers of the ONNX standard's
//! own node tests (named beside them) and by hand.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Array, DType};
use anygrad_graph::ops::ScatterReduction;
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};

fn f32s(sizes: &[usize], numbers: &[f32]) -> Array {
    Array::f32(sizes, numbers).unwrap()
}

fn i32s(sizes: &[usize], numbers: &[i32]) -> Array {
    Array::i32(sizes, numbers).unwrap()
}

/// The results of an expression of these arrays.
fn all(arrays: &[Array], build: impl for<'g> Fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>) -> Vec<Array> {
    let graph = Graph::new();
    let mut cpu = Interpreter::new(Precision::F32);
    let mut inputs = Vec::new();
    for (i, array) in arrays.iter().enumerate() {
        cpu.write(&format!("x{i}"), array);
        inputs.push(graph.input(&format!("x{i}"), &array.shape(), array.dtype()));
    }
    cpu.run(&graph, &build(&inputs)).unwrap()
}

fn of(arrays: &[Array], build: impl for<'g> Fn(&[Tensor<'g>]) -> Tensor<'g>) -> Vec<f64> {
    all(arrays, |x| vec![build(x)])[0].to_f64()
}

fn mistake(build: impl for<'g> Fn(&'g Graph, Tensor<'g>) -> Tensor<'g>) -> String {
    let graph = Graph::new();
    build(&graph, graph.input("x", &[3, 5], DType::F32));
    graph.check().expect_err("a mistake").to_string()
}

#[test]
fn running_sums_and_products() {
    let x = [f32s(&[5], &[1.0, 2.0, 3.0, 4.0, 5.0])];
    // cumsum_1d, cumsum_1d_int32_exclusive, cumsum_1d_reverse, cumsum_1d_reverse_exclusive
    assert_eq!(of(&x, |x| x[0].cumsum(0, false, false)), [1.0, 3.0, 6.0, 10.0, 15.0]);
    let whole = [i32s(&[5], &[1, 2, 3, 4, 5])];
    assert_eq!(of(&whole, |x| x[0].cumsum(0, true, false)), [0.0, 1.0, 3.0, 6.0, 10.0]);
    assert_eq!(of(&x, |x| x[0].cumsum(0, false, true)), [15.0, 14.0, 12.0, 9.0, 5.0]);
    assert_eq!(of(&x, |x| x[0].cumsum(-1, true, true)), [14.0, 12.0, 9.0, 5.0, 0.0]);
    // cumprod_1d_exclusive, cumprod_1d_reverse, cumprod_2d_axis_0
    assert_eq!(of(&x, |x| x[0].cumprod(0, true, false)), [1.0, 1.0, 2.0, 6.0, 24.0]);
    assert_eq!(of(&x, |x| x[0].cumprod(0, false, true)), [120.0, 120.0, 60.0, 20.0, 5.0]);
    let matrix = [f32s(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    assert_eq!(of(&matrix, |x| x[0].cumprod(0, false, false)), [1.0, 2.0, 3.0, 4.0, 10.0, 18.0]);
    assert_eq!(of(&[i32s(&[2], &[i32::MAX, 1])], |x| x[0].cumsum(0, false, false))[1], f64::from(i32::MIN));
    assert!(mistake(|_, x| x.cumsum(2, false, false)).contains("axis 2 does not exist in [3, 5]"));
}

#[test]
fn order_and_the_largest() {
    let counts: Vec<f32> = (0..12).map(|i| i as f32).collect();
    // top_k, top_k_same_values_largest
    let both = all(&[f32s(&[3, 4], &counts)], |x| {
        let (values, places) = x[0].topk(3, 1, true);
        vec![values, places]
    });
    assert_eq!(both[0].to_f64(), [3.0, 2.0, 1.0, 7.0, 6.0, 5.0, 11.0, 10.0, 9.0]);
    assert_eq!(both[1].to_f64(), [3.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0, 2.0, 1.0]);
    assert_eq!(of(&[i32s(&[4], &[0; 4])], |x| x[0].topk(3, 0, true).1), [0.0, 1.0, 2.0]);
    // NaN is larger than every number; equals and both zeros keep their order.
    let x = [f32s(&[6], &[f32::NAN, 0.0, -0.0, f32::INFINITY, -1.0, 0.0])];
    assert_eq!(of(&x, |x| x[0].argsort(0, false)), [4.0, 1.0, 2.0, 5.0, 3.0, 0.0]);
    assert_eq!(of(&x, |x| x[0].argsort(0, true)), [0.0, 3.0, 1.0, 2.0, 5.0, 4.0]);
    let even = [f32s(&[4], &[4.0, 1.0, 3.0, 2.0])];
    assert_eq!(of(&even, |x| x[0].median(0, false)), [2.5]);
    assert_eq!(of(&even, |x| x[0].quantile(0.25, 0, true)), [1.75]);
    assert!(mistake(|_, x| x.topk(6, 1, true).0).contains("topk: axis 1 of [3, 5] has no 6 elements"));
    assert!(mistake(|_, x| x.quantile(1.5, 0, true)).contains("1.5 of axis 0"));
}

#[test]
fn parts_and_elements_at_indices() {
    let cube = f32s(&[2, 2, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    // gathernd_example_float32, gathernd_example_int32 (with batch_dims 0)
    let i = i32s(&[2, 1, 2], &[0, 1, 1, 0]);
    assert_eq!(of(&[cube.clone(), i], |x| x[0].gather_nd(x[1], 0)), [2.0, 3.0, 4.0, 5.0]);
    let batched = of(&[cube, i32s(&[2, 1], &[1, 0])], |x| x[0].gather_nd(x[1], 1));
    assert_eq!(batched, [2.0, 3.0, 4.0, 5.0]);
    // scatternd_max_with_element_indices
    let x = [f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), i32s(&[2, 2], &[0, 0, 1, 1]), f32s(&[2], &[5.0, 1.0])];
    assert_eq!(of(&x, |x| x[0].scatter_nd(x[1], x[2], ScatterReduction::Max)), [5.0, 2.0, 3.0, 4.0]);
    // scatter_without_axis
    let x = [
        f32s(&[3, 3], &[0.0; 9]),
        i32s(&[2, 3], &[1, 0, 2, 0, 2, 1]),
        f32s(&[2, 3], &[1.0, 1.1, 1.2, 2.0, 2.1, 2.2]),
    ];
    let wanted = [2.0f32, 1.1, 0.0, 1.0, 0.0, 2.2, 0.0, 2.1, 1.2].map(f64::from);
    assert_eq!(of(&x, |x| x[0].scatter(0, x[1], x[2])), wanted);
    // scatter_elements_with_duplicate_indices, .._with_reduction_max, .._with_reduction_mul
    let x = [f32s(&[1, 5], &[1.0, 2.0, 3.0, 4.0, 5.0]), i32s(&[1, 2], &[1, 1]), f32s(&[1, 2], &[1.5, 2.5])];
    assert_eq!(of(&x, |x| x[0].scatter_add(1, x[1], x[2])), [1.0, 6.0, 3.0, 4.0, 5.0]);
    let reduced = |reduction| of(&x, move |x| x[0].scatter_reduce(1, x[1], x[2], reduction))[1];
    assert_eq!(reduced(ScatterReduction::Max), 2.5);
    assert_eq!(reduced(ScatterReduction::Min), 1.5);
    assert_eq!(reduced(ScatterReduction::Mul), 7.5);
    // The last one counts.
    assert_eq!(reduced(ScatterReduction::Replace), 2.5);
    // PyTorch's gather and scatter take indices that are smaller than the tensor.
    let x = [f32s(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), i32s(&[1, 2], &[2, 0])];
    assert_eq!(of(&x, |x| x[0].gather_elements(1, x[1])), [2.0, 0.0]);
    // gather_negative_indices: they are wrapped before.
    let last = of(&[x[0].clone(), i32s(&[2], &[-1, 0])], |x| x[0].gather(1, x[1].wrap_indices(&[3])));
    assert_eq!(last, [2.0, 0.0, 5.0, 3.0]);
    let filled = of(&[x[0].clone(), i32s(&[2], &[0, 9])], |x| x[0].index_fill(1, x[1], 7.0));
    assert_eq!(filled, [7.0, 1.0, 2.0, 7.0, 4.0, 5.0]);
    assert_eq!(of(&x[..1], |x| x[0].repeat_interleave(2, 1).at(0, 0)), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
    let message = mistake(|graph, x| x.gather_nd(graph.arange(0.0, 3.0, 1.0, DType::I32), 0));
    assert!(message.contains("indices [3] do not name axes of [3, 5]"), "{message}");
    assert!(mistake(|_, x| x.scatter(0, x, x)).contains("indices are i32 or u32, f32[3, 5]"));
}

#[test]
fn diagonals_and_triangles() {
    let numbers: Vec<i32> = (1..=20).collect();
    let x = [i32s(&[4, 5], &numbers)];
    // As triu_pos and triu_out_neg_out, with other numbers.
    let kept = |k| of(&x, move |x| x[0].triu(k)).iter().filter(|n| **n > 0.0).count();
    assert_eq!((kept(2), kept(-7), kept(9)), (6, 20, 0));
    assert_eq!(of(&x, |x| x[0].tril(-3)).iter().sum::<f64>(), 16.0);
    assert_eq!(of(&x, |x| x[0].diagonal(1, 0, 1)), [2.0, 8.0, 14.0, 20.0]);
    assert_eq!(of(&x, |x| x[0].diagonal(-1, 0, 1)), [6.0, 12.0, 18.0]);
    assert_eq!(
        of(&x[..1], |x| x[0].at(0, 0).narrow(0, 0..2).diag(1)),
        [0.0, 1.0, 0.0, 0.0, 0.0, 2.0, 0.0, 0.0, 0.0]
    );
    assert!(mistake(|_, x| x.diagonal(0, 1, -1)).contains("are one axis"));
}

#[test]
fn summation_convention() {
    let a = f32s(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let b = f32s(&[2, 2], &[5.0, 6.0, 7.0, 8.0]);
    let einsum =
        |equation: &'static str| of(&[a.clone(), b.clone()], move |x| x[0].graph().einsum(equation, x));
    assert_eq!(einsum("ij, jk -> ik"), [19.0, 22.0, 43.0, 50.0]);
    // Without an arrow in alphabetical order: c, then k.
    assert_eq!(einsum("kz,cz"), [17.0, 39.0, 23.0, 53.0]);
    assert_eq!(einsum("ij,ij"), [70.0]);
    assert_eq!(einsum("ii,jj->"), [65.0]);
    assert_eq!(einsum("...i,...i->..."), [17.0, 53.0]);
    let wrong = |equation: &'static str| mistake(move |graph, x| graph.einsum(equation, &[x]));
    assert!(wrong("ij,jk").contains("names 2 operands, 1 were given"));
    assert!(wrong("ijk->i").contains("\"ijk\" names 3 axes, [3, 5] was given"));
    assert!(wrong("ii->i").contains("sizes 3 and 5 of i differ"));
    assert!(wrong("ij->ik").contains("k of the result is in no operand"));
    assert!(wrong("ij->ii").contains("names an axis of the result twice"));
    let many = mistake(|graph, x| graph.einsum("ab,cd,ef,gh,ij->abcdefghij", &[x; 5]));
    assert!(many.contains("10 axes, at most 8"), "{many}");
    assert!(wrong("i1->i").contains("'1' in \"i1\" is no letter"));
}

#[test]
fn integers_round_shift_and_count() {
    let x = [i32s(&[3], &[-8, -1, i32::MIN]), i32s(&[3], &[1, 1, 1])];
    // bitshift_right_int32_negative_input, bitshift_left_int32_negative_shift
    assert_eq!(of(&x, |x| x[0].shift_right(x[1])), [-4.0, -1.0, -1_073_741_824.0]);
    let x = [i32s(&[3], &[-8, 4, -1]), i32s(&[3], &[-1, -32, -64])];
    assert_eq!(of(&x, |x| x[0].shift_left(x[1])), [0.0; 3]);
    assert_eq!(of(&x, |x| x[0].shift_right(x[1])), [-1.0, 0.0, -1.0]);
    // round
    let x = [f32s(&[6], &[0.5, 1.5, 2.5, -1.5, -2.5, 2.7])];
    assert_eq!(of(&x, |x| x[0].round()), [0.0, 2.0, 2.0, -2.0, -2.0, 3.0]);
    // mod_float32_mixed_sign_fmod_0, mod_mixed_sign_int64
    let x = [f32s(&[3], &[-4.5, 7.0, 8.0]), f32s(&[3], &[2.0, -3.0, 5.0])];
    assert_eq!(of(&x, |x| x[0].remainder(x[1])), [1.5, -2.0, 3.0]);
    assert_eq!(of(&x, |x| x[0].fmod(x[1])), [-0.5, 1.0, 3.0]);
    // Numbers take the dtype of the integers beside them.
    assert_eq!(of(&[i32s(&[2], &[5, -7])], |x| (x[0] * 2 + 1).maximum(-9)), [11.0, -9.0]);
    assert_eq!(of(&[i32s(&[3], &[i32::MAX, 1, -3])], |x| x[0].sum(&[0], false)), [2_147_483_645.0]);
}
