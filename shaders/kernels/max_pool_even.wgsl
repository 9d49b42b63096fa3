// The largest element of each window of 2 x 2, of images whose windows cover them side by side.
//
// x: [rows, 2, COLUMNS] in pairs of neighbours   y: [rows, COLUMNS], in units of T
// One invocation per four windows, which may stand in two rows; those past the end fall into the padding.
// Dispatch: ceil(groups / 64) workgroups.  Reads x once, writes y once.
// use: group, vec4
// hole: epilogue

struct Params {
    groups: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

// A constant, because a division by a variable costs more than a load on a software adapter.
override COLUMNS: u32;

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
    // Window w stands at pair w of all upper lines.
    let windows = U(i * 4u) + vec4<u32>(0u, 1u, 2u, 3u);
    let upper = windows + windows / COLUMNS * COLUMNS;
    let lower = upper + COLUMNS;
    let a = x[upper.x];
    let b = x[upper.y];
    let c = x[upper.z];
    let d = x[upper.w];
    let e = x[lower.x];
    let f = x[lower.y];
    let g = x[lower.z];
    let h = x[lower.w];
    let largest_above = maximum(T(a.x, b.x, c.x, d.x), T(a.y, b.y, c.y, d.y));
    let largest_below = maximum(T(e.x, f.x, g.x, h.x), T(e.y, f.y, g.y, h.y));
    y[i] = epilogue(maximum(largest_above, largest_below), i);
}
