//! Gather and scatter-add, running sums and sorts, on the software adapter or the one that
//! `ANYGRAD_ADAPTER` names. Throughput is in elements of the largest input.

use anygrad::core::{Array, DType};
use anygrad::graph::{Fill, Graph};
use anygrad_benches::{filled, session, time, time_result};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const TABLE: [usize; 2] = [10_000, 64];
const LOOKED_UP: usize = 8192;

fn order(criterion: &mut Criterion) {
    let session = session();
    let graph = Graph::new();
    let x = graph.input("x", &[1024, 1024], DType::F32);
    for (name, result) in [
        ("cumsum along rows", x.cumsum(1, false, false)),
        ("cumsum along columns", x.cumsum(0, false, false)),
        ("sort of rows", x.sort(1, false).0),
        ("top 10 of rows", x.topk(10, 1, true).0),
    ] {
        time_result(criterion, &session, "order 1024x1024", name, &graph, result);
    }
    let mut group = criterion.benchmark_group(format!("{LOOKED_UP} rows of {}x{}", TABLE[0], TABLE[1]));
    group.throughput(Throughput::Elements((LOOKED_UP * TABLE[1]) as u64));
    for part in ["gather", "its gradient"] {
        let graph = Graph::new();
        let table = graph.input("table", &TABLE, DType::F32);
        let rows = table.gather(0, graph.input("rows", &[LOOKED_UP], DType::I32));
        let result =
            if part == "gather" { rows } else { graph.gradients((rows * rows).sum_all(), &[table])[0] };
        let mut program = filled(&session, &graph, &[result], 1.0);
        let places = Fill::Below(TABLE[0]).numbers(LOOKED_UP, 1);
        let places: Vec<i32> = places.into_iter().map(|place| place as i32).collect();
        program
            .write("rows", &Array::i32(&[LOOKED_UP], places).expect("the shape fits"))
            .expect("the shapes fit");
        time(&mut group, part, &session, &mut program);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = order
}
criterion_main!(benches);
