// Rows added up by index, in order, through a sorted list of their positions. Also their maximum,
// minimum or product.
//
// x: [outer, terms, inner]   sorted: [terms]   starts: [size + 1]
// y: [outer, size, inner], inner in units of T
// y[o, s, i] = sum over p in sorted[starts[s] .. starts[s + 1]] of x[o, p, i]
// This dispatch takes terms `first` up to `last` of each sum, and goes on from y where first is not 0.
// Dispatch: ceil(units of y / 64) workgroups.  Reads x once, writes y once.
// use: group, reduction, pointwise, tanh, erf
// variant segment_sum: use scalar; BLOCK = 256u
// variant segment_sum_vec4: use vec4; BLOCK = 256u

struct Params {
    units: u32,
    size: u32,
    terms: u32,
    inner: u32,
    first: u32,
    last: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> sorted: array<u32>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if at >= params.units {
        return;
    }
    let row = at / params.inner;
    let i = at - row * params.inner;
    let outer = row / params.size;
    let segment = row - outer * params.size;
    let start = starts[segment] + params.first;
    let end = min(starts[segment + 1u], starts[segment] + params.last);
    if params.first > 0u && start >= end {
        return;
    }
    var result = T(neutral());
    if params.first > 0u {
        result = y[at];
    }
    for (var block = start; block < end; block += BLOCK) {
        // Sums of sums: the rounding of a long sum would grow with its length.
        var part = T(neutral());
        for (var p = block; p < min(block + BLOCK, end); p++) {
            part = merge(part, x[(outer * params.terms + sorted[p]) * params.inner + i]);
        }
        result = merge(result, part);
    }
    y[at] = result;
}
