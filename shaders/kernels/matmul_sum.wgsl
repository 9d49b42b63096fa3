// Sum of the parts of a matrix product whose terms were cut, in a fixed order.
//
// x: [parts, count]   y: [count], in units of T
// One invocation per unit.
// Dispatch: ceil(count / 64) workgroups.  Reads x once, writes y once.
// use: group
// hole: epilogue
// variant matmul_sum: use vec4
// variant matmul_sum_scalar: use scalar

struct Params {
    parts: u32,
    count: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.count {
        return;
    }
    var sum = x[i];
    for (var part = 1u; part < params.parts; part++) {
        sum += x[part * params.count + i];
    }
    y[i] = epilogue(sum, i);
}
