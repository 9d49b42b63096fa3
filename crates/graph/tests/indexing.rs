//! Slices, pads, gathers and their like against numbers worked out by hand.

use anygrad_graph::core::{Array, DType};
use anygrad_graph::{Graph, Interpreter, Precision, Tensor};

/// The numbers 0, 1, 2, ... in this shape, through an expression.
fn of_counts(sizes: &[usize], build: impl for<'g> Fn(Tensor<'g>) -> Tensor<'g>) -> Vec<f64> {
    let count = sizes.iter().product::<usize>();
    let numbers: Vec<f32> = (0..count).map(|i| i as f32).collect();
    of(&[Array::f32(sizes, numbers).expect("a valid program")], |x| build(x[0]))
}

fn of(arrays: &[Array], build: impl for<'g> Fn(&[Tensor<'g>]) -> Tensor<'g>) -> Vec<f64> {
    let graph = Graph::new();
    let mut cpu = Interpreter::new(Precision::F32);
    let mut inputs = Vec::new();
    for (i, array) in arrays.iter().enumerate() {
        cpu.write(&format!("x{i}"), array);
        inputs.push(graph.input(&format!("x{i}"), &array.shape(), array.dtype()));
    }
    cpu.run(&graph, &[build(&inputs)]).expect("a valid program")[0].to_f64()
}

fn mistake(build: impl for<'g> Fn(&'g Graph, Tensor<'g>) -> Tensor<'g>) -> String {
    let graph = Graph::new();
    build(&graph, graph.input("x", &[3, 5], DType::F32));
    let error = graph.check().expect_err("a mistake");
    assert!(error.is_shape(), "{error}");
    error.to_string()
}

#[test]
fn slices_follow_python() {
    // x[1:9:2] and x[7:2:-2]
    assert_eq!(of_counts(&[11], |x| x.slice(0, 1..9, 2)), [1.0, 3.0, 5.0, 7.0]);
    assert_eq!(of_counts(&[11], |x| x.slice(0, 3..8, -2)), [7.0, 5.0, 3.0]);
    assert_eq!(of_counts(&[2, 3], |x| x.at(-1, 2)), [2.0, 5.0]);
    assert_eq!(of_counts(&[2, 3], |x| x.flip(&[0, 1])), [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]);
    assert!(mistake(|_, x| x.narrow(1, 2..6)).contains("2..6 by 1 does not lie in axis 1 of [3, 5]"));
    assert!(mistake(|_, x| x.slice(0, 0..2, 0)).contains("by 0"));
}

#[test]
fn pads_stand_outside_and_between() {
    assert_eq!(of_counts(&[2], |x| x.pad(&[(2, 1)], 9.0)), [9.0, 9.0, 0.0, 1.0, 9.0]);
    assert_eq!(of_counts(&[3], |x| x.pad_between(0, 1, 3, 0)), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 2.0]);
    assert_eq!(of_counts(&[0], |x| x.pad_between(0, 1, 3, 1)), [0.0, 0.0]);
    assert!(mistake(|_, x| x.pad(&[(1, 1)], 0.0)).contains("each axis of [3, 5]"));
}

#[test]
fn parts_come_together_and_apart() {
    let x = of_counts(&[2, 2], |x| x.graph().concat(&[x, x.narrow(1, 0..1)], 1));
    assert_eq!(x, [0.0, 1.0, 0.0, 2.0, 3.0, 2.0]);
    assert_eq!(of_counts(&[2, 3], |x| x.split(1, &[2, 1])[1]), [2.0, 5.0]);
    assert_eq!(of_counts(&[2], |x| x.graph().stack(&[x, x + 2.0], 1)), [0.0, 2.0, 1.0, 3.0]);
    assert_eq!(of_counts(&[4], |x| x.roll(0, 1)), [3.0, 0.0, 1.0, 2.0]);
    assert_eq!(of_counts(&[2], |x| x.tile(&[2])), [0.0, 1.0, 0.0, 1.0]);
    assert!(mistake(|graph, x| graph.concat(&[x, x.t()], 0)).contains("does not stand behind"));
    assert!(mistake(|graph, _| graph.concat(&[], 0)).contains("no tensor"));
    assert!(mistake(|_, x| x.split(1, &[2, 2])[1]).contains("[2, 2] are not the parts of axis 1 of [3, 5]"));
}

#[test]
fn indices_pick_and_add_up() {
    let i32s = |sizes: &[usize], numbers: &[i32]| Array::i32(sizes, numbers.to_vec()).unwrap();
    let table = Array::f32(&[3, 2], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    let rows = of(&[table.clone(), i32s(&[4], &[2, 0, 3, -1])], |x| x[0].embedding(x[1]));
    assert_eq!(rows, [4.0, 5.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    let picked = of(&[table.clone(), i32s(&[3, 1], &[1, 0, 1])], |x| x[0].gather_elements(1, x[1]));
    assert_eq!(picked, [1.0, 2.0, 5.0]);
    let sums = of(&[table.clone(), i32s(&[3], &[1, 1, 9])], |x| x[0].segment_sum(x[1], 2));
    assert_eq!(sums, [0.0, 0.0, 2.0, 4.0]);
    let added = of(&[table, i32s(&[2], &[1, 1])], |x| x[0].index_add(1, x[1], x[0] + 1.0));
    assert_eq!(added, [0.0, 4.0, 2.0, 10.0, 4.0, 16.0]);
    let hot = of(&[i32s(&[3], &[1, 0, 2])], |x| x[0].one_hot(2));
    assert_eq!(hot, [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    assert!(mistake(|_, x| x.gather(0, x)).contains("indices are i32"));
}
