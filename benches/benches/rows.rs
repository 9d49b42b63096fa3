//! Softmax and norms of rows with their gradients, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

use anygrad::core::DType;
use anygrad::graph::{Graph, Tensor};
use anygrad_benches::{session, time_result};
use criterion::{Criterion, criterion_group, criterion_main};

/// y: [rows, columns] from x of the same shape
type Rows = for<'g> fn(Tensor<'g>) -> Tensor<'g>;

const FUNCTIONS: [(&str, Rows); 4] = [
    ("softmax", |x| x.softmax(-1)),
    ("log_softmax", |x| x.log_softmax(-1)),
    ("layer_norm", |x| x.layer_norm(1, None, None, 1e-5)),
    ("rms_norm", |x| x.rms_norm(1, None, 1e-5)),
];

fn rows(criterion: &mut Criterion) {
    let session = session();
    for (rows, columns) in [(4096, 1024), (4096, 1023), (16_384, 128), (100_000, 10)] {
        for (name, function) in FUNCTIONS {
            let group = format!("{name} {rows}x{columns}");
            let graph = Graph::new();
            let x = graph.input("x", &[rows, columns], DType::F32);
            time_result(criterion, &session, &group, "forward", &graph, function(x));
            let dy = graph.input("dy", &[rows, columns], DType::F32);
            let gradient = graph.gradients((function(x) * dy).sum_all(), &[x])[0];
            time_result(criterion, &session, &group, "with gradient", &graph, gradient);
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = rows
}
criterion_main!(benches);
