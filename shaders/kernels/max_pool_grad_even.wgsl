// Gradient of maximum pooling with windows of 2 x 2 that cover the image side by side.
//
// x, y: [rows, 2, COLUMNS] in pairs of neighbours, y in units of T   dy: [rows, COLUMNS]
// One invocation per four neighbours in y: two pairs, each in a line of its own perhaps. A pair and the one
// above or below it make a window, of which the first of equal elements wins, or the first NaN.
// Dispatch: ceil(groups / 64) workgroups.  Reads x twice and dy four times, writes y once.
// use: group, vec4
// hole: epilogue

struct Params {
    groups: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

// A constant, because a division by a variable costs more than a load on a software adapter.
override COLUMNS: u32;

fn is_none(x: f32) -> bool {
    return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}
fn is_larger(a: f32, b: f32) -> bool {
    return a > b || (is_none(a) && !is_none(b));
}
fn larger_of(pair: vec2<f32>) -> f32 {
    return select(pair.x, pair.y, is_larger(pair.y, pair.x));
}
// The gradient of a pair.
fn slopes_of(pair: u32) -> vec2<f32> {
    let line = pair / COLUMNS;
    let is_lower = (line & 1u) == 1u;
    let own = x[pair];
    let other = x[select(pair + COLUMNS, pair - COLUMNS, is_lower)];
    let mine = larger_of(own);
    let theirs = larger_of(other);
    // Of equals the upper line wins.
    let wins = select(!is_larger(theirs, mine), is_larger(mine, theirs), is_lower);
    let slope = select(0.0, dy[pair - (line + 1u) / 2u * COLUMNS], wins);
    return select(vec2(slope, 0.0), vec2(0.0, slope), is_larger(own.y, own.x));
}

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.groups {
        return;
    }
    y[i] = epilogue(T(slopes_of(i * 2u), slopes_of(i * 2u + 1u)), i);
}
