// What the matrix products share: parameters, operands, and which tile a workgroup computes.
//
// a: element (row, term) of batch z at a_start + z's place + row * a_row + term * a_term
// b: element (term, column) likewise with b_term and b_column
// y: [parts, batches, rows, columns], row-major
// use: group

struct Params {
    // Sizes of one product.
    rows: u32,
    columns: u32,
    terms: u32,
    // The sum over the terms is cut into `parts` of `terms_per_part`; the last may be shorter.
    parts: u32,
    terms_per_part: u32,
    batches: u32,
    a_start: u32,
    a_row: u32,
    a_term: u32,
    b_start: u32,
    b_term: u32,
    b_column: u32,
    // The batch axes, innermost first: four in `inner`, four in `outer`.
    batch_axes: u32,
    inner_sizes: vec4<u32>,
    outer_sizes: vec4<u32>,
    inner_a_strides: vec4<u32>,
    outer_a_strides: vec4<u32>,
    inner_b_strides: vec4<u32>,
    outer_b_strides: vec4<u32>,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<Stored>;
@group(0) @binding(2) var<storage, read> b: array<Stored>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

struct Tile {
    // First row and column of the tile.
    row: u32,
    column: u32,
    // The terms it sums up: from `first` to below `last`.
    first: u32,
    last: u32,
    // Where the matrices of its batch start.
    a: u32,
    b: u32,
    // The position of element (0, 0) of its batch and part in y.
    y: u32,
    exists: bool,
}

// Tiles of the same columns are neighbours: they read the same part of b.
fn tile_of(index: u32, tile_rows: u32, tile_columns: u32) -> Tile {
    let down = (params.rows + tile_rows - 1u) / tile_rows;
    let across = (params.columns + tile_columns - 1u) / tile_columns;
    let panel = index / down;
    let part_and_batch = panel / across;
    let batch = part_and_batch / params.parts;
    let part = part_and_batch % params.parts;
    var tile: Tile;
    tile.row = (index % down) * tile_rows;
    tile.column = (panel % across) * tile_columns;
    tile.first = part * params.terms_per_part;
    tile.last = min(tile.first + params.terms_per_part, params.terms);
    tile.a = params.a_start;
    tile.b = params.b_start;
    tile.y = (part * params.batches + batch) * params.rows * params.columns;
    tile.exists = batch < params.batches;
    var rest = batch;
    for (var axis = 0u; axis < params.batch_axes; axis++) {
        let inner = axis < 4u;
        let at = axis % 4u;
        let size = select(params.outer_sizes[at], params.inner_sizes[at], inner);
        let position = rest % size;
        rest /= size;
        tile.a += position * select(params.outer_a_strides[at], params.inner_a_strides[at], inner);
        tile.b += position * select(params.outer_b_strides[at], params.inner_b_strides[at], inner);
    }
    return tile;
}

// The first `count` of four elements, zeros for the rest.
fn keep(block: vec4<f32>, count: u32) -> vec4<f32> {
    return select(vec4<f32>(0.0), block, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(count));
}
