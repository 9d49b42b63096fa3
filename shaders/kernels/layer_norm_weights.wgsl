// The gradients of scale and bias of normalized rows: sums over the rows.
//
// x, dy: [rows, columns]   stats: [rows]   y: [parts, 1 or 2, columns], columns in units of T
// y[p, 0] = sum of dy (x - mean) root over rows p * terms up to (p + 1) * terms; with BIAS
// y[p, 1] = sum of dy; stats = (mean as one f32 holds it, the rest of it, root, 0)
// One invocation per column and part; then the parts are summed up.
// Dispatch: ceil(columns * parts / 64) workgroups.  Reads x and dy once, writes y once.
// use: group
// variant layer_norm_weights: use scalar
// variant layer_norm_weights_vec4: use vec4

struct Params {
    rows: u32,
    columns: u32,
    parts: u32,
    terms: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> dy: array<T>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;

override BIAS: bool;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.columns * params.parts {
        return;
    }
    let column = i % params.columns;
    let part = i / params.columns;
    let first = part * params.terms;
    var along = T(0.0);
    var total = T(0.0);
    for (var row = first; row < min(first + params.terms, params.rows); row++) {
        let at = row * params.columns + column;
        let stat = stats[row];
        let slope = dy[at];
        along += slope * (((x[at] - stat.x) - stat.y) * stat.z);
        total += slope;
    }
    if BIAS {
        y[2u * part * params.columns + column] = along;
        y[(2u * part + 1u) * params.columns + column] = total;
    } else {
        y[i] = along;
    }
}
