// Elements picked by an index each.
//
// x: [outer, size, inner]   indices, y: [outer, count, inner]
// y[o, k, i] = x[o, indices[o, k, i], i], or 0 where the index lies outside. Bits are copied.
// Dispatch: ceil(elements / 64) workgroups.  Reads an index and an element, writes y once.
// use: group

struct Params {
    elements: u32,
    size: u32,
    count: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if at >= params.elements {
        return;
    }
    let i = at % params.inner;
    let outer = at / (params.inner * params.count);
    // A negative index is a large number here.
    let index = indices[at];
    var element = 0u;
    if index < params.size {
        element = x[(outer * params.size + index) * params.inner + i];
    }
    y[at] = element;
}
