// A sparse matrix along one axis: weighted sums of a few places of x each.
//
// x: [outer, size, inner]   spans: [count], (start, end) in terms   terms: (place, bits of the weight)
// y: [outer, count, inner], inner in units of T
// y[o, k, i] = sum over the terms of span k of weight x[o, place, i]
// One invocation per unit of y.
// Dispatch: ceil(units of y / 64) workgroups.  Reads x once per term, writes y once.
// use: group
// hole: epilogue
// variant taps: use scalar; BLOCK = 256u
// variant taps_vec4: use vec4; BLOCK = 256u

struct Params {
    units: u32,
    size: u32,
    count: u32,
    inner: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> spans: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read> terms: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read_write> y: array<Y>;

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
    let outer = row / params.count;
    let span = spans[row - outer * params.count];
    let first = outer * params.size * params.inner + i;
    var sum = T(0.0);
    for (var block = span.x; block < span.y; block += BLOCK) {
        // Sums of sums: the rounding of a long sum would grow with its length.
        var part = T(0.0);
        for (var t = block; t < min(block + BLOCK, span.y); t++) {
            let term = terms[t];
            part += bitcast<f32>(term.y) * x[first + term.x * params.inner];
        }
        sum += part;
    }
    y[at] = epilogue(sum, at);
}
