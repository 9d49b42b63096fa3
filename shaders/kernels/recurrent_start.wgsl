// The initial state of a recurrent layer, put at time 0 of its states.
//
// x: [batch, units], or one number for all of them   y: [batch, times, units]
// One invocation per element.
// Dispatch: ceil(batch * units / 64) workgroups.  Reads x once, writes one time of y once.
// use: group

struct Params {
    elements: u32,
    units: u32,
    times: u32,
    // Distance to the next element of x: 0 when there is only one.
    stride: u32,
}
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
    if i < params.elements {
        y[i / params.units * params.times * params.units + i % params.units] = x[i * params.stride];
    }
}
