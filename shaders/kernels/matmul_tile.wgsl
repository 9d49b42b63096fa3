// Matrix product for GPUs: tiles of a and b in workgroup memory, a 4x4 block of sums per invocation.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One workgroup computes a tile of ROWS x COLUMNS and goes through the terms DEPTH at a time: stage
// both tiles, multiply them. A tile stands in workgroup memory the way its matrix stands in memory,
// in vectors of four along memory; the 4x4 blocks are turned in registers.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul
// hole: epilogue
// variant matmul_tile_64x64: use matmul_vec4; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u
// variant matmul_tile_32x32: use matmul_vec4; ROWS = 32u, COLUMNS = 32u, DEPTH = 16u
// variant matmul_tile_4x256: use matmul_vec4; ROWS = 4u, COLUMNS = 256u, DEPTH = 8u
// variant matmul_tile_half_64x64: use matmul_half; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u
// variant matmul_tile_half_32x32: use matmul_half; ROWS = 32u, COLUMNS = 32u, DEPTH = 16u
// variant matmul_tile_half_4x256: use matmul_half; ROWS = 4u, COLUMNS = 256u, DEPTH = 8u
// variant matmul_tile_scalar_64x64: use matmul_scalar; ROWS = 64u, COLUMNS = 64u, DEPTH = 16u
// variant matmul_tile_scalar_32x32: use matmul_scalar; ROWS = 32u, COLUMNS = 32u, DEPTH = 16u
// variant matmul_tile_scalar_4x256: use matmul_scalar; ROWS = 4u, COLUMNS = 256u, DEPTH = 8u

// Whether neighbours in a's memory are rows rather than terms; the same for b's terms and columns.
override A_ALONG_ROWS: bool;
override B_ALONG_TERMS: bool;

const ROW_QUADS = ROWS / 4u;
const COLUMN_QUADS = COLUMNS / 4u;
const TERM_QUADS = DEPTH / 4u;
const INVOCATIONS = ROW_QUADS * COLUMN_QUADS;
// Vectors of four in each tile.
const A_VECTORS = ROWS * TERM_QUADS;
const B_VECTORS = COLUMNS * TERM_QUADS;

// Longer than the tile by one vector per TERM_QUADS; see `slot_of`.
var<workgroup> a_tile: array<vec4<f32>, A_VECTORS + TERM_QUADS>;
var<workgroup> b_tile: array<vec4<f32>, B_VECTORS + TERM_QUADS>;

// Where terms 4 * quad to 4 * quad + 3 of a row or column stand, when vectors run along the terms:
// what neighbouring invocations read, every fourth line, stands side by side, and the quads are
// shifted against each other, so that neither reading nor staging meets in one bank.
fn slot_of(line: u32, quad: u32, lines: u32) -> u32 {
    return quad * (lines + 1u) + (line % 4u) * (lines / 4u) + line / 4u;
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile = tile_of(group_index(group, groups), ROWS, COLUMNS);
    if !tile.exists {
        return;
    }
    let row_quad = local / COLUMN_QUADS;
    let column_quad = local % COLUMN_QUADS;
    var sum: array<vec4<f32>, 4>;
    for (var first = tile.first; first < tile.last; first += DEPTH) {
        let left = tile.last - first;
        for (var v = local; v < A_VECTORS; v += INVOCATIONS) {
            if A_ALONG_ROWS {
                let row = tile.row + 4u * (v % ROW_QUADS);
                let term = v / ROW_QUADS;
                let at = tile.a + row * params.a_row + (first + term) * params.a_term;
                a_tile[v] = keep(load_a(at, params.a_row), select(0u, 4u, term < left));
            } else {
                let line = v / TERM_QUADS;
                let quad = v % TERM_QUADS;
                let at = tile.a + (tile.row + line) * params.a_row + (first + 4u * quad) * params.a_term;
                a_tile[slot_of(line, quad, ROWS)] = keep(load_a(at, params.a_term), max(left, 4u * quad) - 4u * quad);
            }
        }
        for (var v = local; v < B_VECTORS; v += INVOCATIONS) {
            if B_ALONG_TERMS {
                let line = v / TERM_QUADS;
                let quad = v % TERM_QUADS;
                let at = tile.b + (tile.column + line) * params.b_column + (first + 4u * quad) * params.b_term;
                b_tile[slot_of(line, quad, COLUMNS)] =
                    keep(load_b(at, params.b_term), max(left, 4u * quad) - 4u * quad);
            } else {
                let column = tile.column + 4u * (v % COLUMN_QUADS);
                let term = v / COLUMN_QUADS;
                let at = tile.b + column * params.b_column + (first + term) * params.b_term;
                b_tile[v] = keep(load_b(at, params.b_column), select(0u, 4u, term < left));
            }
        }
        workgroupBarrier();
        unroll for (var quad = 0u; quad < TERM_QUADS; quad++) {
            var a_block: array<vec4<f32>, 4>;
            var b_block: array<vec4<f32>, 4>;
            unroll for (var n = 0u; n < 4u; n++) {
                a_block[n] = a_tile[select(
                    quad * (ROWS + 1u) + n * ROW_QUADS,
                    (4u * quad + n) * ROW_QUADS,
                    A_ALONG_ROWS,
                ) + row_quad];
                b_block[n] = b_tile[select(
                    (4u * quad + n) * COLUMN_QUADS,
                    quad * (COLUMNS + 1u) + n * COLUMN_QUADS,
                    B_ALONG_TERMS,
                ) + column_quad];
            }
            unroll for (var k = 0u; k < 4u; k++) {
                let across = vec4<f32>(b_block[0][k], b_block[1][k], b_block[2][k], b_block[3][k]);
                let b_row = select(b_block[k], across, B_ALONG_TERMS);
                unroll for (var i = 0u; i < 4u; i++) {
                    sum[i] += select(a_block[i][k], a_block[k][i], A_ALONG_ROWS) * b_row;
                }
            }
        }
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = tile.row + 4u * row_quad + i;
        if row < params.rows {
            store(tile.y + row * params.columns, tile.column + 4u * column_quad, sum[i]);
        }
    }
}
