// Sum, maximum, minimum or product over a middle axis, for GPUs: many lines of it at once.
//
// x: [outer, middle, inner]   y: [outer, parts, inner], inner in units of T
// One workgroup per UNITS neighbours of inner and part of the middle axis; its lines of UNITS invocations
// go through the part in turns, and a tree in workgroup memory adds up what they have.
// Dispatch: outer * parts * blocks workgroups.  Reads x once, writes y once.
// use: group, reduction
// hole: epilogue
// variant reduce_columns: use scalar
// variant reduce_columns_vec4: use vec4

struct Params {
    outer: u32,
    middle: u32,
    inner: u32,
    parts: u32,
    terms: u32,
    // Workgroups side by side for all of inner.
    blocks: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// A power of two.
override UNITS: u32;
const SIZE = 256u;
var<workgroup> results: array<T, SIZE>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group_index(group, groups);
    let part_and_outer = index / params.blocks;
    let outer = part_and_outer / params.parts;
    if outer >= params.outer {
        return;
    }
    let part = part_and_outer - outer * params.parts;
    let inner = (index - part_and_outer * params.blocks) * UNITS + local % UNITS;
    let last = min((part + 1u) * params.terms, params.middle);
    let lines = SIZE / UNITS;
    let line = lines * params.inner;
    var result = T(neutral());
    if inner < params.inner {
        var m = part * params.terms + local / UNITS;
        var at = (outer * params.middle + m) * params.inner + inner;
        // Four loads are on their way at once.
        for (; m + 3u * lines < last; m += 4u * lines) {
            let four = array<T, 4>(x[at], x[at + line], x[at + 2u * line], x[at + 3u * line]);
            unroll for (var i = 0u; i < 4u; i++) {
                result = merge(result, four[i]);
            }
            at += 4u * line;
        }
        for (; m < last; m += lines) {
            result = merge(result, x[at]);
            at += line;
        }
    }
    results[local] = result;
    for (var distance = SIZE / 2u; distance >= UNITS; distance /= 2u) {
        workgroupBarrier();
        if local < distance {
            results[local] = merge(results[local], results[local + distance]);
        }
    }
    if local < UNITS && inner < params.inner {
        let to = (outer * params.parts + part) * params.inner + inner;
        y[to] = epilogue(results[local], to);
    }
}
