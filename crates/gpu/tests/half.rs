//! 16-bit floats on the software adapter (or `ANYGRAD_ADAPTER`): conversions bit by bit, and rounding
//! at the same places as on the interpreter.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType, Shape};
use anygrad_gpu::{Choice, Session};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::Options;
use pollster::block_on;

const HALVES: [DType; 2] = [DType::F16, DType::BF16];

fn open() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("these tests need an adapter")
}

type Build = for<'g> fn(&[Tensor<'g>]) -> Vec<Tensor<'g>>;

/// The results of an expression of these inputs.
fn results(session: &Session, options: Options, inputs: &[Array], build: Build) -> Vec<Array> {
    let graph = Graph::new();
    let name = |i: usize| format!("x{i}");
    let x: Vec<_> =
        inputs.iter().enumerate().map(|(i, x)| graph.input(&name(i), &x.shape(), x.dtype())).collect();
    let outputs = build(&x);
    let mut program = session.compile_with(&graph, &outputs, options).unwrap();
    for (i, array) in inputs.iter().enumerate() {
        program.write(&name(i), array).unwrap();
    }
    program.run().unwrap();
    (0..outputs.len()).map(|i| block_on(program.read(i)).unwrap()).collect()
}

/// The bits of each element; one pattern for every NaN.
fn bits(array: &Array) -> Vec<u32> {
    let step = array.dtype().size();
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte));
    let elements = array.bytes().chunks(step).map(number);
    elements.zip(array.to_f64()).map(|(bits, value)| if value.is_nan() { u32::MAX } else { bits }).collect()
}

#[test]
fn every_half_becomes_the_same_f32() {
    let session = open();
    for dtype in HALVES {
        let every: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        let every = Array::from_bytes(Shape::new(&[1 << 16]).unwrap(), dtype, &every).unwrap();
        let wide = results(&session, Options::default(), std::slice::from_ref(&every), |x| {
            vec![x[0].cast(DType::F32), x[0].identity()]
        });
        let want = Array::from_f64(every.shape(), DType::F32, &every.to_f64());
        assert_eq!(bits(&wide[0]), bits(&want), "{dtype}");
        assert_eq!(wide[1].bytes(), every.bytes(), "{dtype}: a copy keeps every bit");
    }
}

#[test]
fn numbers_are_rounded_to_the_nearest_half() {
    let session = open();
    for dtype in HALVES {
        // Every half in the normal range of f32, what lies between it and the next one, and one step
        // of f32 on either side of the middle; the largest numbers and infinity.
        let mut words: Vec<u32> = Vec::new();
        for half in 0..=u16::MAX {
            let bytes = half.to_le_bytes();
            let value = Array::from_bytes(Shape::SCALAR, dtype, &bytes).unwrap().to_f64()[0] as f32;
            let middle = match dtype {
                DType::F16 if value.abs() < 6.2e-5 => (value + value.signum() * 2.98e-8).to_bits(),
                DType::F16 => value.to_bits() + (1 << 12),
                _ => value.to_bits() + (1 << 15),
            };
            words.extend([value.to_bits(), middle - 1, middle, middle + 1]);
        }
        // Adapters may flush subnormal numbers of f32.
        words.retain(|&word| f32::from_bits(word).is_normal() || word << 1 == 0);
        words.extend(
            [65_504.0f32, 65_519.99, 65_520.0, 1e9, f32::MAX, f32::INFINITY, -f32::MAX].map(f32::to_bits),
        );
        let numbers: Vec<f32> = words.iter().map(|&word| f32::from_bits(word)).collect();
        let numbers = Array::f32(&[numbers.len()], numbers).unwrap();
        let want = Array::from_f64(numbers.shape(), dtype, &numbers.to_f64());
        let build: Build = match dtype {
            DType::F16 => |x| vec![x[0].cast(DType::F16)],
            _ => |x| vec![x[0].cast(DType::BF16)],
        };
        let got = &results(&session, Options::default(), std::slice::from_ref(&numbers), build)[0];
        let wrong: Vec<_> = bits(got)
            .into_iter()
            .zip(bits(&want))
            .zip(numbers.as_f32().unwrap())
            .filter(|((got, want), _)| got != want)
            .take(5)
            .collect();
        assert!(wrong.is_empty(), "{dtype}: {wrong:x?}");
    }
}

/// Sums, products and maxima of few terms are the same on both engines: then so is the rounding.
#[test]
fn both_engines_round_at_the_same_places() {
    let build: Build = |x| {
        let chain = (x[0] * 3.0 + x[1]) * x[0] - 0.3;
        let turned = x[0].t() * x[1].reshape(&[5, 1]).slice(0, 0..5, -1);
        vec![
            chain,
            turned,
            chain.relu() + x[0],
            x[0].maximum(x[1]),
            x[0].sum(&[0], false),
            x[0].cast(DType::F32),
        ]
    };
    for dtype in HALVES {
        let numbers = |count: usize, seed: usize| -> Vec<f64> {
            (0..count).map(|i| ((i * 7919 + seed * 104_729) % 2003) as f64 / 577.0 - 1.6).collect()
        };
        let inputs = [
            Array::from_f64(Shape::new(&[3, 5]).unwrap(), dtype, &numbers(15, 1)),
            Array::from_f64(Shape::new(&[5]).unwrap(), dtype, &numbers(5, 2)),
        ];
        let want = results(&Session::interpreter(), Options::default(), &inputs, build);
        for fuse in [true, false] {
            let got = results(&open(), Options { fuse, ..Options::default() }, &inputs, build);
            for (i, (got, want)) in got.iter().zip(&want).enumerate() {
                assert_eq!(got, want, "{dtype}, fused: {fuse}, result {i}");
            }
        }
    }
}

#[test]
fn a_chain_reads_and_writes_packed_halves() {
    let session = open();
    let graph = Graph::new();
    let x = graph.input("x", &[1000], DType::F16);
    let program = session.compile(&graph, &[(x * 2.0 + 1.0).tanh() + x]).unwrap();
    let plan = program.plan().unwrap();
    assert_eq!(plan.dispatches(), 1, "{plan}");
    assert_eq!((plan.memory().inputs, plan.memory().working), (2000, 2000), "{plan}");
}

#[test]
fn halves_are_state_that_optimizers_update() {
    use anygrad_graph::ops::{Sgd, UpdateRule};
    for session in [open(), Session::interpreter()] {
        let graph = Graph::new();
        let w = graph.state_of("w", &[3], DType::F16);
        let x = graph.input("x", &[3], DType::F16);
        let loss = (w * x).square().sum_all();
        let slope = graph.gradients(loss, &[w])[0];
        assert_eq!((loss.dtype(), slope.dtype()), (DType::F16, DType::F16));
        let next = Sgd::default().update(w, slope, &[], graph.scalar(0.5), graph.scalar(1.0));
        graph.update(w, next[0]);
        let mut program = session.compile(&graph, &[loss]).unwrap();
        let half = |numbers: &[f64]| Array::from_f64(Shape::new(&[3]).unwrap(), DType::F16, numbers);
        session.write_state("w", &half(&[1.0, 2.0, -1.0])).unwrap();
        program.write("x", &half(&[0.5, 0.25, 1.0])).unwrap();
        program.run().unwrap();
        assert_eq!(block_on(program.read(0)).unwrap(), Array::from_f64(Shape::SCALAR, DType::F16, &[1.5]));
        // w - 0.5 * 2 w x^2
        assert_eq!(block_on(session.read_state("w")).unwrap(), half(&[0.75, 1.875, 0.0]));
    }
}
