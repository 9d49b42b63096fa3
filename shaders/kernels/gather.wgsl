// Rows picked by index.
//
// x: [outer, size, inner]   indices: [count]   y: [outer, count, inner], inner in units of W
// y[o, k, i] = x[o, indices[k], i], or 0 where the index lies outside. Bits are copied.
// Each invocation picks ITEMS units, one workgroup's width apart.
// Dispatch: ceil(units / (SIZE * ITEMS)) workgroups.  Reads an index and a unit, writes y once.
// use: group, items
// variant gather: use word; ITEMS = 4u, SIZE = 64u
// variant gather_vec4: use word4; ITEMS = 4u, SIZE = 64u

struct Params {
    units: u32,
    size: u32,
    count: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<W>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<W>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let start = first_item(group_index(group, groups), local);
    unroll for (var item = 0u; item < ITEMS; item++) {
        let at = start + item * item_step();
        if at < params.units {
            let row = at / params.inner;
            let i = at - row * params.inner;
            let outer = row / params.count;
            // A negative index is a large number here.
            let index = indices[row - outer * params.count];
            var unit = W(0u);
            if index < params.size {
                unit = x[(outer * params.size + index) * params.inner + i];
            }
            y[at] = unit;
        }
    }
}
