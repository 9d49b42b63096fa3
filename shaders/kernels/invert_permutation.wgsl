// Where each position of a row went.
//
// places: [rows, length], each position below `size` once at most   y: [rows, size]
// y[r, places[r, c]] = c; before, with FILL, all of y is -1
// Dispatch: ceil(elements of places, or of y with FILL / 64) workgroups.  Reads places, writes y once.
// use: group

struct Params {
    elements: u32,
    length: u32,
    size: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

override FILL: bool;

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
    if FILL {
        y[at] = 0xffffffffu;
        return;
    }
    let row = at / params.length;
    let place = places[at];
    if place < params.size {
        y[row * params.size + place] = at - row * params.length;
    }
}
