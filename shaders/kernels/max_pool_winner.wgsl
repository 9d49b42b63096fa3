// Where the largest element of each window stands.
//
// x: [planes, in_h, in_w]   winners: [planes, out_h, out_w], positions in x, or IN_PLANE in its plane
// One invocation per window, which goes through it row by row.
// Dispatch: ceil(windows / 64) workgroups.  Reads the kernel's size of x per window, writes once.
// use: group, pool_winner

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> winners: array<u32>;

override IN_PLANE: bool;

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
    var at = winner_of(plane, vec2(row - plane * params.out_size.x, i - row * params.out_size.y)).at;
    if IN_PLANE && at != NO_WINNER {
        at -= plane * params.in_size.x * params.in_size.y;
    }
    winners[i] = at;
}
