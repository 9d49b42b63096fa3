// One step of an optimizer whose rule keeps one or two numbers per element, in place.
//
// p, a, b: [count]   g: [count]   lr, step: scalars; b is a dummy where the rule keeps one number
// All arrays in groups of four; buffers are whole groups, so the end needs no care.
// The formulas stand in shared/rule_*.wgsl: rates() is the same for all elements, advance() gives the
// movement of an element of p and its next a and b.
// Each invocation updates ITEMS groups of four, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups, count in groups of four.
// Reads p, a, b and g once, writes p, a and b once.
// use: correction, group, pointwise, tanh, erf, vec4, items
// variant adadelta: use rule_adadelta; ITEMS = 4u, SIZE = 64u
// variant adamax: use rule_adamax; ITEMS = 4u, SIZE = 64u
// variant lion: use rule_lion; ITEMS = 4u, SIZE = 64u
// variant nadam: use rule_nadam; ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    // Shares of a and b that are kept, what they lack of 1, and their logarithms.
    beta_1: f32,
    beta_2: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    log_beta_1: f32,
    log_beta_2: f32,
    // log(q) of Nadam's momentum.
    log_decay: f32,
    epsilon: f32,
    // Weight decay in the gradient, and apart from it.
    l2: f32,
    decay: f32,
}
// A movement of p, or p itself, and its two numbers.
struct Element {
    p: T,
    a: T,
    b: T,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> p: array<T>;
@group(0) @binding(2) var<storage, read_write> a: array<T>;
@group(0) @binding(3) var<storage, read_write> b: array<T>;
@group(0) @binding(4) var<storage, read> g: array<T>;
@group(0) @binding(5) var<storage, read> lr: array<f32>;
@group(0) @binding(6) var<storage, read> step: array<f32>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    let shared_rates = rates();
    let keep = 1.0 - lr[0] * params.decay;
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            var old = Element(p[i], a[i], T(0.0));
            if STATES == 2u {
                old.b = b[i];
            }
            let next = advance(old, g[i] + params.l2 * old.p, shared_rates);
            p[i] = keep * old.p - next.p;
            a[i] = next.a;
            if STATES == 2u {
                b[i] = next.b;
            }
        }
    }
}
