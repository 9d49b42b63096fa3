// Matrix product of few rows for GPUs, where reading b is the work: no tile is staged.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One workgroup makes ROWS rows of COLUMNS columns. An invocation goes through every LANES-th
// block of four terms and four columns, and a tree in workgroup memory adds up what the lanes have.
// Neighbours read what stands side by side in b: columns, or terms where it is turned.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul, matmul_fetch
// hole: epilogue
// variant matmul_rows_4x128: use matmul_vec4; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_4x32: use matmul_vec4; ROWS = 4u, COLUMNS = 32u
// variant matmul_rows_half_4x128: use matmul_half; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_half_4x32: use matmul_half; ROWS = 4u, COLUMNS = 32u
// variant matmul_rows_scalar_4x128: use matmul_scalar; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_scalar_4x32: use matmul_scalar; ROWS = 4u, COLUMNS = 32u

const SIZE = 256u;
const UNITS = COLUMNS / 4u;
var<workgroup> results: array<array<vec4<f32>, SIZE>, ROWS>;

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = tile_of(group_index(group, groups), ROWS, COLUMNS);
    if !tile.exists {
        return;
    }
    let lanes = SIZE / UNITS;
    let unit = select(local % UNITS, local / lanes, B_TURNED);
    let lane = select(local / UNITS, local % lanes, B_TURNED);
    let column = tile.column + 4u * unit;
    var sum: array<vec4<f32>, ROWS>;
    for (var term = tile.first + 4u * lane; term < tile.last; term += 4u * lanes) {
        var a_block: array<vec4<f32>, 4>;
        var b_block: array<vec4<f32>, 4>;
        unroll for (var n = 0u; n < 4u; n++) {
            a_block[n] = fetch_a(tile, tile.row, term, n);
            b_block[n] = fetch_b(tile, column, term, n);
        }
        unroll for (var k = 0u; k < 4u; k++) {
            let across = vec4<f32>(b_block[0][k], b_block[1][k], b_block[2][k], b_block[3][k]);
            let b_row = select(b_block[k], across, B_TURNED);
            unroll for (var i = 0u; i < ROWS; i++) {
                sum[i] = fma(vec4(select(a_block[k][i], a_block[i][k], A_TURNED)), b_row, sum[i]);
            }
        }
    }
    unroll for (var i = 0u; i < ROWS; i++) {
        results[i][lane * UNITS + unit] = sum[i];
    }
    for (var distance = SIZE / 2u; distance >= UNITS; distance /= 2u) {
        workgroupBarrier();
        if local < distance {
            unroll for (var i = 0u; i < ROWS; i++) {
                results[i][local] += results[i][local + distance];
            }
        }
    }
    if local < UNITS {
        for (var i = 0u; i < ROWS; i++) {
            if tile.row + i < params.rows {
                store(tile.y + (tile.row + i) * params.columns, tile.column + 4u * local, results[i][local]);
            }
        }
    }
}
