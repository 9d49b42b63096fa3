// Sum, maximum, minimum or product over rows.
//
// x: [rows / parts, columns]   y: [rows / parts, parts]
// y[r, p] goes through columns p * terms up to (p + 1) * terms.
// One invocation, subgroup or workgroup per result. Rows are read in units of four where columns
// and terms are multiples of four, or where there is one row: buffers are whole groups of four.
// Dispatch: see the row module.  Reads x once, writes y once.
// use: group, scalar, reduction
// hole: epilogue
// variant reduce_rows_alone: use unit_scalar, row_alone
// variant reduce_rows_subgroup: use unit_scalar, row_subgroup
// variant reduce_rows_subgroup_vec4: use unit_vec4, row_subgroup
// variant reduce_rows_workgroup: use unit_scalar, row_workgroup
// variant reduce_rows_workgroup_vec4: use unit_vec4, row_workgroup

struct Params {
    rows: u32,
    columns: u32,
    parts: u32,
    terms: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<Unit>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

alias Part = f32;
fn combine(a: Part, b: Part) -> Part {
    return merge(a, b);
}

fn process(row: u32, lane: u32, lanes: u32) {
    if row >= params.rows {
        return;
    }
    let outer = row / params.parts;
    let first = (row - outer * params.parts) * params.terms;
    let length = min(params.terms, params.columns - first);
    let start = (outer * params.columns + first) / UNIT;
    let units = (length + UNIT - 1u) / UNIT;
    var result = Unit(neutral());
    var unit = lane;
    // Whole units, four in one turn: the loop itself costs a third of a load on a software adapter.
    for (; unit + 3u * lanes < length / UNIT; unit += 4u * lanes) {
        let at = start + unit;
        let pair = merge_units(x[at], x[at + lanes]);
        result = merge_units(result, merge_units(pair, merge_units(x[at + 2u * lanes], x[at + 3u * lanes])));
    }
    for (; unit < units; unit += lanes) {
        var term = x[start + unit];
        let left = length - unit * UNIT;
        if left < UNIT {
            term = masked(term, left);
        }
        result = merge_units(result, term);
    }
    let whole = across(fold(result), lane, lanes);
    if lane == 0u {
        y[row] = epilogue(whole, row);
    }
}
