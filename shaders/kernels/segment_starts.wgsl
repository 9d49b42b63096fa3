// Where each index begins in a sorted list of positions.
//
// indices: [count]   sorted: [count], positions in the order of their indices
// starts: [size + 1]
// One invocation per start, by bisection.
// Dispatch: ceil((size + 1) / 64) workgroups.  Reads 2 log2(count) numbers each.
// use: group, sort_key

struct Params {
    count: u32,
    size: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> sorted: array<u32>;
@group(0) @binding(3) var<storage, read_write> starts: array<u32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let wanted = group_index(group, groups) * 64u + local;
    if wanted > params.size {
        return;
    }
    var low = 0u;
    var high = params.count;
    while low < high {
        let middle = low + (high - low) / 2u;
        if key_of(indices[sorted[middle]], params.size) < wanted {
            low = middle + 1u;
        } else {
            high = middle;
        }
    }
    starts[wanted] = low;
}
