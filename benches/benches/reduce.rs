//! Reductions over rows, columns and everything, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad_benches::{session, time_result};
use criterion::{Criterion, criterion_group, criterion_main};

fn reduce(criterion: &mut Criterion) {
    let session = session();
    for (name, sizes, axes) in [
        ("sum of 16M", &[1 << 24][..], &[0][..]),
        ("sum of 16M less 1", &[(1 << 24) - 1], &[0]),
        ("sum of rows 4096x1024", &[4096, 1024], &[1]),
        ("sum of rows 4096x1023", &[4096, 1023], &[1]),
        ("sum of rows 100000x10", &[100_000, 10], &[1]),
        ("sum of columns 4096x1024", &[4096, 1024], &[0]),
        ("sum of columns 8192x64", &[8192, 64], &[0]),
        ("sum per channel 32x64x28x28", &[32, 64, 28, 28], &[0, 2, 3]),
    ] {
        let graph = Graph::new();
        let sum = graph.input("x", sizes, DType::F32).sum(axes, false);
        time_result(criterion, &session, "reduce", name, &graph, sum);
    }
    let graph = Graph::new();
    let best = graph.input("x", &[100_000, 10], DType::F32).argmax(1);
    time_result(criterion, &session, "reduce", "argmax of rows 100000x10", &graph, best);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = reduce
}
criterion_main!(benches);
