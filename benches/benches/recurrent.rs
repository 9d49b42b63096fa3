//! Recurrent layers over whole sequences, forward and with their gradients, on the software adapter
//! or the one that `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds of the forward pass.

use anygrad::core::DType;
use anygrad::graph::ops::Activation;
use anygrad::graph::{Graph, Tensor};
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const BATCH: usize = 32;
const TIME: usize = 50;

/// sequence: [batch, time, units] of x, kernel, recurrent kernel and bias
type Layer = for<'g> fn([Tensor<'g>; 4]) -> Tensor<'g>;

/// Name, gates and the layer.
const LAYERS: [(&str, usize, Layer); 4] = [
    ("lstm", 4, |[x, kernel, recurrent, bias]| x.lstm(kernel, recurrent, Some(bias), None).sequence),
    ("gru", 3, |[x, kernel, recurrent, bias]| x.gru(kernel, recurrent, Some(bias), None, true).0),
    ("gru, reset before", 3, |[x, kernel, recurrent, bias]| {
        x.gru(kernel, recurrent, Some(bias), None, false).0
    }),
    ("rnn", 1, |[x, kernel, recurrent, bias]| x.rnn(kernel, recurrent, Some(bias), None, Activation::Tanh).0),
];

fn recurrent(criterion: &mut Criterion) {
    let session = session();
    for (name, gates, layer) in LAYERS {
        for units in [64, 256] {
            let mut group = criterion.benchmark_group(format!("{name} {BATCH}x{TIME}x{units} to {units}"));
            group.throughput(Throughput::Elements((BATCH * TIME * 2 * gates * units * units) as u64));
            for part in ["forward", "forward and gradients"] {
                let graph = Graph::new();
                let bias = if name == "gru" { vec![2, gates * units] } else { vec![gates * units] };
                let inputs = [
                    graph.input("x", &[BATCH, TIME, units], DType::F32),
                    graph.input("kernel", &[units, gates * units], DType::F32),
                    graph.input("recurrent_kernel", &[units, gates * units], DType::F32),
                    graph.input("bias", &bias, DType::F32),
                ];
                let sequence = layer(inputs);
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
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = recurrent
}
criterion_main!(benches);
