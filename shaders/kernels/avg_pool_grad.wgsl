// Gradient of average pooling: each pixel adds up its share of dy over the windows that cover it.
//
// dy: [planes, out_h, out_w]   dx: [planes, in_h, in_w]
// One invocation per pixel, which asks the windows that may cover it: kernel / stride per axis.
// Dispatch: ceil(pixels / 64) workgroups.  Reads dy once per pixel of a window, writes dx once.
// use: group, scalar, pool_count
// hole: epilogue

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let row = i / params.in_size.y;
    let plane = row / params.in_size.x;
    if plane >= params.planes {
        return;
    }
    let pixel = vec2(row - plane * params.in_size.x, i - row * params.in_size.y);
    let range = covering(pixel);
    var sum = 0.0;
    for (var p = range.x; p < range.z; p++) {
        let line = (plane * params.out_size.x + p) * params.out_size.y;
        for (var q = range.y; q < range.w; q++) {
            let window = vec2(p, q);
            // With a dilation a window passes over pixels between its elements.
            let away = pixel + params.before - window * vec2(STRIDE_Y, STRIDE_X);
            if away.x % DILATION_Y == 0u && away.y % DILATION_X == 0u {
                sum += dy[line + q] / count_of(window);
            }
        }
    }
    dx[i] = epilogue(sum, i);
}
