//! One step of each optimizer on a parameter of a million numbers, in place, on the software adapter
//! or the one that `ANYGRAD_ADAPTER` names. Throughput is in parameters.

use anygrad::core::{Array, DType};
use anygrad::graph::Graph;
use anygrad::graph::ops::{Adagrad, Adam, RmsProp, Sgd, UpdateRule};
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const COUNT: usize = 1 << 20;

fn optimizer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("optimizer 1M");
    group.throughput(Throughput::Elements(COUNT as u64));
    let rules: [(&str, Box<dyn UpdateRule>); 6] = [
        ("sgd", Box::<Sgd>::default()),
        ("sgd with momentum", Box::new(Sgd { momentum: 0.9, ..Sgd::default() })),
        ("adagrad", Box::<Adagrad>::default()),
        ("rmsprop", Box::<RmsProp>::default()),
        ("adam", Box::<Adam>::default()),
        ("adam amsgrad", Box::new(Adam { amsgrad: true, ..Adam::default() })),
    ];
    for (name, rule) in rules {
        let session = session();
        let graph = Graph::new();
        let parameter = graph.state("parameter", &[COUNT]);
        let state: Vec<_> = rule.slots().iter().map(|slot| graph.state(slot, &[COUNT])).collect();
        let gradient = graph.input("gradient", &[COUNT], DType::F32);
        let (lr, step) = (graph.input("lr", &[], DType::F32), graph.input("step", &[], DType::F32));
        let next = rule.update(parameter, gradient, &state, lr, step);
        for (old, new) in [parameter].iter().chain(&state).zip(next) {
            graph.update(*old, new);
        }
        let mut program = filled(&session, &graph, &[], 0.1);
        program.write("lr", &Array::scalar(1e-3)).expect("the shapes fit");
        program.write("step", &Array::scalar(3.0)).expect("the shapes fit");
        time(&mut group, name, &session, &mut program);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = optimizer
}
criterion_main!(benches);
