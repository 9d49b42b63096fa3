// The last position of each index in a list: every result looks through all of it.
//
// indices: [count]   y: [size], y[s] = the largest k with indices[k] = s, or -1
// This dispatch looks at `first` up to `last`, and goes on from y where first is not 0.
// Dispatch: ceil(size / 64) workgroups.  Reads the indices once per result, writes y once.
// use: group

struct Params {
    size: u32,
    first: u32,
    last: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<i32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if at >= params.size {
        return;
    }
    var place = -1;
    if params.first > 0u {
        place = y[at];
    }
    for (var k = params.first; k < params.last; k++) {
        place = select(place, i32(k), indices[k] == at);
    }
    y[at] = place;
}
