// Blocks of rows sorted: each element counts the elements of its block that come before it.
//
// x: [rows, length]   pairs: [rows, length], sorted within each block of `block` elements: a u32 that
// orders as the element does, and the position in the row that it comes from
// y: [rows, kept], with LAST in place of pairs: the first positions of each row, which is one block
// Equal elements keep their order. NaN counts as larger than every number.
// One invocation per element.
// Dispatch: ceil(elements / 64) workgroups.  Reads x `block` times, writes pairs or y once.
// use: group

struct Params {
    elements: u32,
    length: u32,
    block: u32,
    kept: u32,
    descending: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read_write> pairs: array<vec2<u32>>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;

// What x holds: 0 f32, 1 i32, 2 u32 or truth values.
override DTYPE: u32;
override LAST: bool;

fn key_of(bits: u32) -> u32 {
    var key = bits;
    if DTYPE == 0u {
        let magnitude = bits & 0x7fffffffu;
        // The order of negative floats is that of their bits turned around.
        key = bits ^ select(0x80000000u, 0xffffffffu, (bits >> 31u) == 1u);
        // Both zeros are equal.
        key = select(key, 0x80000000u, magnitude == 0u);
        key = select(key, 0xffffffffu, magnitude > 0x7f800000u);
    } else if DTYPE == 1u {
        key = bits ^ 0x80000000u;
    }
    return select(key, ~key, params.descending == 1u);
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let at = group_index(group, groups) * 64u + local;
    if at >= params.elements {
        return;
    }
    let row = at / params.length;
    let column = at - row * params.length;
    let start = row * params.length;
    let first = (column / params.block) * params.block;
    let last = min(first + params.block, params.length);
    let own = key_of(x[at]);
    var before = 0u;
    for (var other = first; other < last; other++) {
        let key = key_of(x[start + other]);
        before += select(0u, 1u, key < own || (key == own && other < column));
    }
    if !LAST {
        pairs[start + first + before] = vec2(own, column);
    } else if before < params.kept {
        y[row * params.kept + before] = column;
    }
}
