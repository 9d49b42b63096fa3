// Matrix product for GPUs: a product of blocks, see shared/block.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One workgroup computes a tile of ROWS x COLUMNS.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul, matmul_fetch, block
// hole: epilogue
// variant matmul_block_128x128: use matmul_vec4; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_64x64: use matmul_vec4; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant matmul_block_half_128x128: use matmul_half; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_half_64x64: use matmul_half; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u
// variant matmul_block_scalar_128x128: use matmul_scalar; ROWS = 128u, COLUMNS = 128u, DEPTH = 16u, FETCHES = 1u
// variant matmul_block_scalar_64x64: use matmul_scalar; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u, FETCHES = 2u

alias Task = Tile;
alias Rows = u32;

fn task_of(index: u32) -> Task {
    return tile_of(index, ROWS, COLUMNS);
}
fn rows_of(task: Task, row: u32) -> Rows {
    return row;
}
fn put(task: Task, row: u32, column: u32, sums: vec4<f32>) {
    if row < params.rows {
        store(task.y + row * params.columns, column, sums);
    }
}
