//! Resizing, borders and their gradients, on the software adapter or the one that `ANYGRAD_ADAPTER`
//! names. Throughput is in elements of the result.

use anygrad::core::DType;
use anygrad::graph::ops::{PadMode, Resize};
use anygrad::graph::{Graph, Tensor};
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

type Build = for<'g> fn(Tensor<'g>) -> Tensor<'g>;

fn resize(criterion: &mut Criterion) {
    let session = session();
    for (name, build) in [
        ("nearest 2x2", (|x| x.upsample_nearest(&[2, 2])) as Build),
        ("linear 2x2", |x| x.resize(&[112, 112], Resize::linear())),
        ("cubic smaller", |x| x.resize(&[40, 40], Resize::cubic())),
        ("border reflected", |x| x.pad_with(&[(0, 0), (0, 0), (1, 1), (1, 1)], PadMode::Reflect)),
        ("border of zeros", |x| x.pad(&[(0, 0), (0, 0), (1, 1), (1, 1)], 0.0)),
    ] {
        let mut group = criterion.benchmark_group(format!("resize {name}"));
        for part in ["forward", "gradient"] {
            let graph = Graph::new();
            let x = graph.input("x", &[8, 32, 56, 56], DType::F32);
            let y = build(x);
            group.throughput(Throughput::Elements(y.shape().elements() as u64));
            let dy = graph.input("dy", &y.shape(), DType::F32);
            let output = if part == "gradient" { graph.gradients((y * dy).sum_all(), &[x])[0] } else { y };
            let mut program = filled(&session, &graph, &[output], 1.0);
            time(&mut group, part, &session, &mut program);
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = resize
}
criterion_main!(benches);
