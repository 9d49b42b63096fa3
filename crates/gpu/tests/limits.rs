//! Shapes at the edges and values past an adapter's limits, on the software adapter (or
//! `ANYGRAD_ADAPTER`), beside the interpreter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType, Shape};
use anygrad_gpu::{Choice, Session};
use anygrad_graph::ops::{Activation, Adam, Conv, Pool, UpdateRule};
use anygrad_graph::{Fill, Graph, Tensor};
use anygrad_plan::{Action, Options};
use pollster::block_on;

fn open() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("these tests need an adapter")
}

/// Sizes and dtype of each input.
type Inputs = Vec<(&'static [usize], DType)>;
type Build = for<'g> fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>;

/// Results of an expression of filled inputs `x0`, `x1`, ..., and the gradients of the sum of all
/// float results; also the number of dispatches.
fn results(
    session: &Session,
    options: Options,
    inputs: &[(&[usize], DType)],
    build: Build,
) -> (Vec<Array>, usize) {
    let graph = Graph::new();
    let name = |i: usize| format!("x{i}");
    let x: Vec<_> =
        inputs.iter().enumerate().map(|(i, (sizes, dtype))| graph.input(&name(i), sizes, *dtype)).collect();
    let mut outputs = build(&x);
    graph.check().unwrap();
    let loss = outputs
        .iter()
        .filter(|y| y.dtype().is_float())
        .map(|y| y.cast(DType::F32).sum_all())
        .reduce(|a, b| a + b);
    let floats: Vec<_> = x.iter().copied().filter(|x| x.dtype().is_float()).collect();
    outputs.extend(graph.gradients(loss.unwrap(), &floats));
    let mut program = session.compile_with(&graph, &outputs, options).unwrap();
    for (i, (sizes, dtype)) in inputs.iter().enumerate() {
        let shape = Shape::new(sizes).unwrap();
        let fill = if dtype.is_float() { Fill::Uniform(-1.0, 1.0) } else { Fill::Below(3) };
        let numbers = fill.numbers(shape.elements(), i as u64 + 1);
        program.write(&name(i), &Array::from_f64(shape, *dtype, &numbers)).unwrap();
    }
    program.run().unwrap();
    let results = (0..outputs.len()).map(|i| block_on(program.read(i)).unwrap()).collect();
    (results, program.plan().map_or(0, |plan| plan.dispatches()))
}

fn agree(name: &str, got: &[Array], want: &[Array], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!((got.shape(), got.dtype()), (want.shape(), want.dtype()), "{name}, result {i}");
        for (at, (got, want)) in got.to_f64().iter().zip(want.to_f64()).enumerate() {
            let near = (got - want).abs() <= tolerance * (1.0 + want.abs());
            assert!(near || got.is_nan() && want.is_nan(), "{name}, result {i}[{at}]: {got}, wanted {want}");
        }
    }
}

const F32: DType = DType::F32;

/// Expressions with an axis of size 0, and what they are built from.
fn of_nothing() -> Vec<(&'static str, Inputs, Build)> {
    let f32 = |sizes: &'static [usize]| (sizes, F32);
    vec![
        ("pointwise", vec![f32(&[0, 3]), f32(&[3])], |x| vec![x[0] * x[1] + 1.0, x[0].gt(x[1])]),
        ("half", vec![(&[0, 3], DType::F16), (&[3], DType::F16)], |x| vec![x[0] * x[1] + 1.0]),
        ("matmul without rows", vec![f32(&[0, 4]), f32(&[4, 5])], |x| vec![x[0].matmul(x[1])]),
        ("matmul without terms", vec![f32(&[2, 0]), f32(&[0, 5])], |x| vec![x[0].matmul(x[1])]),
        ("matmul without columns", vec![f32(&[2, 3]), f32(&[3, 0])], |x| vec![x[0].matmul(x[1])]),
        ("matmul without batch", vec![f32(&[0, 2, 3]), f32(&[3, 4])], |x| vec![x[0].matmul(x[1])]),
        ("sums", vec![f32(&[3, 0, 4])], |x| {
            vec![x[0].sum(&[1], false), x[0].sum(&[0], true), x[0].sum_all(), x[0].prod(&[1], false)]
        }),
        ("maximum of no rows", vec![f32(&[0, 4])], |x| vec![x[0].max(&[1], false), x[0].min(&[1], true)]),
        ("softmax", vec![f32(&[3, 0]), f32(&[0, 3])], |x| {
            vec![x[0].softmax(-1), x[1].softmax(-1), x[1].log_softmax(0)]
        }),
        ("concat", vec![f32(&[2, 0]), f32(&[2, 3]), f32(&[2, 0])], |x| {
            let graph = x[0].graph();
            vec![graph.concat(x, 1), graph.concat(&[x[0], x[2]], 1), x[1].split(1, &[0, 3])[0]]
        }),
        ("gather", vec![f32(&[5, 3]), (&[0], DType::I32), f32(&[4, 0])], |x| {
            vec![x[0].gather(0, x[1]), x[2].gather(0, x[1]), x[0].index_add(0, x[1], x[0].gather(0, x[1]))]
        }),
        ("views", vec![f32(&[2, 0, 3])], |x| {
            vec![
                x[0].permute(&[2, 0, 1]),
                x[0].reshape(&[0, 7]),
                x[0].slice(2, 0..3, -2),
                x[0].pad(&[(1, 0), (0, 0), (0, 2)], 3.0),
            ]
        }),
        ("padded from nothing", vec![f32(&[2, 0])], |x| {
            vec![x[0].pad(&[(0, 0), (1, 2)], 3.0), x[0].tile(&[2, 3])]
        }),
        ("convolution without batch", vec![f32(&[0, 3, 5, 5]), f32(&[4, 3, 3, 3])], |x| {
            vec![x[0].conv2d(x[1], Conv::default())]
        }),
        ("pools without batch", vec![f32(&[0, 3, 4, 4])], |x| {
            let pool = Pool::new([2, 2]);
            vec![x[0].max_pool2d(pool), x[0].avg_pool2d(pool, false)]
        }),
        ("argmax of no rows", vec![f32(&[0, 4])], |x| vec![x[0].argmax(1), x[0].sum(&[1], false)]),
        ("cross-entropy parts", vec![f32(&[0, 4]), (&[0], DType::I32)], |x| {
            vec![(x[0].log_softmax(-1) * x[1].one_hot(4)).sum(&[1], false), x[0].logsumexp(&[1], false)]
        }),
    ]
}

#[test]
fn axes_of_size_zero_give_what_they_should() {
    let (device, interpreter) = (open(), Session::interpreter());
    for (name, inputs, build) in of_nothing() {
        let (want, _) = results(&interpreter, Options::default(), &inputs, build);
        for fuse in [true, false] {
            let (got, _) = results(&device, Options { fuse, ..Options::default() }, &inputs, build);
            agree(name, &got, &want, 0.0);
        }
    }
}

#[test]
fn the_sum_of_nothing_is_zero_and_its_maximum_a_mistake() {
    for session in [open(), Session::interpreter()] {
        let (got, _) = results(&session, Options::default(), &[(&[2, 0], F32)], |x| {
            vec![x[0].sum(&[1], false), x[0].prod(&[1], false), x[0].sum_all()]
        });
        assert_eq!(got[0].to_f64(), [0.0, 0.0]);
        assert_eq!(got[1].to_f64(), [1.0, 1.0]);
        assert_eq!(got[2].to_f64(), [0.0]);
    }
    let graph = Graph::new();
    graph.input("x", &[2, 0], F32).max(&[1], false);
    let error = graph.check().unwrap_err();
    assert!(
        error.is_shape() && error.to_string().contains("[2, 0] has no element to choose from"),
        "{error}"
    );
}

#[test]
fn optimizers_and_recurrent_layers_take_nothing() {
    for session in [open(), Session::interpreter()] {
        let graph = Graph::new();
        let [w, m, v] = ["w", "m", "v"].map(|name| graph.state(name, &[0, 3]));
        let next = Adam::default().update(w, w, &[m, v], graph.scalar(0.1), graph.scalar(1.0));
        for (state, next) in [w, m, v].into_iter().zip(next) {
            graph.update(state, next);
        }
        // No sequences.
        let x = graph.input("x", &[0, 5, 2], F32);
        let (kernel, recurrent) = (graph.input("k", &[2, 4], F32), graph.input("r", &[4, 4], F32));
        let (hidden, _) = x.rnn(kernel, recurrent, None, None, Activation::Tanh);
        let slope = graph.gradients(hidden.sum_all(), &[kernel])[0];
        let mut program = session.compile(&graph, &[hidden, slope]).unwrap();
        program.write("x", &Array::zeros(Shape::new(&[0, 5, 2]).unwrap(), F32)).unwrap();
        program.write("k", &Array::zeros(Shape::new(&[2, 4]).unwrap(), F32)).unwrap();
        program.write("r", &Array::zeros(Shape::new(&[4, 4]).unwrap(), F32)).unwrap();
        program.run().unwrap();
        assert_eq!(block_on(program.read(0)).unwrap().shape(), hidden.shape());
        assert_eq!(block_on(program.read(1)).unwrap().to_f64(), [0.0; 8]);
    }
}

#[test]
fn eight_axes_are_transposed_and_broadcast() {
    let inputs: [(&[usize], DType); 2] = [(&[2, 1, 3, 1, 2, 3, 1, 2], F32), (&[1, 2, 1, 2, 2, 1, 2, 1], F32)];
    let build: Build = |x| {
        let turned = x[0].permute(&[7, 1, 5, 3, 4, 2, 6, 0]);
        let sum = turned * x[1] + x[0].slice(5, 0..1, 1);
        vec![sum, sum.sum(&[0, 2, 5, 7], false), sum.flip(&[0, 7]).max(&[4], true)]
    };
    let (want, _) = results(&Session::interpreter(), Options::default(), &inputs, build);
    let (got, _) = results(&open(), Options::default(), &inputs, build);
    agree("rank 8", &got, &want, 1e-5);
}

/// With bindings of 16 KiB, in place of the hundreds of megabytes of real adapters.
#[test]
fn large_values_are_computed_range_by_range() {
    let session = open();
    let small = Options { max_binding_bytes: 16 << 10, ..Options::default() };
    let cases: Vec<(&str, Inputs, Build, f64)> = vec![
        (
            "chain",
            vec![(&[10_001], F32), (&[10_001], F32)],
            |x| vec![(x[0] * 2.0 + x[1]).relu(), x[0].gt(x[1])],
            0.0,
        ),
        (
            "halves",
            vec![(&[20_003], DType::F16)],
            |x| vec![(x[0] * 2.0 + 1.0).square(), x[0].identity()],
            0.0,
        ),
        (
            "halves and f32",
            vec![(&[20_003], DType::F16), (&[20_003], F32)],
            |x| vec![x[0] * x[1], x[1].cast(DType::BF16)],
            0.0,
        ),
        (
            "rows and columns",
            vec![(&[300, 70], F32), (&[70], F32), (&[300, 1], F32)],
            |x| vec![x[0] * x[1] + x[2]],
            1e-5,
        ),
        (
            "reshaped and cut",
            vec![(&[400, 64], F32)],
            |x| vec![x[0].reshape(&[64, 400]) + 1.0, x[0].narrow(0, 64..320) * 2.0],
            0.0,
        ),
        ("softmax", vec![(&[777, 33], F32)], |x| vec![x[0].softmax(-1), x[0].log_softmax(-1)], 2e-6),
        (
            "reductions",
            vec![(&[777, 32], F32), (&[40, 21, 64], F32)],
            |x| vec![x[0].sum(&[1], false), x[0].max(&[-1], true), x[1].sum(&[1], false)],
            2e-6,
        ),
        (
            "matmul of halves",
            vec![(&[600, 32], DType::F16), (&[32, 64], DType::F16)],
            |x| vec![x[0].matmul(x[1])],
            0.0,
        ),
        (
            "a small value in the memory of a large one",
            vec![(&[777, 32], F32)],
            |x| vec![((x[0] * 2.0).softmax(-1).max(&[1], false) + 1.0).sum_all()],
            2e-6,
        ),
        (
            "moved rows",
            vec![(&[700, 16], F32), (&[700, 4], F32), (&[1500], DType::I32)],
            |x| {
                let joined = x[0].graph().concat(&[x[0], x[1]], 1);
                let parts = joined.split(1, &[8, 12]);
                let table = x[1].narrow(0, 0..64) * 1.0;
                vec![joined, parts[0], parts[1], table.gather(0, x[2]), x[0].pad(&[(0, 0), (4, 12)], 2.0)]
            },
            0.0,
        ),
        (
            "convolution",
            vec![(&[9, 3, 16, 16], F32), (&[4, 3, 3, 3], F32)],
            |x| {
                let padded = Conv { padding: [[1, 1]; 2], ..Conv::default() };
                vec![x[0].conv2d(x[1], padded), x[0].conv2d(x[1].narrow(0, 0..2), padded).square()]
            },
            1e-5,
        ),
        (
            "pools",
            vec![(&[9, 3, 16, 16], F32)],
            |x| {
                let pool = Pool::new([2, 2]);
                let maxima = x[0].max_pool2d(pool);
                let slope =
                    x[0].graph().gradients(maxima.square().sum(&[1, 2, 3], false).sum_all(), &[x[0]])[0];
                vec![maxima, x[0].avg_pool2d(pool, true), slope]
            },
            1e-5,
        ),
        ("matmul", vec![(&[500, 31], F32), (&[31, 40], F32)], |x| vec![x[0].matmul(x[1])], 1e-5),
        ("matmul in vectors", vec![(&[600, 32], F32), (&[32, 64], F32)], |x| vec![x[0].matmul(x[1])], 1e-5),
        (
            "matmul in batches",
            vec![(&[128, 4, 12], F32), (&[128, 12, 8], F32)],
            |x| vec![x[0].matmul(x[1])],
            1e-5,
        ),
    ];
    for (name, inputs, build, tolerance) in cases {
        // Gradients of the whole sum a matrix product over all rows, which is not cut.
        let forward = |options: Options| {
            let graph = Graph::new();
            let x: Vec<_> = inputs
                .iter()
                .enumerate()
                .map(|(i, (sizes, dtype))| graph.input(&format!("x{i}"), sizes, *dtype))
                .collect();
            let outputs = build(&x);
            let mut program = session.compile_with(&graph, &outputs, options).unwrap();
            for (i, (sizes, dtype)) in inputs.iter().enumerate() {
                let shape = Shape::new(sizes).unwrap();
                let numbers = Fill::Uniform(-1.0, 1.0).numbers(shape.elements(), i as u64 + 1);
                program.write(&format!("x{i}"), &Array::from_f64(shape, *dtype, &numbers)).unwrap();
            }
            program.run().unwrap();
            let results: Vec<_> = (0..outputs.len()).map(|i| block_on(program.read(i)).unwrap()).collect();
            let actions = program.plan().unwrap().steps.iter().flat_map(|step| &step.actions);
            let is_cut = |action: &Action| match action {
                Action::Dispatch { windows, .. } => windows.iter().any(Option::is_some),
                _ => false,
            };
            let cut = actions.filter(|action| is_cut(action)).count();
            (results, cut)
        };
        let (want, whole) = forward(Options::default());
        let (got, cut) = forward(small);
        assert!(whole == 0 && cut > 1, "{name}: {whole} and {cut} dispatches show parts");
        agree(name, &got, &want, tolerance);
    }
}

#[test]
fn large_state_is_updated_in_place_range_by_range() {
    let session = open();
    for dtype in [F32, DType::F16] {
        let name = format!("w {dtype}");
        let graph = Graph::new();
        let w = graph.state_of(&name, &[30_001], dtype);
        graph.update(w, w * 0.5 + 1.0);
        let options = Options { max_binding_bytes: 16 << 10, ..Options::default() };
        let mut program = session.compile_with(&graph, &[], options).unwrap();
        assert_eq!(program.plan().unwrap().memory().working, 0, "{}", program.plan().unwrap());
        program.run().unwrap();
        program.run().unwrap();
        assert_eq!(block_on(session.read_state(&name)).unwrap().to_f64(), vec![1.5; 30_001]);
    }
}

#[test]
fn more_workgroups_than_one_dimension_takes() {
    let session = open();
    let count = 65_536 * 64 + 5;
    let graph = Graph::new();
    let x = graph.input("x", &[2, count], F32);
    let mut program = session.compile(&graph, &[x.sum(&[0], false)]).unwrap();
    let groups = program
        .plan()
        .unwrap()
        .steps
        .iter()
        .flat_map(|step| &step.actions)
        .any(|action| matches!(action, Action::Dispatch { workgroups: [_, down, _], .. } if *down > 1));
    assert!(groups, "{}", program.plan().unwrap());
    let numbers: Vec<f32> = (0..2 * count).map(|i| (i % 1009) as f32).collect();
    program.write("x", &Array::f32(&[2, count], numbers.clone()).unwrap()).unwrap();
    program.run().unwrap();
    let got = block_on(program.read(0)).unwrap();
    let wrong =
        got.as_f32().unwrap().iter().enumerate().find(|(i, y)| **y != numbers[*i] + numbers[count + i]);
    assert_eq!(wrong, None);
}

#[test]
fn large_state_is_updated_by_an_optimizer_range_by_range() {
    let steps = |name: &str, max_binding_bytes: u64| {
        let session = open();
        let graph = Graph::new();
        let names = ["w", "m", "v"].map(|state| format!("{state} {name}"));
        let [w, m, v] = [0, 1, 2].map(|i| graph.state(&names[i], &[3001, 5]));
        let slope = graph.input("slope", &[3001, 5], F32);
        let next = Adam::default().update(w, slope, &[m, v], graph.scalar(0.1), graph.scalar(1.0));
        for (state, next) in [w, m, v].into_iter().zip(next) {
            graph.update(state, next);
        }
        let options = Options { max_binding_bytes, ..Options::default() };
        let mut program = session.compile_with(&graph, &[], options).unwrap();
        let numbers: Vec<f32> = (0..15_005).map(|i| (i % 101) as f32 - 50.0).collect();
        program.write("slope", &Array::f32(&[3001, 5], numbers).unwrap()).unwrap();
        program.run().unwrap();
        program.run().unwrap();
        let plan = program.plan().unwrap();
        // The binding of the state that this rule does not have.
        assert_eq!(plan.memory().working, 16, "{plan}");
        (names.map(|name| block_on(session.read_state(&name)).unwrap()), plan.dispatches())
    };
    let (want, one) = steps("whole", u64::MAX);
    let (got, many) = steps("cut", 16 << 10);
    assert_eq!((one, many), (1, 4));
    assert_eq!(got, want);
}
