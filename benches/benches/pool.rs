//! Pooling and its gradients on shapes of small CNNs, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

use anygrad::core::{Array, DType, Shape};
use anygrad::gpu::{Choice, Session};
use anygrad::graph::ops::Pool;
use anygrad::graph::{Fill, Graph};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

fn filled(shape: Shape, seed: u64) -> Array {
    Array::from_f64(shape, DType::F32, &Fill::Uniform(-1.0, 1.0).numbers(shape.elements(), seed))
}

fn pool(criterion: &mut Criterion) {
    let session = session();
    let overlap = Pool { stride: [2; 2], padding: [[1; 2]; 2], ..Pool::new([3, 3]) };
    for (name, sizes, pool) in [
        ("2x2", [32, 32, 28, 28], Pool::new([2, 2])),
        ("2x2 mnist 1", [64, 32, 26, 26], Pool::new([2, 2])),
        ("2x2 mnist 2", [64, 64, 11, 11], Pool::new([2, 2])),
        ("3x3 stride 2", [8, 32, 56, 56], overlap),
    ] {
        let mut group = criterion.benchmark_group(format!("pool {name}"));
        group.throughput(Throughput::Elements(sizes.iter().product::<usize>() as u64));
        for part in ["max", "max gradient", "mean", "mean gradient"] {
            let graph = Graph::new();
            let x = graph.input("x", &sizes, DType::F32);
            let y = if part.starts_with("max") { x.max_pool2d(pool) } else { x.avg_pool2d(pool, false) };
            let dy = graph.input("dy", &y.shape(), DType::F32);
            let output =
                if part.ends_with("gradient") { graph.gradients((y * dy).sum_all(), &[x])[0] } else { y };
            let mut program = session.compile(&graph, &[output]).expect("the graph is valid");
            program.write("x", &filled(sizes_of(&sizes), 1)).expect("the shapes fit");
            program.write("dy", &filled(y.shape(), 2)).expect("the shapes fit");
            group.bench_function(part, |bencher| {
                bencher.iter(|| {
                    program.run().expect("the device works");
                    session.wait().expect("the device works");
                });
            });
        }
        group.finish();
    }
}

fn sizes_of(sizes: &[usize]) -> Shape {
    Shape::new(sizes).expect("four axes")
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pool
}
criterion_main!(benches);
