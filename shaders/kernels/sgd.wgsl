// One step of gradient descent with momentum, in place.
//
// p, v: [count]   g: [count]   lr: scalar
// All arrays in groups of four; buffers are whole groups, so the end needs no care.
// PyTorch: v = momentum v + g, p -= lr d, d = v or, with Nesterov's rule, g + momentum v
// Keras: v = momentum v - lr g, p += d, d = v or, with Nesterov's rule, momentum v - lr g
// Each invocation updates ITEMS groups of four, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups, count in groups of four.
// Reads p, v and g once, writes p and v once.
// use: group, vec4, items
// variant sgd: ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    momentum: f32,
    // Weight decay in the gradient, and apart from it.
    l2: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> p: array<T>;
@group(0) @binding(2) var<storage, read_write> v: array<T>;
@group(0) @binding(3) var<storage, read> g: array<T>;
@group(0) @binding(4) var<storage, read> lr: array<f32>;

override NESTEROV: bool;
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
    // The two conventions differ in what the velocity contains: the gradient or the movement.
    let inside = select(1.0, -rate, KERAS);
    let outside = select(-rate, 1.0, KERAS);
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            let slope = inside * (g[i] + params.l2 * p[i]);
            var direction = params.momentum * v[i] + slope;
            v[i] = direction;
            if NESTEROV {
                direction = params.momentum * direction + slope;
            }
            p[i] = keep * p[i] + outside * direction;
        }
    }
}
