// Elements kept at random and scaled, or set to zero.
//
// x, y: [count], in groups of four; buffers are whole groups, so the end needs no care
// counter: scalar, another one gives another choice
// y[i] = scale x[i] where random bits of (i, counter, seed) are not below the threshold, otherwise 0
// Each invocation makes ITEMS groups, one workgroup's width apart.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups.  Reads x once, writes y once.
// use: group, random, vec4, items
// hole: epilogue
// variant dropout: ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    seed: u32,
    threshold: u32,
    scale: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> counter: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    let draw = counter[0];
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            let bits = random_bits4(4u * i, draw, params.seed);
            let kept = select(T(0.0), x[i] * params.scale, bits >= U(params.threshold));
            y[i] = epilogue(kept, i);
        }
    }
}
