//! Pooling and its gradients on shapes of small CNNs, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad::graph::ops::Pool;
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

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
            let mut program = filled(&session, &graph, &[output], 1.0);
            time(&mut group, part, &session, &mut program);
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pool
}
criterion_main!(benches);
