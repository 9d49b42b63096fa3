//! Matrix products on the software adapter or the one that `ANYGRAD_ADAPTER` names: squares, the
//! products of a dense layer of 1600 to 128 on 64 rows (forward, input gradient, weight gradient),
//! and single rows and columns. Throughput is in floating-point operations.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn matmul(criterion: &mut Criterion) {
    let session = session();
    let mut group = criterion.benchmark_group("matmul");
    // Rows, terms, columns, and which operands are transposed views.
    for (name, [m, k, n], a_turned, b_turned) in [
        ("512x512x512", [512, 512, 512], false, false),
        ("1024x1024x1024", [1024, 1024, 1024], false, false),
        ("127x129x131", [127, 129, 131], false, false),
        ("dense forward", [64, 1600, 128], false, false),
        ("dense input gradient", [64, 128, 1600], false, true),
        ("dense weight gradient", [1600, 64, 128], true, false),
        ("dense to 10", [64, 128, 10], false, false),
        ("row", [1, 1024, 1024], false, false),
        ("row, transposed", [1, 1024, 1024], false, true),
        ("column", [1024, 1024, 1], false, false),
        ("long sum", [16, 100_000, 16], true, false),
    ] {
        let graph = Graph::new();
        let a_sizes = if a_turned { [k, m] } else { [m, k] };
        let b_sizes = if b_turned { [n, k] } else { [k, n] };
        let (a, b) = (graph.input("a", &a_sizes, DType::F32), graph.input("b", &b_sizes, DType::F32));
        let y = (if a_turned { a.t() } else { a }).matmul(if b_turned { b.t() } else { b });
        let mut program = filled(&session, &graph, &[y], 1.0);
        group.throughput(Throughput::Elements(2 * (m * k * n) as u64));
        time(&mut group, name, &session, &mut program);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = matmul
}
criterion_main!(benches);
