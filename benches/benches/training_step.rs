//! Whole steps of training, a CNN's and an LSTM's, until the device is done, on the software adapter or
//! the one that `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds.

use anygrad::perf::{prepare, training_steps};
use anygrad_benches::{session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn training_step(criterion: &mut Criterion) {
    let session = session();
    let mut group = criterion.benchmark_group("training step");
    for workload in training_steps() {
        let (session, mut program) = prepare(&session, &workload).expect("the graph is valid");
        group.throughput(Throughput::Elements((workload.operations / 2.0) as u64));
        time(&mut group, workload.name, &session, &mut program);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = training_step
}
criterion_main!(benches);
