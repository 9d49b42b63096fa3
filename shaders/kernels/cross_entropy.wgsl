// Cross-entropy of rows of logits with shares of the classes, or with one class of each row.
//
// x: [rows, columns]   targets: [rows, columns] or classes: [rows]   weights: [columns], columns in units of T
// losses, counted: [rows]   stats: [rows] of (largest, log of the sum, sum of the shares, 0)
// loss = -sum(shares (x - largest - log(sum exp(x - largest))))
// One invocation, subgroup or workgroup per row. Sums as in softmax.wgsl.
// Dispatch: see the row module.  Reads x once, twice for shares; of a single class just its logit again.
// use: group, class_shares, pointwise, tanh, erf
// variant cross_entropy_alone: use scalar, row_alone
// variant cross_entropy_subgroup: use scalar, row_subgroup
// variant cross_entropy_subgroup_vec4: use vec4, row_subgroup
// variant cross_entropy_workgroup: use scalar, row_workgroup
// variant cross_entropy_workgroup_vec4: use vec4, row_workgroup

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
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;
@group(0) @binding(6) var<storage, read_write> counted: array<f32>;
@group(0) @binding(7) var<storage, read_write> stats: array<vec4<f32>>;

// The largest element and the sum of exp(element - largest); and two sums that begin later.
alias Part = vec4<f32>;
fn combine(a: Part, b: Part) -> Part {
    let largest = max(a.x, b.x);
    return Part(largest, a.y * exp(a.x - largest) + b.y * exp(b.x - largest), a.zw + b.zw);
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
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
    let row_total = sum_of(total * exp(largest - row_largest));
    let whole = across(Part(row_largest, row_total, 0.0, 0.0), lane, lanes);
    let log_total = log(whole.y);
    let chosen = class_of(row);
    let is_class = chosen < params.columns * LANES;

    // The sum of shares times logarithms, and that of the shares.
    var sums = vec2<f32>(0.0);
    if SHARES || SMOOTHED {
        var terms = T(0.0);
        var amount = T(0.0);
        for (var column = lane; column < params.columns; column += lanes) {
            let shares = shares_of(start + column, column, chosen);
            terms += shares * ((x[start + column] - whole.x) - log_total);
            amount += shares;
        }
        sums = across(Part(0.0, 0.0, sum_of(terms), sum_of(amount)), lane, lanes).zw;
    }
    if lane > 0u {
        return;
    }
    var weight = 1.0;
    if WEIGHTED && !SHARES {
        weight = select(0.0, element_of(weights[chosen / LANES], chosen % LANES), is_class);
    }
    if !SHARES && !SMOOTHED && is_class {
        let logarithm = (element_of(x[start + chosen / LANES], chosen % LANES) - whole.x) - log_total;
        sums = vec2<f32>(weight * logarithm, weight);
    }
    if is_ignored(row) {
        sums = vec2<f32>(0.0);
        weight = 0.0;
    }
    losses[row] = -sums.x;
    counted[row] = weight;
    stats[row] = vec4<f32>(whole.x, log_total, sums.y, 0.0);
}
