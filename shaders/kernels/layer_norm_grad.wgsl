// The gradient of normalized rows.
//
// x, dy, y: [rows, columns]   scale: [columns]   stats: [rows], columns in units of T
// y = root (g - mean of g - h mean of (g h)), g = dy scale, h = (x - mean) root; without CENTER
// the mean of g is left out. stats = (mean as one f32 holds it, the rest of it, root, 0)
// One invocation, subgroup or workgroup per row.
// Dispatch: see the row module.  Reads x and dy twice, writes y once.
// use: group
// hole: epilogue
// variant layer_norm_grad_alone: use scalar, row_alone
// variant layer_norm_grad_subgroup: use scalar, row_subgroup
// variant layer_norm_grad_subgroup_vec4: use vec4, row_subgroup
// variant layer_norm_grad_workgroup: use scalar, row_workgroup
// variant layer_norm_grad_workgroup_vec4: use vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
    // 1 / elements of a row
    share: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read> dy: array<T>;
@group(0) @binding(3) var<storage, read> stats: array<vec4<f32>>;
// x once more where there is none.
@group(0) @binding(4) var<storage, read> scale: array<T>;
@group(0) @binding(5) var<storage, read_write> y: array<Y>;

override CENTER: bool;
override SCALE: bool;

alias Part = vec2<f32>;
fn combine(a: Part, b: Part) -> Part {
    return a + b;
}

fn scaled(i: u32, column: u32) -> T {
    var g = dy[i];
    if SCALE {
        g *= scale[column];
    }
    return g;
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
    let stat = stats[row];
    let root = stat.z;
    var total = T(0.0);
    var along = T(0.0);
    for (var column = lane; column < params.columns; column += lanes) {
        let g = scaled(start + column, column);
        total += g;
        along += g * (((x[start + column] - stat.x) - stat.y) * root);
    }
    let means = across(Part(sum_of(total), sum_of(along)), lane, lanes) * params.share;
    let mean_g = select(0.0, means.x, CENTER);
    for (var column = lane; column < params.columns; column += lanes) {
        let h = ((x[start + column] - stat.x) - stat.y) * root;
        let slope = root * (scaled(start + column, column) - mean_g - h * means.y);
        y[start + column] = epilogue(slope, start + column);
    }
}
