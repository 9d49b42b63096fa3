//! One step of each optimizer on a parameter of a million numbers, in place, on the software adapter
//! or the one that `ANYGRAD_ADAPTER` names. Throughput is in parameters.

use anygrad::core::{Array, DType, Shape};
use anygrad::gpu::{Choice, Session};
use anygrad::graph::ops::{Adagrad, Adam, RmsProp, Sgd, UpdateRule};
use anygrad::graph::{Fill, Graph};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

const COUNT: usize = 1 << 20;

fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

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
        let mut program = session.compile(&graph, &[]).expect("the graph is valid");
        let numbers = Fill::Uniform(-0.1, 0.1).numbers(COUNT, 1);
        let shape = Shape::new(&[COUNT]).expect("one axis");
        program.write("gradient", &Array::from_f64(shape, DType::F32, &numbers)).expect("the shapes fit");
        program.write("lr", &Array::scalar(1e-3)).expect("the shapes fit");
        if graph.find("step").is_some() {
            program.write("step", &Array::scalar(3.0)).expect("the shapes fit");
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                program.run().expect("the device works");
                session.wait().expect("the device works");
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = optimizer
}
criterion_main!(benches);
