//! Softmax and its gradient, on the software adapter or the one that `ANYGRAD_ADAPTER` names.
//! Throughput is in elements of the input.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad_benches::{session, time_result};
use criterion::{Criterion, criterion_group, criterion_main};

fn softmax(criterion: &mut Criterion) {
    let session = session();
    for (rows, columns) in [(4096, 1024), (4096, 1023), (16_384, 128), (100_000, 10)] {
        let group = format!("softmax {rows}x{columns}");
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        time_result(criterion, &session, &group, "softmax", &graph, x.softmax(-1));
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        time_result(criterion, &session, &group, "log_softmax", &graph, x.log_softmax(-1));
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        let dy = graph.input("dy", &[rows, columns], DType::F32);
        let loss = (x.softmax(-1) * dy).sum_all();
        time_result(criterion, &session, &group, "with gradient", &graph, graph.gradients(loss, &[x])[0]);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = softmax
}
criterion_main!(benches);
