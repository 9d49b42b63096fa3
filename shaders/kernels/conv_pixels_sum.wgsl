// Adds up the parts of conv_pixels_weight or conv_block_weight, in a fixed order, and puts them where the weight has them.
//
// parts: [parts, taps * depth + 1, channels], whole vec4s
// dw: [channels, depth, taps]   db: [channels], the last row
// One invocation per row and four channels.
// Dispatch: ceil((taps * depth + 1) * channels / 4 / 64) workgroups.  Reads the parts once, writes dw and db.
// use: group

struct Params {
    depth: u32,
    taps: u32,
    // In vec4s.
    channels: u32,
    parts: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<storage, read_write> db: array<vec4<f32>>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let row = i / params.channels;
    let rows = params.taps * params.depth;
    if row > rows {
        return;
    }
    let column = i - row * params.channels;
    let size = (rows + 1u) * params.channels;
    var sum = vec4(0.0);
    for (var part = 0u; part < params.parts; part++) {
        sum += parts[part * size + i];
    }
    if row == rows {
        db[column] = sum;
        return;
    }
    let tap = row / params.depth;
    let place = (row - tap * params.depth) * params.taps + tap;
    unroll for (var c = 0u; c < 4u; c++) {
        dw[(column * 4u + c) * rows + place] = sum[c];
    }
}
