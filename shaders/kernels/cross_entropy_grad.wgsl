// The gradient of the cross-entropy of rows of logits.
//
// x, y: [rows, columns]   targets, classes, weights, stats: those of cross_entropy.wgsl, columns in units of T
// slopes: [rows], or one for all without SLOPE_STEP
// y = slope (exp(x - largest - log of the sum) (sum of the shares) - shares)
// One invocation, subgroup or workgroup per row.
// Dispatch: see the row module.  Reads x once, writes y once.
// use: group, class_shares
// hole: epilogue
// variant cross_entropy_grad_alone: use scalar, row_alone
// variant cross_entropy_grad_subgroup: use scalar, row_subgroup
// variant cross_entropy_grad_subgroup_vec4: use vec4, row_subgroup
// variant cross_entropy_grad_workgroup: use scalar, row_workgroup
// variant cross_entropy_grad_workgroup_vec4: use vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
    // shares * keep + share
    keep: f32,
    share: f32,
    ignored: i32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
// x once more in place of what there is not.
@group(0) @binding(2) var<storage, read> targets: array<T>;
@group(0) @binding(3) var<storage, read> classes: array<i32>;
@group(0) @binding(4) var<storage, read> weights: array<T>;
@group(0) @binding(5) var<storage, read> stats: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read> slopes: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<Y>;

override SLOPE_STEP: u32;

// Nothing is combined.
alias Part = f32;
fn combine(a: Part, b: Part) -> Part {
    return a;
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
    let chosen = class_of(row);
    let stat = stats[row];
    // A row that does not count has no shares either: stat.z is 0.
    var slope = slopes[row * SLOPE_STEP];
    if is_ignored(row) {
        slope = 0.0;
    }
    for (var column = lane; column < params.columns; column += lanes) {
        let p = exponential((x[start + column] - stat.x) - stat.y);
        let shares = shares_of(start + column, column, chosen);
        y[start + column] = epilogue(slope * (p * stat.z - shares), start + column);
    }
}
