// Rows normalized to mean 0 and variance 1, or, without CENTER, to mean square 1.
//
// x, y: [rows, columns]   scale, bias: [columns]   stats: [rows], columns in units of T
// y = scale (x - mean) root + bias, root = 1 / sqrt(mean of (x - mean)^2 + epsilon)
// stats = (mean as one f32 holds it, the rest of it, root, 0)
// One invocation, subgroup or workgroup per row. The squares are those of distances from the mean, so
// that a large mean cancels nothing, and the mean distance, 0 but for rounding, corrects mean and
// variance (Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983).
// Dispatch: see the row module.  Reads x three times, writes y once.
// use: group
// variant layer_norm_alone: use scalar, row_alone
// variant layer_norm_subgroup: use scalar, row_subgroup
// variant layer_norm_subgroup_vec4: use vec4, row_subgroup
// variant layer_norm_workgroup: use scalar, row_workgroup
// variant layer_norm_workgroup_vec4: use vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
    // 1 / elements of a row
    share: f32,
    epsilon: f32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<T>;
// x once more where there is none.
@group(0) @binding(2) var<storage, read> scale: array<T>;
@group(0) @binding(3) var<storage, read> bias: array<T>;
@group(0) @binding(4) var<storage, read_write> y: array<T>;
@group(0) @binding(5) var<storage, read_write> stats: array<vec4<f32>>;

override CENTER: bool;
override SCALE: bool;
override BIAS: bool;

alias Part = vec2<f32>;
fn combine(a: Part, b: Part) -> Part {
    return a + b;
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let start = row * params.columns;
    var mean = 0.0;
    if CENTER {
        var total = T(0.0);
        for (var column = lane; column < params.columns; column += lanes) {
            total += x[start + column];
        }
        mean = across(Part(sum_of(total), 0.0), lane, lanes).x * params.share;
    }
    var distance = T(0.0);
    var squares = T(0.0);
    for (var column = lane; column < params.columns; column += lanes) {
        let d = x[start + column] - mean;
        distance += d;
        squares += d * d;
    }
    let moments = across(Part(sum_of(distance), sum_of(squares)), lane, lanes) * params.share;
    // Near a large mean, f32 is too coarse for the sum of both.
    let rest = select(0.0, moments.x, CENTER);
    let variance = moments.y - rest * rest;
    let root = 1.0 / sqrt(variance + params.epsilon);
    for (var column = lane; column < params.columns; column += lanes) {
        var result = ((x[start + column] - mean) - rest) * root;
        if SCALE {
            result *= scale[column];
        }
        if BIAS {
            result += bias[column];
        }
        y[start + column] = result;
    }
    if lane == 0u {
        stats[row] = vec4<f32>(mean, rest, root, 0.0);
    }
}
