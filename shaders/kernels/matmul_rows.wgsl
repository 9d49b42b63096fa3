// Matrix product of few rows for GPUs, where reading b is the work: no tile is staged.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One workgroup makes ROWS rows of COLUMNS columns. An invocation goes through every LANES-th
// block of four terms and four columns, and a tree in workgroup memory adds up what the lanes have.
// Neighbours read what stands side by side in b: columns, or terms where it is turned.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul
// hole: epilogue
// variant matmul_rows_4x128: use matmul_vec4; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_4x32: use matmul_vec4; ROWS = 4u, COLUMNS = 32u
// variant matmul_rows_half_4x128: use matmul_half; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_half_4x32: use matmul_half; ROWS = 4u, COLUMNS = 32u
// variant matmul_rows_scalar_4x128: use matmul_scalar; ROWS = 4u, COLUMNS = 128u
// variant matmul_rows_scalar_4x32: use matmul_scalar; ROWS = 4u, COLUMNS = 32u

// Whether neighbours in a's memory are terms rather than rows; the same for b's terms and columns.
override A_TURNED: bool;
override B_TURNED: bool;

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
        let left = tile.last - term;
        var a_block: array<vec4<f32>, 4>;
        var b_block: array<vec4<f32>, 4>;
        unroll for (var n = 0u; n < 4u; n++) {
            if A_TURNED {
                a_block[n] = keep(load_a(tile.a + (tile.row + n) * params.a_row + term * params.a_term, params.a_term), left);
            } else {
                let at = tile.a + tile.row * params.a_row + (term + n) * params.a_term;
                a_block[n] = keep(load_a(at, params.a_row), select(0u, 4u, n < left));
            }
            if B_TURNED {
                b_block[n] = keep(load_b(tile.b + (column + n) * params.b_column + term * params.b_term, params.b_term), left);
            } else {
                let at = tile.b + column * params.b_column + (term + n) * params.b_term;
                b_block[n] = keep(load_b(at, params.b_column), select(0u, 4u, n < left));
            }
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
