//! Convolution and its gradients on shapes of small CNNs, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in multiply-adds.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad::graph::ops::Conv;
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

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
            let mut program = filled(&session, &graph, &[output], 1.0);
            let products = y.shape().elements() * weight[1] * kernel * kernel;
            group.throughput(Throughput::Elements(products as u64));
            time(&mut group, part, &session, &mut program);
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
