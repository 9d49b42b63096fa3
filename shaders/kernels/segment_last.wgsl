// The last position of each index in a list, through the sorted list of its positions.
//
// sorted: [count]   starts: [size + 1]   y: [size]
// y[s] = sorted[starts[s + 1] - 1], or -1 where segment s is empty
// Dispatch: ceil(size / 64) workgroups.  Reads two starts and a position, writes y once.
// use: group

struct Params {
    size: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sorted: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<i32>;

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
    let end = starts[at + 1u];
    var place = -1;
    if end > starts[at] {
        place = i32(sorted[end - 1u]);
    }
    y[at] = place;
}
