// Softmax or its logarithm over rows.
//
// x: [rows, columns]   y: [rows, columns], columns in units of T
// y = exp(x - max) / sum exp(x - max), or x - max - log(sum exp(x - max))
// One invocation, subgroup or workgroup per row. A first walk keeps the maximum so far and the sum
// relative to it (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018).
// Dispatch: see the row module.  Reads x twice, writes y once.
// use: group
// hole: epilogue
// variant softmax_alone: use scalar, row_alone
// variant softmax_subgroup: use scalar, row_subgroup
// variant softmax_subgroup_vec4: use vec4, row_subgroup
// variant softmax_workgroup: use scalar, row_workgroup
// variant softmax_workgroup_vec4: use vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
@group(0) @binding(2) var<storage, read_write> y: array<Y>;

override LOG: bool;

// The largest element, and the sum of exp(element - largest).
alias Part = vec2<f32>;
fn combine(a: Part, b: Part) -> Part {
    let largest = max(a.x, b.x);
    return Part(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest));
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
    // Finite, so that a row of minus infinities gives NaN at the end and not before.
    var largest = T(-3.4e38);
    var total = T(0.0);
    for (var column = lane; column < params.columns; column += lanes) {
        let element = x[start + column];
        let larger = max(largest, element);
        // A NaN makes the total NaN, and with it the whole row.
        total = total * exp(largest - larger) + exponential(element - larger);
        largest = larger;
    }
    let row_largest = max_of(largest);
    let whole = across(Part(row_largest, sum_of(total * exp(largest - row_largest))), lane, lanes);
    let scale = 1.0 / whole.y;
    let log_total = log(whole.y);
    for (var column = lane; column < params.columns; column += lanes) {
        let element = x[start + column] - whole.x;
        var result = element - log_total;
        if !LOG {
            result = exponential(element) * scale;
        }
        y[start + column] = epilogue(result, start + column);
    }
}
