//! Reductions over rows, columns and everything, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the input.

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
        run(criterion, &session, "reduce", name, &graph, sum);
    }
    let graph = Graph::new();
    let best = graph.input("x", &[100_000, 10], DType::F32).argmax(1);
    run(criterion, &session, "reduce", "argmax of rows 100000x10", &graph, best);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = reduce
}
criterion_main!(benches);
