// Any chain of pointwise functions.
//
// y: [count], in groups of four elements; the last may be padding
// The inputs and the chain itself stand in the hole, which fusion writes.
// Each invocation computes ITEMS results.
// Dispatch: ceil(count / (SIZE * ITEMS)) workgroups.  Reads each input once, writes y once.
// use: group, items
// hole: value
// variant pointwise: use vec4; ITEMS = 4u, SIZE = 64u

struct Params {
    count: u32,
    // Where the results stand among those of several dispatches; the hole may add it.
    first: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    prepare();
    let start = first_item(group_index(group, groups), local);
    unroll for (var item = 0u; item < ITEMS; item++) {
        let i = start + item * item_step();
        if i < params.count {
            y[i] = value(i);
        }
    }
}
