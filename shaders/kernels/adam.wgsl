// One step of Adam, in place.
//
// p, m, v, v_max: [count]   g: [count]   lr, step: scalars; v_max is a dummy unless AMSGRAD
// All arrays in groups of four; buffers are whole groups, so the end needs no care.
// m += (1 - beta_1) (g - m)   v += (1 - beta_2) (g^2 - v)   c_i = 1 - beta_i^step
// p -= lr sqrt(c_2) / c_1 * m / (sqrt(v) + e), e = epsilon (Keras) or epsilon sqrt(c_2) (PyTorch)
// Each invocation updates ITEMS groups of four, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups, count in groups of four.
// Reads p, m, v and g once, writes p, m and v once.
// use: correction, group, pointwise, tanh, erf, vec4, items
// variant adam: ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    // log(beta), which keeps 1 - beta^step accurate
    log_beta_1: f32,
    log_beta_2: f32,
    one_minus_beta_1: f32,
    one_minus_beta_2: f32,
    epsilon: f32,
    // Weight decay in the gradient, and apart from it.
    l2: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> p: array<T>;
@group(0) @binding(2) var<storage, read_write> m: array<T>;
@group(0) @binding(3) var<storage, read_write> v: array<T>;
@group(0) @binding(4) var<storage, read_write> v_max: array<T>;
@group(0) @binding(5) var<storage, read> g: array<T>;
@group(0) @binding(6) var<storage, read> lr: array<f32>;
@group(0) @binding(7) var<storage, read> step: array<f32>;

override AMSGRAD: bool;
// Whether epsilon is added to the corrected root, as PyTorch does.
override CORRECTED: bool;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    let root_2 = sqrt(correction(params.log_beta_2));
    let rate = lr[0] * root_2 / correction(params.log_beta_1);
    let epsilon = params.epsilon * select(1.0, root_2, CORRECTED);
    let keep = 1.0 - lr[0] * params.decay;
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            let slope = g[i] + params.l2 * p[i];
            let mean = m[i] + params.one_minus_beta_1 * (slope - m[i]);
            let square_mean = v[i] + params.one_minus_beta_2 * (slope * slope - v[i]);
            m[i] = mean;
            v[i] = square_mean;
            var largest = square_mean;
            if AMSGRAD {
                largest = maximum(v_max[i], square_mean);
                v_max[i] = largest;
            }
            p[i] = keep * p[i] - rate * mean / (sqrt(largest) + epsilon);
        }
    }
}
