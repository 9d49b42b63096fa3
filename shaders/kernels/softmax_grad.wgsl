// The gradient of softmax or of its logarithm over rows.
//
// y, dy, dx: [rows, columns], columns in units of T
// dx = y (dy - sum(dy y)), or for the logarithm dx = dy - exp(y) sum(dy)
// One invocation, subgroup or workgroup per row.
// Dispatch: see the row module.  Reads y and dy twice, writes dx once.
// use: group
// hole: epilogue
// variant softmax_grad_alone: use scalar, row_alone
// variant softmax_grad_subgroup: use scalar, row_subgroup
// variant softmax_grad_subgroup_vec4: use vec4, row_subgroup
// variant softmax_grad_workgroup: use scalar, row_workgroup
// variant softmax_grad_workgroup_vec4: use vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> softmax: array<T>;
@group(0) @binding(2) var<storage, read> dy: array<T>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

override LOG: bool;

alias Part = f32;
fn combine(a: Part, b: Part) -> Part {
    return a + b;
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
    var total = T(0.0);
    for (var column = lane; column < params.columns; column += lanes) {
        if LOG {
            total += dy[start + column];
        } else {
            total += dy[start + column] * softmax[start + column];
        }
    }
    let sum = across(sum_of(total), lane, lanes);
    for (var column = lane; column < params.columns; column += lanes) {
        let slope = dy[start + column];
        let value = softmax[start + column];
        var result = value * (slope - sum);
        if LOG {
            result = slope - exponential(value) * sum;
        }
        y[start + column] = epilogue(result, start + column);
    }
}
