//! Chains of pointwise functions, and copies through views, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad_benches::{session, time_result};
use criterion::{Criterion, criterion_group, criterion_main};

fn pointwise(criterion: &mut Criterion) {
    let session = session();
    let graph = Graph::new();
    let x = graph.input("x", &[1 << 24], DType::F32);
    let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| graph.input(name, &[], DType::F32));
    let square = graph.input("square", &[4096, 4096], DType::F32);
    let row = graph.input("row", &[4096], DType::F32);
    for (name, result) in [
        ("relu(a x + b) c + d", (x * a + b).relu() * c + d),
        ("exp", x.exp()),
        ("tanh", x.tanh()),
        ("x + row", square + row),
        ("x + column", square + row.reshape(&[4096, 1])),
        ("transpose", square.t() * 2.0),
        ("to f16", x.cast(DType::F16)),
    ] {
        time_result(criterion, &session, "pointwise 16M", name, &graph, result);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = pointwise
}
criterion_main!(benches);
