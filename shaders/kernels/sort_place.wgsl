// One pass of a stable sort: every position goes to its place.
//
// indices: [count]   positions: [count], in the order so far (unused in the FIRST pass)
// places: [256, blocks], where the digits of each block begin; used up   sorted: [count]
// One invocation per block, which it goes through in order.
// Dispatch: ceil(blocks / 32) workgroups.  Reads the positions and indices once, writes sorted once.
// use: group, sort_key

struct Params {
    count: u32,
    size: u32,
    blocks: u32,
    block: u32,
    shift: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read> positions: array<u32>;
@group(0) @binding(3) var<storage, read_write> places: array<u32>;
@group(0) @binding(4) var<storage, read_write> sorted: array<u32>;

override FIRST: bool;

@compute @workgroup_size(32)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = group_index(group, groups) * 32u + local;
    if block >= params.blocks {
        return;
    }
    let last = min((block + 1u) * params.block, params.count);
    for (var k = block * params.block; k < last; k++) {
        var position = k;
        if !FIRST {
            position = positions[k];
        }
        let at = digit_of(indices[position], params.size, params.shift) * params.blocks + block;
        let place = places[at];
        places[at] = place + 1u;
        sorted[place] = position;
    }
}
