// Sum, maximum, minimum or product of integers over a middle axis. Sums and products wrap.
//
// x: [outer, middle, inner]   y: [outer, parts, inner], i32 or u32, or truth values of 0 and 1
// One invocation per result; it goes through `terms` of the middle axis, then the parts are reduced.
// Dispatch: ceil(outputs / 64) workgroups.  Reads x once, writes y once.
// use: group

struct Params {
    outputs: u32,
    middle: u32,
    inner: u32,
    parts: u32,
    terms: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;

// 0 sum, 1 maximum, 2 minimum, 3 product
override KIND: u32;
override SIGNED: bool;

// Turned over, the first bit of signed numbers orders them as unsigned ones.
fn turned(x: u32) -> u32 {
    return x ^ select(0u, 0x80000000u, SIGNED);
}
fn merge(result: u32, term: u32) -> u32 {
    if KIND == 0u {
        return result + term;
    } else if KIND == 3u {
        return result * term;
    }
    let larger = turned(term) > turned(result);
    return select(result, term, larger == (KIND == 1u));
}
fn neutral() -> u32 {
    if KIND == 1u {
        return turned(0u);
    } else if KIND == 2u {
        return turned(0xffffffffu);
    }
    return select(0u, 1u, KIND == 3u);
}

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
    var result = neutral();
    for (var m = first; m < last; m++) {
        result = merge(result, x[(outer * params.middle + m) * params.inner + inner]);
    }
    y[i] = result;
}
