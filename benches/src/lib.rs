//! What the benchmarks share: a session, programs with filled inputs, and the timing of their runs.

use anygrad::core::Array;
use anygrad::gpu::{Choice, Program, Session};
use anygrad::graph::{Fill, Graph, Origin, Tensor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput};

/// A session on the software adapter, or on the one that `ANYGRAD_ADAPTER` names.
///
/// # Panics
/// There is no such adapter.
pub fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    pollster::block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

/// A program whose inputs hold numbers in [-scale, scale).
///
/// # Panics
/// The graph is not valid, or the device failed.
pub fn filled(session: &Session, graph: &Graph, outputs: &[Tensor<'_>], scale: f64) -> Program {
    let mut program = session.compile(graph, outputs).expect("the graph is valid");
    for (seed, (name, id)) in graph.named_values().into_iter().enumerate() {
        if matches!(graph.origin(id), Origin::Input(_)) {
            let meta = graph.meta(id);
            let numbers = Fill::Uniform(-scale, scale).numbers(meta.shape.elements(), seed as u64);
            program.write(&name, &Array::from_f64(meta.shape, meta.dtype, &numbers)).expect("the shapes fit");
        }
    }
    program
}

/// Times runs of a program, each until the device is done.
///
/// # Panics
/// The device failed.
pub fn time(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, session: &Session, program: &mut Program) {
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            program.run().expect("the device works");
            session.wait().expect("the device works");
        });
    });
}

/// Times one result of a graph, in a group of its own; throughput is in elements of the largest input.
///
/// # Panics
/// The graph is not valid, or the device failed.
pub fn time_result(
    criterion: &mut Criterion,
    session: &Session,
    group: &str,
    name: &str,
    graph: &Graph,
    result: Tensor<'_>,
) {
    let elements = graph.named_values().iter().map(|(_, id)| graph.meta(*id).shape.elements()).max();
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(elements.unwrap_or(0) as u64));
    time(&mut group, name, session, &mut filled(session, graph, &[result], 1.0));
    group.finish();
}
