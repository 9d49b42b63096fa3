// Gradient of maximum pooling with windows of 2 x 2 side by side without padding.
//
// x, dx: [planes, in_h, in_w]   dy: [planes, out_h, out_w]
// One invocation per window; a row and a column that are left over count as windows and get 0.
// Dispatch: ceil(windows / 64) workgroups.  Reads x and dy once, writes dx once.
// use: group, scalar, pool_winner_2
// hole: epilogue

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let windows = (params.in_size + 1u) / 2u;
    let row = i / windows.y;
    let plane = row / windows.x;
    if plane >= params.planes {
        return;
    }
    let window = vec2(row - plane * windows.x, i - row * windows.y);
    var winner = NO_WINNER;
    var value = 0.0;
    if all(window < params.out_size) {
        winner = winner_of(plane, window).at;
        value = dy[(plane * params.out_size.x + window.x) * params.out_size.y + window.y];
    }
    let corner = (plane * params.in_size.x + window.x * 2u) * params.in_size.y + window.y * 2u;
    unroll for (var j = 0u; j < 2u; j++) {
        unroll for (var k = 0u; k < 2u; k++) {
            if window.x * 2u + j < params.in_size.x && window.y * 2u + k < params.in_size.y {
                let to = corner + j * params.in_size.y + k;
                dx[to] = epilogue(select(0.0, value, to == winner), to);
            }
        }
    }
}
