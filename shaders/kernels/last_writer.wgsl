// For each place, the last position in a list of indices that names it; -1 where none does.
//
// indices: [count]   y: [size]
// Two dispatches over one y: CLEAR fills it with -1, the other takes the larger of what stands there
// and the position. A maximum of integers is the same in any order.
// Dispatch: ceil(size / 64) workgroups, then ceil(count / 64).  Reads indices once, writes y twice.
// use: group

struct Params {
    count: u32,
    size: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<atomic<i32>>;

override CLEAR: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if CLEAR {
        if at < params.size {
            atomicStore(&y[at], -1);
        }
    } else if at < params.count {
        // A negative index is a large number here.
        let index = indices[at];
        if index < params.size {
            atomicMax(&y[index], i32(at));
        }
    }
}
