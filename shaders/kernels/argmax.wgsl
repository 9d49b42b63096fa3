// The place of the largest or smallest element over a middle axis.
//
// x: [outer, middle, inner]   y: [outer, parts, inner]
// candidates: [outer, list, inner], places that won before; unused in the FIRST pass, where the list
// is the whole middle axis
// The first of equals wins, and NaN wins over everything, as it does in max and min.
// One invocation per result; it goes through `terms` of the list.
// Dispatch: ceil(outputs / 64) workgroups.  Reads x once, writes y once.
// use: group, pointwise, tanh, erf, scalar

struct Params {
    outputs: u32,
    middle: u32,
    inner: u32,
    list: u32,
    parts: u32,
    terms: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> candidates: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

override FIRST: bool;
override SMALLEST: bool;

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
    let last = min(first + params.terms, params.list);
    var best = 0.0;
    var place = 0u;
    for (var k = first; k < last; k++) {
        var middle = k;
        if !FIRST {
            middle = candidates[(outer * params.list + k) * params.inner + inner];
        }
        let element = x[(outer * params.middle + middle) * params.inner + inner];
        var wins = (element > best) != SMALLEST && element != best;
        wins = (wins || is_nan(element)) && !is_nan(best);
        if wins || k == first {
            best = element;
            place = middle;
        }
    }
    y[i] = place;
}
