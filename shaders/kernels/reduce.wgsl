// Sum, maximum or minimum over a middle axis.
//
// x: [outer, middle, inner]   y: [outer, parts, inner]
// One invocation per result; it goes through `terms` of the middle axis, then the parts are reduced.
// Dispatch: ceil(outputs / 64) workgroups.  Reads x once, writes y once.
// use: group, pointwise, tanh, erf, scalar
// hole: epilogue
// variant reduce: FINAL = 1u
// variant reduce_part: FINAL = 0u

struct Params {
    outputs: u32,
    middle: u32,
    inner: u32,
    parts: u32,
    terms: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

// 0 sum, 1 maximum, 2 minimum
override KIND: u32;

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
    var result = 0.0;
    if KIND == 1u {
        result = bitcast<f32>(0xff800000u + min(params.middle, 0u));
    } else if KIND == 2u {
        result = bitcast<f32>(0x7f800000u + min(params.middle, 0u));
    }
    for (var m = first; m < last; m++) {
        let term = x[(outer * params.middle + m) * params.inner + inner];
        if KIND == 0u {
            result += term;
        } else if KIND == 1u {
            result = maximum(result, term);
        } else {
            result = minimum(result, term);
        }
    }
    y[i] = epilogue(result, i);
}
