// The largest element of each window, or what stands in its place in another image.
//
// x, z: [planes, in_h, in_w]   y: [planes, out_h, out_w]
// With SELECT, y is z where x is largest (0 if a window holds padding only); else z is not read.
// One invocation per window, which goes through it row by row.
// Dispatch: ceil(windows / 64) workgroups.  Reads the kernel's size of x per window, writes y once.
// use: group, scalar
// hole: epilogue
// variant max_pool: use pool_winner
// variant max_pool_2: use pool_winner_2

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override SELECT: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    let row = i / params.out_size.y;
    let plane = row / params.out_size.x;
    if plane >= params.planes {
        return;
    }
    let window = vec2(row - plane * params.out_size.x, i - row * params.out_size.y);
    let winner = winner_of(plane, window);
    var value = 0.0;
    if winner.at != NO_WINNER {
        if SELECT {
            value = z[winner.at];
        } else {
            value = winner.value;
        }
    } else if !SELECT {
        value = bitcast<f32>(0xff800000u + min(params.planes, 0u));
    }
    y[i] = epilogue(value, i);
}
