// Where each position of a row went.
//
// permutation, y: [rows, length]
// y[r, permutation[r, c]] = c
// Dispatch: ceil(elements / 64) workgroups.  Reads the permutation, writes y once.
// use: group

struct Params {
    elements: u32,
    length: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> permutation: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

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
    let start = at - at % params.length;
    y[start + permutation[at]] = at - start;
}
