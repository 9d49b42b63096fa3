//! An LSTM over whole sequences, forward and with its gradients, on the software adapter or the one
//! that `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds of the forward pass.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 32;
const TIME: usize = 50;

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
            let mut program = filled(&session, &graph, &outputs, 1.0 / (units as f64).sqrt());
            time(&mut group, part, &session, &mut program);
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
