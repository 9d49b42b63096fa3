// Matrix product for software adapters: no workgroup memory, no barriers, sums in registers.
//
// a: [batches, rows, terms]   b: [batches, terms, columns]   y: [parts, batches, rows, columns]
// One subgroup computes a tile of ROWS x (4 * SUBGROUP * VECTORS). Each step takes four terms: the
// lanes share out ROWS x 4 elements of a, each lane holds four terms of its own 4 * VECTORS columns
// of b, and shuffles broadcast a's elements.
// Dispatch: parts * batches * tiles workgroups.  Reads a once per tile across, b once per tile down.
// use: group, matmul
// hole: epilogue
// variant matmul_shuffle_8x32: use matmul_vec4; ROWS = 8u, VECTORS = 1u
// variant matmul_shuffle_16x32: use matmul_vec4; ROWS = 16u, VECTORS = 1u
// variant matmul_shuffle_32x64: use matmul_vec4; ROWS = 32u, VECTORS = 2u
// variant matmul_shuffle_half_8x32: use matmul_half; ROWS = 8u, VECTORS = 1u
// variant matmul_shuffle_half_16x32: use matmul_half; ROWS = 16u, VECTORS = 1u
// variant matmul_shuffle_half_32x64: use matmul_half; ROWS = 32u, VECTORS = 2u
// variant matmul_shuffle_scalar_8x32: use matmul_scalar; ROWS = 8u, VECTORS = 1u
// variant matmul_shuffle_scalar_16x32: use matmul_scalar; ROWS = 16u, VECTORS = 1u

// Whether neighbours in a's memory are rows rather than terms; the same for b's terms and columns.
override A_ALONG_ROWS: bool;
override B_ALONG_TERMS: bool;
// Whether the number of terms is no multiple of four.
override TAIL: bool;

const SUBGROUP = 8u;
const A_LOADS = ROWS / SUBGROUP;
const ROW_QUADS = ROWS / 4u;
const COLUMNS = VECTORS * SUBGROUP * 4u;
const SUMS = ROWS * VECTORS;
const B_BLOCKS = VECTORS * 4u;

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = tile_of(group_index(group, groups), ROWS, COLUMNS);
    if !tile.exists {
        return;
    }
    // Software adapters load from `params` as slowly as from anywhere else: once, not in the loop.
    let a_row = params.a_row;
    let a_step = params.a_term;
    let b_step = params.b_term;
    let b_column = params.b_column;
    // Each lane's element of a in the first step, and its first term of b.
    var a_at: array<u32, A_LOADS>;
    var a_term: array<u32, A_LOADS>;
    unroll for (var t = 0u; t < A_LOADS; t++) {
        let slot = t * SUBGROUP + lane;
        let row = tile.row + select(slot, 4u * (slot % ROW_QUADS), A_ALONG_ROWS);
        a_term[t] = select(0u, slot / ROW_QUADS, A_ALONG_ROWS);
        a_at[t] = tile.a + row * a_row + (tile.first + a_term[t]) * a_step;
    }
    let column = tile.column + 4u * lane;
    var b_at = tile.b + tile.first * b_step + column * b_column;
    let b_vector = 4u * SUBGROUP * b_column;

    var sum: array<vec4<f32>, SUMS + VECTORS>;
    for (var term = tile.first; term < tile.last; term += 4u) {
        let left = tile.last - term;
        var a_block: array<vec4<f32>, A_LOADS>;
        unroll for (var t = 0u; t < A_LOADS; t++) {
            a_block[t] = load_a(a_at[t], a_step);
            a_at[t] += 4u * a_step;
            if TAIL {
                let all = select(0u, 4u, a_term[t] < left);
                a_block[t] = keep(a_block[t], select(left, all, A_ALONG_ROWS));
            }
        }
        var b_block: array<vec4<f32>, B_BLOCKS>;
        unroll for (var j = 0u; j < VECTORS; j++) {
            let at = b_at + j * b_vector;
            if B_ALONG_TERMS {
                let c0 = load_b(at, 1u);
                let c1 = load_b(at + b_column, 1u);
                let c2 = load_b(at + 2u * b_column, 1u);
                let c3 = load_b(at + 3u * b_column, 1u);
                unroll for (var k = 0u; k < 4u; k++) {
                    b_block[k * VECTORS + j] = vec4<f32>(c0[k], c1[k], c2[k], c3[k]);
                }
            } else {
                unroll for (var k = 0u; k < 4u; k++) {
                    b_block[k * VECTORS + j] = load_b(at + k * b_step, b_column);
                }
            }
            if TAIL {
                unroll for (var k = 0u; k < 4u; k++) {
                    b_block[k * VECTORS + j] = keep(b_block[k * VECTORS + j], select(0u, 4u, k < left));
                }
            }
        }
        b_at += 4u * b_step;
        unroll for (var i = 0u; i < ROWS; i++) {
            unroll for (var k = 0u; k < 4u; k++) {
                let x = subgroupShuffle(
                    select(
                        a_block[i / SUBGROUP][k],
                        a_block[(k * ROW_QUADS + i / 4u) / SUBGROUP][i % 4u],
                        A_ALONG_ROWS,
                    ),
                    select(i % SUBGROUP, (k * ROW_QUADS + i / 4u) % SUBGROUP, A_ALONG_ROWS),
                );
                unroll for (var j = 0u; j < VECTORS; j++) {
                    sum[i * VECTORS + j] += x * b_block[k * VECTORS + j];
                }
            }
        }
    }

    // The sums move up row by row: the epilogue is compiled once per vector of a row, and every
    // index stays a constant.
    for (var row = tile.row; row < min(tile.row + ROWS, params.rows); row++) {
        let row_start = tile.y + row * params.columns;
        unroll for (var j = 0u; j < VECTORS; j++) {
            store(row_start, column + j * SUBGROUP * 4u, sum[j]);
        }
        unroll for (var s = 0u; s < SUMS; s++) {
            sum[s] = sum[s + VECTORS];
        }
    }
}
