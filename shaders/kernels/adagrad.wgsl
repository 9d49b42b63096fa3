// One step of Adagrad, in place.
//
// p, a: [count]   g: [count]   lr: scalar
// All arrays in groups of four; buffers are whole groups, so the end needs no care.
// a += g^2   p -= lr g / sqrt(a + epsilon) (Keras) or lr g / (sqrt(a) + epsilon) (PyTorch)
// Each invocation updates ITEMS groups of four, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups, count in groups of four.
// Reads p, a and g once, writes p and a once.
// use: group, vec4, items
// variant adagrad: ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    epsilon: f32,
    // Weight decay in the gradient, and apart from it.
    l2: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> p: array<T>;
@group(0) @binding(2) var<storage, read_write> a: array<T>;
@group(0) @binding(3) var<storage, read> g: array<T>;
@group(0) @binding(4) var<storage, read> lr: array<f32>;

override KERAS: bool;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    let rate = lr[0];
    let keep = 1.0 - rate * params.decay;
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            let slope = g[i] + params.l2 * p[i];
            let sum = a[i] + slope * slope;
            a[i] = sum;
            var root = sqrt(sum) + params.epsilon;
            if KERAS {
                root = sqrt(sum + params.epsilon);
            }
            p[i] = keep * p[i] - rate * slope / root;
        }
    }
}
