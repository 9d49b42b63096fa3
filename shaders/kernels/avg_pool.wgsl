// The mean of each window.
//
// x: [planes, in_h, in_w]   y: [planes, out_h, out_w]
// One invocation per window, which goes through it row by row.
// Dispatch: ceil(windows / 64) workgroups.  Reads the kernel's size of x per window, writes y once.
// use: group, scalar, pool_count
// hole: epilogue

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let out_row = i / params.out_size.y;
    let plane = out_row / params.out_size.x;
    if plane >= params.planes {
        return;
    }
    let window = vec2(out_row - plane * params.out_size.x, i - out_row * params.out_size.y);
    // Before the image the differences wrap around and are far outside.
    let corner = window * vec2(STRIDE_Y, STRIDE_X) - params.before;
    var sum = 0.0;
    for (var j = 0u; j < params.kernel.x; j++) {
        let row = corner.x + j * DILATION_Y;
        if row >= params.in_size.x {
            continue;
        }
        let line = (plane * params.in_size.x + row) * params.in_size.y;
        for (var k = 0u; k < params.kernel.y; k++) {
            let column = corner.y + k * DILATION_X;
            if column < params.in_size.y {
                sum += x[line + column];
            }
        }
    }
    y[i] = epilogue(sum / count_of(window), i);
}
