//! What attention and normalization cost: memory that does not grow with the square of the length, and
//! steps that are not more than they need to be.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_plan::graph::core::{Caps, DType};
use anygrad_plan::graph::{Graph, Tensor, ops::Attention};
use anygrad_plan::{Plan, compile};

/// Software adapters with subgroups of 8 get other kernels.
fn adapters() -> [Caps; 2] {
    let software =
        Caps { kind: anygrad_plan::graph::core::DeviceKind::Cpu, subgroup: Some((8, 8)), ..Caps::baseline() };
    [Caps::baseline(), software]
}

/// The plan of a loss and its gradients with respect to inputs of these sizes.
fn trained(sizes: &[&[usize]], caps: &Caps, build: impl for<'g> Fn(&[Tensor<'g>]) -> Tensor<'g>) -> Plan {
    let graph = Graph::new();
    let x: Vec<_> =
        sizes.iter().enumerate().map(|(i, sizes)| graph.input(&format!("x{i}"), sizes, DType::F32)).collect();
    let loss = build(&x).sum_all();
    let gradients = graph.gradients(loss, &x);
    compile(&graph, &[&[loss], &gradients[..]].concat(), caps).unwrap()
}

#[test]
fn memory_of_attention_grows_with_the_length() {
    let bytes = |length: usize, caps: &Caps| {
        let sizes = [1, 4, length, 32];
        let plan = trained(&[&sizes[..]; 3], caps, |x| {
            let options = Attention { causal: true, ..Attention::default() };
            x[0].scaled_dot_product_attention(x[1], x[2], options)
        });
        plan.memory().total()
    };
    for caps in adapters() {
        let (short, long) = (bytes(1 << 10, &caps), bytes(1 << 14, &caps));
        assert!(long <= 17 * short, "{short} and {long} bytes");
        // All scores of one head alone would be 1 GiB.
        assert!(long < 1 << 30, "{long} bytes");
    }
}

#[test]
fn a_residual_connection_runs_with_the_gradient_of_its_norm() {
    for caps in adapters() {
        let plan = trained(&[&[64, 128], &[128], &[128]], &caps, |x| {
            (x[0] + x[0].layer_norm(-1, Some(x[1]), Some(x[2]), 1e-5).square()).square()
        });
        let text = plan.to_string();
        assert!(text.contains("layer_norm_grad+add"), "{text}");
    }
}
