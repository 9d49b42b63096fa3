//! An LSTM over whole sequences, forward and with its gradients, on the software adapter or the one
//! that `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds of the forward pass.

use anygrad::core::{Array, DType};
use anygrad::gpu::{Choice, Session};
use anygrad::graph::{Fill, Graph};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

const BATCH: usize = 32;
const TIME: usize = 50;

fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

fn lstm(criterion: &mut Criterion) {
    let session = session();
    for units in [64, 256] {
        let mut group = criterion.benchmark_group(format!("lstm {BATCH}x{TIME}x{units} to {units}"));
        group.throughput(Throughput::Elements((BATCH * TIME * 8 * units * units) as u64));
        for part in ["forward", "forward and gradients"] {
            let graph = Graph::new();
            let x = graph.input("x", &[BATCH, TIME, units], DType::F32);
            let kernel = graph.input("kernel", &[units, 4 * units], DType::F32);
            let recurrent_kernel = graph.input("recurrent_kernel", &[units, 4 * units], DType::F32);
            let bias = graph.input("bias", &[4 * units], DType::F32);
            let sequence = x.lstm(kernel, recurrent_kernel, Some(bias), None).sequence;
            let inputs = [x, kernel, recurrent_kernel, bias];
            let mut outputs = vec![sequence];
            if part != "forward" {
                outputs.extend(graph.gradients((sequence * sequence).sum_all(), &inputs));
            }
            let mut program = session.compile(&graph, &outputs).expect("the graph is valid");
            let names = ["x", "kernel", "recurrent_kernel", "bias"];
            for (seed, (name, input)) in names.into_iter().zip(inputs).enumerate() {
                let scale = 1.0 / (units as f64).sqrt();
                let numbers = Fill::Uniform(-scale, scale).numbers(input.shape().elements(), seed as u64);
                let array = Array::from_f64(input.shape(), DType::F32, &numbers);
                program.write(name, &array).expect("the shapes fit");
            }
            group.bench_function(part, |bencher| {
                bencher.iter(|| {
                    program.run().expect("the device works");
                    session.wait().expect("the device works");
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = lstm
}
criterion_main!(benches);
