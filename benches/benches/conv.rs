//! Convolution and its gradients on shapes of small CNNs, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds.

use anygrad::core::{Array, DType, Shape};
use anygrad::gpu::{Choice, Session};
use anygrad::graph::ops::Conv;
use anygrad::graph::{Fill, Graph};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pollster::block_on;

struct Layer {
    name: &'static str,
    x: [usize; 4],
    out_channels: usize,
    kernel: usize,
    conv: Conv,
}

fn layers() -> Vec<Layer> {
    let plain = Conv::default();
    let pad = Conv { padding: [[1; 2]; 2], ..plain };
    let layer = |name, x, out_channels, kernel, conv| Layer { name, x, out_channels, kernel, conv };
    vec![
        layer("mnist 1", [64, 1, 28, 28], 32, 3, plain),
        layer("mnist 2", [64, 32, 13, 13], 64, 3, plain),
        layer("56x56", [8, 32, 56, 56], 64, 3, pad),
        layer("stride 2", [8, 32, 56, 56], 64, 3, Conv { stride: [2; 2], ..pad }),
        layer("5x5", [8, 16, 28, 28], 32, 5, Conv { padding: [[2; 2]; 2], ..plain }),
        layer("1x1", [8, 64, 28, 28], 64, 1, plain),
        layer("depthwise", [8, 32, 56, 56], 32, 3, Conv { groups: 32, ..pad }),
    ]
}

fn session() -> Session {
    let choice = Choice::from_env_or(Choice::Software);
    block_on(Session::open(&choice)).expect("benchmarks need an adapter")
}

fn filled(shape: Shape, seed: u64) -> Array {
    Array::from_f64(shape, DType::F32, &Fill::Uniform(-1.0, 1.0).numbers(shape.elements(), seed))
}

fn conv(criterion: &mut Criterion) {
    let session = session();
    for Layer { name, x: sizes, out_channels, kernel, conv } in layers() {
        let mut group = criterion.benchmark_group(format!("conv {name}"));
        let weight = [out_channels, sizes[1] / conv.groups, kernel, kernel];
        for part in ["forward", "input gradient", "weight gradient"] {
            let graph = Graph::new();
            let x = graph.input("x", &sizes, DType::F32);
            let w = graph.input("w", &weight, DType::F32);
            let y = x.conv2d(w, conv);
            let dy = graph.input("dy", &y.shape(), DType::F32);
            let loss = (y * dy).sum_all();
            let output = match part {
                "forward" => y,
                "input gradient" => graph.gradients(loss, &[x])[0],
                _ => graph.gradients(loss, &[w])[0],
            };
            let mut program = session.compile(&graph, &[output]).expect("the graph is valid");
            for (seed, input) in [x, w, dy].into_iter().enumerate() {
                let name = ["x", "w", "dy"][seed];
                program.write(name, &filled(input.shape(), seed as u64)).expect("the shapes fit");
            }
            let products = y.shape().elements() * weight[1] * kernel * kernel;
            group.throughput(Throughput::Elements(products as u64));
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
    targets = conv
}
criterion_main!(benches);
