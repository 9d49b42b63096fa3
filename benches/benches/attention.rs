//! Attention and its gradients, on the software adapter or the one that `ANYGRAD_ADAPTER` names.
//! Throughput is in multiply-adds of the forward pass, without those that a mask spares.

use anygrad::core::DType;
use anygrad::graph::Graph;
use anygrad::graph::ops::Attention;
use anygrad_benches::{filled, session, time};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn attention(criterion: &mut Criterion) {
    let session = session();
    // Rows, heads, length, size of a head.
    for [batch, heads, length, size] in [[8, 4, 128, 32], [1, 8, 512, 64]] {
        for causal in [false, true] {
            let kind = if causal { "causal" } else { "full" };
            let mut group =
                criterion.benchmark_group(format!("attention {batch}x{heads}x{length}x{size} {kind}"));
            group.throughput(Throughput::Elements((2 * batch * heads * length * length * size) as u64));
            for part in ["forward", "forward and gradients"] {
                let graph = Graph::new();
                let [q, k, v] =
                    ["q", "k", "v"].map(|name| graph.input(name, &[batch, heads, length, size], DType::F32));
                let options = Attention { causal, ..Attention::default() };
                let y = q.scaled_dot_product_attention(k, v, options);
                let mut outputs = vec![y];
                if part != "forward" {
                    outputs.extend(graph.gradients((y * y).sum_all(), &[q, k, v]));
                }
                let mut program = filled(&session, &graph, &outputs, 1.0);
                time(&mut group, part, &session, &mut program);
            }
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = attention
}
criterion_main!(benches);
