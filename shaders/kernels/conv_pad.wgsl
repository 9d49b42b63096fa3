// Images with zeros around them, in rows of whole vec4s.
//
// x: [planes, in_h, in_w]   y: [planes, rows, quads] of vec4
// Pixel (r, k) of y is pixel (r - before.x, k - before.y) of x, or 0 outside of x.
// One invocation per vec4.
// Dispatch: ceil(planes * rows * quads / 64) workgroups.  Reads x once, writes y once.
// use: group

struct Params {
    in_size: vec2<u32>,
    // May wrap around: a negative distance cuts x off.
    before: vec2<u32>,
    planes: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;

// Constants, because a division by a variable costs more than a load on a software adapter.
override ROWS: u32;
override QUADS: u32;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let line = i / QUADS;
    let plane = line / ROWS;
    if plane >= params.planes {
        return;
    }
    let row = line - plane * ROWS - params.before.x;
    let first = (i - line * QUADS) * 4u - params.before.y;
    let source = (plane * params.in_size.x + row) * params.in_size.y + first;
    var four = vec4(0.0);
    unroll for (var p = 0u; p < 4u; p++) {
        if row < params.in_size.x && first + p < params.in_size.y {
            four[p] = x[source + p];
        }
    }
    y[i] = four;
}
