// Matrix product for GPUs: a product of blocks, see shared/block.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One workgroup computes a tile of ROWS x COLUMNS.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul, block
// hole: epilogue
// variant matmul_block_128x128: use matmul_vec4; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_64x64: use matmul_vec4; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant matmul_block_half_128x128: use matmul_half; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_half_64x64: use matmul_half; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant matmul_block_scalar_128x128: use matmul_scalar; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_scalar_64x64: use matmul_scalar; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u

// Whether neighbours in a's memory are terms rather than rows; the same for b's terms and columns.
override A_TURNED: bool;
override B_TURNED: bool;

alias Task = Tile;
alias Rows = u32;

fn task_of(index: u32) -> Task {
    return tile_of(index, ROWS, COLUMNS);
}
fn rows_of(task: Task, row: u32) -> Rows {
    return row;
}
fn fetch_a(task: Task, row: Rows, term: u32, n: u32) -> vec4<f32> {
    let left = max(task.last, term) - term;
    if A_TURNED {
        return keep(load_a(task.a + (row + n) * params.a_row + term * params.a_term, params.a_term), left);
    }
    let at = task.a + row * params.a_row + (term + n) * params.a_term;
    return keep(load_a(at, params.a_row), select(0u, 4u, n < left));
}
fn fetch_b(task: Task, column: u32, term: u32, n: u32) -> vec4<f32> {
    let left = max(task.last, term) - term;
    if B_TURNED {
        return keep(load_b(task.b + (column + n) * params.b_column + term * params.b_term, params.b_term), left);
    }
    let at = task.b + column * params.b_column + (term + n) * params.b_term;
    return keep(load_b(at, params.b_column), select(0u, 4u, n < left));
}
fn put(task: Task, row: u32, column: u32, sums: vec4<f32>) {
    if row < params.rows {
        store(task.y + row * params.columns, column, sums);
    }
}
