//! Memory that plans save: the peak with recomputation, and what the plan says of it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_graph::core::{Caps, DType, DeviceKind};
use anygrad_graph::ops::{Adam, Attention, Conv, CrossEntropy, Pool, UpdateRule};
use anygrad_graph::{Graph, Tensor};
use anygrad_plan::{Action, Options, Plan, Recompute, Role, Step, compile_with};

/// Loss and updates of a model: a function that gives the loss and makes states of the parameters.
fn step<'g>(graph: &'g Graph, loss: Tensor<'g>) -> Tensor<'g> {
    let states = graph.named_values();
    let states: Vec<_> = states.into_iter().filter(|(name, _)| name.starts_with('w')).collect();
    let states: Vec<Tensor<'g>> = states.into_iter().map(|(_, id)| graph.tensor(id)).collect();
    let rule = Adam::default();
    let count = graph.input("count", &[], DType::F32);
    for (state, slope) in states.iter().zip(graph.gradients(loss, &states)) {
        let moments =
            ["m", "v"].map(|moment| graph.state(&format!("{moment}{}", state.id().index()), &state.shape()));
        let next = rule.update(*state, slope, &moments, graph.scalar(0.01), count);
        for (state, next) in [*state].into_iter().chain(moments).zip(next) {
            graph.update(state, next);
        }
    }
    loss
}

struct Weights<'g>(&'g Graph, usize);

impl<'g> Weights<'g> {
    fn next(&mut self, sizes: &[usize]) -> Tensor<'g> {
        self.1 += 1;
        self.0.state(&format!("w{}", self.1), sizes)
    }
}

fn mnist(graph: &Graph) -> Tensor<'_> {
    let mut w = Weights(graph, 0);
    let x = graph.input("x", &[128, 1, 28, 28], DType::F32);
    let labels = graph.input("labels", &[128], DType::I32);
    let conv = |x: Tensor<'_>, w: &mut Weights<'_>, from: usize, to: usize| {
        let kernel = graph.tensor(w.next(&[to, from, 3, 3]).id());
        let bias = graph.tensor(w.next(&[to, 1, 1]).id());
        let y = (graph.tensor(x.id()).conv2d(kernel, Conv::default()) + bias).relu();
        graph.tensor(y.max_pool2d(Pool::new([2, 2])).id()).id()
    };
    let a = graph.tensor(graph.labelled("conv", || conv(x, &mut w, 1, 32)));
    let b = graph.tensor(graph.labelled("conv_1", || conv(a, &mut w, 32, 64)));
    let flat = b.reshape(&[128, 1600]);
    let logits = graph.labelled("dense", || flat.matmul(w.next(&[1600, 10])) + w.next(&[10]));
    let loss = logits.cross_entropy(labels, &CrossEntropy::default()).losses.mean_all();
    step(graph, loss)
}

fn lstm_stack(graph: &Graph) -> Tensor<'_> {
    let mut w = Weights(graph, 0);
    let x = graph.input("x", &[32, 16, 64], DType::F32);
    let mut h = x;
    for layer in 0..6 {
        h = graph.labelled(&format!("lstm_{layer}"), || {
            h.lstm(w.next(&[64, 256]), w.next(&[64, 256]), Some(w.next(&[256])), None).sequence
        });
    }
    step(graph, h.square().mean_all())
}

fn transformer(graph: &Graph) -> Tensor<'_> {
    let mut w = Weights(graph, 0);
    let (n, t, d, heads) = (8, 128, 64, 4);
    let x = graph.input("x", &[n, t, d], DType::F32);
    let mut h = x;
    for layer in 0..8 {
        h = graph.labelled(&format!("block_{layer}"), || {
            let y = h.layer_norm(-1, Some(w.next(&[d])), Some(w.next(&[d])), 1e-5);
            let split = |y: Tensor<'_>| {
                let y = graph.tensor(y.id());
                y.reshape(&[n, t, heads, d / heads]).permute(&[0, 2, 1, 3]).id()
            };
            let [q, k, v] = [0, 1, 2].map(|_| graph.tensor(split(y.matmul(w.next(&[d, d])))));
            let a = q.scaled_dot_product_attention(k, v, Attention { causal: true, ..Attention::default() });
            let a = a.permute(&[0, 2, 1, 3]).reshape(&[n, t, d]);
            let h = h + a.matmul(w.next(&[d, d]));
            let y = h.layer_norm(-1, Some(w.next(&[d])), Some(w.next(&[d])), 1e-5);
            let y = (y.matmul(w.next(&[d, 4 * d])) + w.next(&[4 * d])).gelu();
            h + y.matmul(w.next(&[4 * d, d])) + w.next(&[d])
        });
    }
    step(graph, h.square().mean_all())
}

fn plan(build: Model, caps: &Caps, options: Options) -> Plan {
    let graph = Graph::new();
    let loss = build(&graph);
    compile_with(&graph, &[loss], caps, options).unwrap()
}

fn software() -> Caps {
    Caps { kind: DeviceKind::Cpu, subgroup: Some((8, 8)), ..Caps::baseline() }
}

fn recomputing(recompute: Recompute) -> Options {
    Options { recompute, ..Options::DEFAULT }
}

fn holding(activations: DType) -> Options {
    Options { activations, ..Options::DEFAULT }
}

/// What a dispatch is, memory left out.
fn kernels(plan: &Plan, again: bool) -> Vec<String> {
    let steps = plan.steps.iter().filter(|step| step.again == again);
    let text = |action: &Action| match action {
        Action::Dispatch { kernel, wgsl, overrides, params, workgroups, .. } => {
            format!("{kernel} {overrides:?} {params:?} {workgroups:?} {wgsl}")
        }
        Action::Copy { bytes, .. } => format!("copy {bytes}"),
        Action::Host { op, .. } => op.name().to_owned(),
    };
    steps.flat_map(|step| &step.actions).map(text).collect()
}

/// A training step; its loss.
type Model = fn(&Graph) -> Tensor<'_>;

/// Models, and the share of the peak that is left at most and the share of operations that come on top.
const MODELS: [(Model, f64, f64); 3] =
    [(mnist, 0.9, 0.05), (lstm_stack, 0.46, 0.3), (transformer, 0.25, 0.21)];

#[test]
fn the_peak_shrinks_for_some_more_operations() {
    for caps in [Caps::baseline(), software()] {
        for (model, left, more) in MODELS {
            let before = plan(model, &caps, Options::DEFAULT);
            let after = plan(model, &caps, recomputing(Recompute::Auto));
            let (saving, bytes) = (after.saving.unwrap(), before.memory().working);
            assert_eq!((saving.working_before, before.saving), (bytes, None));
            assert!(after.memory().working as f64 <= left * bytes as f64, "{bytes}: {after}");
            assert!(after.more_operations() > 0.0 && after.more_operations() <= more, "{after}");
            let layers = plan(model, &caps, recomputing(Recompute::Layers)).memory().working;
            assert!(after.memory().working as f64 <= 1.02 * layers as f64);
            let line = format!("{} values computed again in {} segments", saving.recomputed, saving.segments);
            let text = after.to_string();
            assert!(
                text.contains(&line.replace("1 values", "1 value")) && text.contains(" again  ["),
                "{text}"
            );
        }
    }
}

#[test]
fn what_runs_again_is_what_ran() {
    for caps in [Caps::baseline(), software()] {
        for (model, ..) in MODELS {
            let before = plan(model, &caps, Options::DEFAULT);
            let first = kernels(&before, false);
            let mut tried = [Recompute::Cheap, Recompute::Layers, Recompute::Auto].to_vec();
            tried.extend([2, 3, 5, 100].map(Recompute::Segments));
            for recompute in tried {
                let after = plan(model, &caps, recomputing(recompute));
                assert_eq!(kernels(&after, false), first, "{recompute:?}");
                for kernel in kernels(&after, true) {
                    assert!(first.contains(&kernel), "{recompute:?}: {kernel}");
                }
                let kept =
                    |step: &&Step| step.again && step.writes.iter().any(|&slot| is_state(&after, slot));
                assert_eq!(after.steps.iter().filter(kept).count(), 0);
            }
        }
    }
}

fn is_state(plan: &Plan, slot: usize) -> bool {
    matches!(plan.slots[plan.memory_of(slot)].role, Role::State(_) | Role::Pack)
}

#[test]
fn nothing_is_done_where_there_is_nothing_to_gain() {
    let caps = Caps::baseline();
    for recompute in [Recompute::Segments(0), Recompute::Segments(1), Recompute::Segments(usize::MAX)] {
        let text = plan(lstm_stack, &caps, recomputing(recompute)).to_string();
        let is_one = recompute != Recompute::Segments(usize::MAX);
        assert_eq!(text.contains("to save memory: nothing"), is_one, "{text}");
    }
    // Without a way back.
    let graph = Graph::new();
    let y = graph.input("x", &[64, 64], DType::F32).exp().softmax(-1);
    let options = Options { recompute: Recompute::Auto, activations: DType::F16, ..Options::DEFAULT };
    let plan = compile_with(&graph, &[y], &caps, options).unwrap();
    let saving = plan.saving.unwrap();
    assert_eq!((saving.recomputed, saving.rounded), (0, 0));
    assert!(plan.to_string().contains("to save memory: no value is held as f16"), "{plan}");
    let mistake = compile_with(&graph, &[y], &caps, holding(DType::I32)).unwrap_err().to_string();
    assert!(mistake.contains("cannot be held as i32: take f32, f16 or bf16"), "{mistake}");
}

#[test]
fn long_cheap_chains_are_cut() {
    // Each gradient reads the result before it: all 40 are held.
    let chain = |graph: &Graph, count: usize| {
        let x = graph.state("w", &[64, 1024]);
        let y = (0..count).fold(x.tanh(), |y, _| graph.tensor(y.id()).softmax(-1).tanh());
        y.square().sum_all().id()
    };
    let peak = |recompute: Recompute| {
        let graph = Graph::new();
        let loss = graph.tensor(chain(&graph, 40));
        let w = graph.find("w").unwrap();
        graph.update(w, graph.gradients(loss, &[w])[0]);
        compile_with(&graph, &[loss], &Caps::baseline(), recomputing(recompute)).unwrap().memory().working
    };
    let (all, cheap) = (peak(Recompute::None), peak(Recompute::Cheap));
    assert!(cheap * 2 < all, "{all} and {cheap} bytes");
}

#[test]
fn activations_of_16_bits_take_about_half() {
    for halves in [DType::F16, DType::BF16] {
        let caps = Caps::baseline();
        let before = plan(transformer, &caps, Options::DEFAULT);
        let after = plan(transformer, &caps, holding(halves));
        let saving = after.saving.unwrap();
        // Of each block q, k, v, the attention as it is and permuted, two inputs of norms, two of products,
        // and two of the wide part; not the moments of the norms.
        assert_eq!((saving.rounded, saving.recomputed), (88, 0));
        assert!(after.memory().working as f64 <= 0.6 * before.memory().working as f64, "{after}");
        assert!(after.to_string().contains(&format!("88 values held as {halves}")), "{after}");
        // On top of recomputation it saves what goes from segment to segment.
        let both = Options { recompute: Recompute::Auto, ..holding(halves) };
        let recomputed = plan(transformer, &caps, recomputing(Recompute::Auto)).memory().working;
        assert!(plan(transformer, &caps, both).memory().working < recomputed);
    }
}

#[test]
fn the_loss_and_statistics_are_never_rounded() {
    let rounded = |label: &str| {
        let graph = Graph::new();
        let (x, w) = (graph.input("x", &[512, 256], DType::F32), graph.state("w", &[256, 256]));
        let y = x.matmul(w).batch_norm(-1, None, None, 1e-5).y.tanh();
        let loss = graph.labelled(label, || y.exp().tanh().sigmoid().mean_all());
        graph.update(w, graph.gradients(loss, &[w])[0]);
        compile_with(&graph, &[loss], &Caps::baseline(), holding(DType::BF16))
            .unwrap()
            .saving
            .unwrap()
            .rounded
    };
    // The product and the result of the model; of what follows, what the gradients read of it.
    assert_eq!(rounded(Graph::LOSS), 2);
    assert!(rounded("head") > 2);
}

#[test]
fn a_gradient_is_added_to_its_sum_where_it_is_computed() {
    let graph = Graph::new();
    let x = graph.input("x", &[1024, 64], DType::F32);
    let weights: Vec<_> = (0..8).map(|i| graph.state(&format!("w{i}"), &[64, 64])).collect();
    let loss = weights.iter().fold(x, |x, w| x.matmul(*w).tanh()).square().mean_all();
    let slopes = graph.gradients(loss, &weights);
    for (i, slope) in slopes.into_iter().enumerate() {
        let sum = graph.state(&format!("sum{i}"), &[64, 64]);
        graph.update(sum, sum + slope);
    }
    let plan = compile_with(&graph, &[loss], &Caps::baseline(), Options::DEFAULT).unwrap();
    // Eight values are held, and no eight gradients of them beside.
    assert!(plan.memory().working < 12 * 1024 * 64 * 4, "{plan}");
    assert!(plan.to_string().contains("matmul+add"), "{plan}");
}
