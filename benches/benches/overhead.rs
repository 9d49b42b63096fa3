//! What the host does for a step of training beside the kernels: planning it, and recording and
//! submitting it to an idle device. On the software adapter or the one that `ANYGRAD_ADAPTER` names.

use std::time::{Duration, Instant};

use anygrad::graph::Graph;
use anygrad::perf::{prepare, training_steps};
use anygrad::plan::compile;
use anygrad_benches::session;
use criterion::{Criterion, criterion_group, criterion_main};

fn overhead(criterion: &mut Criterion) {
    let session = session();
    for workload in training_steps() {
        let mut group = criterion.benchmark_group(workload.name);
        group.bench_function("graph and plan", |bencher| {
            bencher.iter(|| {
                let graph = Graph::new();
                let (outputs, _) = workload.graph(&graph).expect("the graph is valid");
                compile(&graph, &outputs, session.caps()).expect("the graph is valid")
            });
        });
        let (session, mut program) = prepare(&session, &workload).expect("the graph is valid");
        group.bench_function("record and submit", |bencher| {
            bencher.iter_custom(|runs| {
                let mut took = Duration::ZERO;
                for _ in 0..runs {
                    session.wait().expect("the device works");
                    let start = Instant::now();
                    program.run().expect("the device works");
                    took += start.elapsed();
                }
                session.wait().expect("the device works");
                took
            });
        });
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = overhead
}
criterion_main!(benches);
