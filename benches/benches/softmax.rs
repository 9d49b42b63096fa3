//! Softmax and its gradient, on the software adapter or the one that `ANYGRAD_ADAPTER` names.
//! Throughput is in elements of the input.

use anygrad::core::{Array, DType};
use anygrad::gpu::{Choice, Session};
use anygrad::graph::{Fill, Graph, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

/// Times one result of a graph. The inputs hold numbers in [-1, 1).
fn run(
    criterion: &mut Criterion,
    session: &Session,
    group: &str,
    name: &str,
    graph: &Graph,
    output: Tensor<'_>,
) {
    let mut program = session.compile(graph, &[output]).expect("the graph is valid");
    let mut elements = 0;
    for (seed, (input, id)) in graph.named_values().into_iter().enumerate() {
        let meta = graph.meta(id);
        let numbers = Fill::Uniform(-1.0, 1.0).numbers(meta.shape.elements(), seed as u64);
        program.write(&input, &Array::from_f64(meta.shape, meta.dtype, &numbers)).expect("the shapes fit");
        elements = elements.max(meta.shape.elements());
    }
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(elements as u64));
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            program.run().expect("the device works");
            session.wait().expect("the device works");
        });
    });
    group.finish();
}

fn softmax(criterion: &mut Criterion) {
    let session = session();
    for (rows, columns) in [(4096, 1024), (4096, 1023), (16_384, 128), (100_000, 10)] {
        let group = format!("softmax {rows}x{columns}");
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        run(criterion, &session, &group, "softmax", &graph, x.softmax(-1));
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        run(criterion, &session, &group, "log_softmax", &graph, x.log_softmax(-1));
        let graph = Graph::new();
        let x = graph.input("x", &[rows, columns], DType::F32);
        let dy = graph.input("dy", &[rows, columns], DType::F32);
        let loss = (x.softmax(-1) * dy).sum_all();
        run(criterion, &session, &group, "with gradient", &graph, graph.gradients(loss, &[x])[0]);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = softmax
}
criterion_main!(benches);
