// A 3x3 weight in the order in which conv_rows reads it.
//
// w: [channels of y, depth, 3, 3], or [depth, channels of y, 3, 3] for the input gradient, whose kernel
// is turned around.   packed: [depth, blocks, 160]: for each tap 16 channels, then 16 unused
// One invocation per element. Channels past the end are 0.
// Dispatch: ceil(depth * blocks * 160 / 64) workgroups.  Reads w once, writes packed once.
// use: group

struct Params {
    channels: u32,
    depth: u32,
    blocks: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

override INPUT_GRADIENT: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let block_and_depth = i / 160u;
    let depth = block_and_depth / params.blocks;
    if depth >= params.depth {
        return;
    }
    let within = i - block_and_depth * 160u;
    let tap = within / 16u;
    let channel = (block_and_depth - depth * params.blocks) * 16u + within % 16u;
    var value = 0.0;
    if tap < 9u && channel < params.channels {
        if INPUT_GRADIENT {
            value = w[(depth * params.channels + channel) * 9u + 8u - tap];
        } else {
            value = w[(channel * params.depth + depth) * 9u + tap];
        }
    }
    packed[i] = value;
}
