// One step of RMSProp, in place.
//
// p, v, mean, buffer: [count]   g: [count]   lr: scalar
// mean is a dummy unless CENTERED, buffer unless MOMENTUM.
// All arrays in groups of four; buffers are whole groups, so the end needs no care.
// v = rho v + (1 - rho) g^2   mean = rho mean + (1 - rho) g
// d = g / sqrt(v - mean^2 + epsilon) (Keras) or g / (sqrt(v - mean^2) + epsilon) (PyTorch)
// p -= lr d, or with momentum: buffer = momentum buffer + lr d, p -= buffer (Keras; PyTorch's lr
// stands in the last formula instead)
// Each invocation updates ITEMS groups of four, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups, count in groups of four.
// Reads and writes p, v and what is not a dummy once, reads g once.
// use: group, pointwise, tanh, erf, vec4, items
// variant rmsprop: ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    rho: f32,
    one_minus_rho: f32,
    momentum: f32,
    epsilon: f32,
    // Weight decay in the gradient, and apart from it.
    l2: f32,
    decay: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> p: array<T>;
@group(0) @binding(2) var<storage, read_write> v: array<T>;
@group(0) @binding(3) var<storage, read_write> mean: array<T>;
@group(0) @binding(4) var<storage, read_write> buffer: array<T>;
@group(0) @binding(5) var<storage, read> g: array<T>;
@group(0) @binding(6) var<storage, read> lr: array<f32>;

override CENTERED: bool;
override MOMENTUM: bool;
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
            var spread = params.rho * v[i] + params.one_minus_rho * slope * slope;
            v[i] = spread;
            if CENTERED {
                let average = params.rho * mean[i] + params.one_minus_rho * slope;
                mean[i] = average;
                // Rounding must not make the variance negative.
                spread = relu(spread - average * average);
            }
            var direction = slope / (sqrt(spread) + params.epsilon);
            if KERAS {
                direction = slope / sqrt(spread + params.epsilon);
            }
            var movement = rate * direction;
            if MOMENTUM {
                let addend = select(direction, movement, vec4<bool>(KERAS));
                let velocity = params.momentum * buffer[i] + addend;
                buffer[i] = velocity;
                movement = select(rate * velocity, velocity, vec4<bool>(KERAS));
            }
            p[i] = keep * p[i] - movement;
        }
    }
}
