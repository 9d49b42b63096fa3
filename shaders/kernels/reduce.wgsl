// Sum, maximum, minimum or product over a middle axis.
//
// x: [outer, middle, inner]   y: [outer, parts, inner], inner and outputs in units of T
// One invocation per result; it goes through `terms` of the middle axis, then the parts are reduced.
// Dispatch: ceil(outputs / 64) workgroups.  Reads x once, writes y once.
// use: group, reduction
// hole: epilogue
// variant reduce: use scalar
// variant reduce_vec4: use vec4

struct Params {
    outputs: u32,
    middle: u32,
    inner: u32,
    parts: u32,
    terms: u32,
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
    if i >= params.outputs {
        return;
    }
    let inner = i % params.inner;
    let part = (i / params.inner) % params.parts;
    let outer = i / (params.inner * params.parts);
    let first = part * params.terms;
    let last = min(first + params.terms, params.middle);
    var result = T(neutral());
    for (var m = first; m < last; m++) {
        result = merge(result, x[(outer * params.middle + m) * params.inner + inner]);
    }
    y[i] = epilogue(result, i);
}
