// Rows or elements added up by index, in order: every result looks through all indices. Also their
// maximum, minimum or product.
//
// x: [outer, terms, inner]   y: [outer, size, inner], inner in units of T
// indices: [terms], or with ELEMENTS [outer, terms, inner]
// y[o, s, i] = sum over k, with indices[k] = s (or indices[o, k, i] = s), of x[o, k, i]
// This dispatch looks at `first` up to `last`, and goes on from y where first is not 0.
// Dispatch: ceil(units of y / 64) workgroups.  Reads the indices once per result, x and y once.
// use: group, reduction, pointwise, tanh, erf
// variant scatter_add: use scalar; BLOCK = 256u
// variant scatter_add_vec4: use vec4; BLOCK = 256u

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
@group(0) @binding(2) var<storage, read> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<T>;

override ELEMENTS: bool;

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
    let wanted = row - outer * params.size;
    var result = T(neutral());
    if params.first > 0u {
        result = y[at];
    }
    for (var block = params.first; block < params.last; block += BLOCK) {
        // Sums of sums: the rounding of a long sum would grow with its length.
        var part = T(neutral());
        for (var k = block; k < min(block + BLOCK, params.last); k++) {
            let from_x = (outer * params.terms + k) * params.inner + i;
            var from_indices = k;
            if ELEMENTS {
                from_indices = from_x;
            }
            if indices[from_indices] == wanted {
                part = merge(part, x[from_x]);
            }
        }
        result = merge(result, part);
    }
    y[at] = result;
}
