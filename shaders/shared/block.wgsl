// A product of matrices for GPUs: tiles of both in workgroup memory, an 8x8 block of sums per invocation.
//
// One workgroup makes ROWS x COLUMNS results and goes through the terms DEPTH at a time. Invocations fetch
// blocks of 4x4 of both operands, turn in registers what stands along its terms, and stage it with
// neighbours along the rows of a and the columns of b. While one tile is multiplied the next is fetched.
// An invocation's 8x8 sums are four blocks of 4x4, half a tile apart: what it reads from workgroup memory
// stands side by side with what its neighbours read, and 4 x 8 neighbours share their reads.
//
// A kernel says what the operands are:
//   struct Task { exists: bool, row: u32, column: u32, first: u32, last: u32, .. }
//   task_of(index) -> Task                what a workgroup makes, and from which terms
//   alias or struct Rows
//   rows_of(task, row) -> Rows            what fetching rows `row` to `row + 3` of a needs, whatever the terms
//   fetch_a(task, rows, term, n) -> vec4  vector n of the block of those rows and terms `term` to `term + 3`:
//   fetch_b(task, column, term, n)        along the terms of line n, or along the lines of term n
//   A_TURNED, B_TURNED: bool              whether vectors stand along the terms
//   put(task, row, column, sums)          four neighbours of a row of the result
// Both fetches give zeros for terms from `last` on.
// use: group

const ROW_QUADS = ROWS / 4u;
const COLUMN_QUADS = COLUMNS / 4u;
const INVOCATIONS = ROWS * COLUMNS / 64u;
// Blocks of 4x4 to fetch, of a and of both: FETCHES for each invocation, those of a all in the first.
const A_BLOCKS = ROW_QUADS * DEPTH / 4u;
const BLOCKS = A_BLOCKS + COLUMN_QUADS * DEPTH / 4u;
const COLUMN_GROUPS = COLUMN_QUADS / 16u;

// By term, then four rows or columns: an index that is constant costs nothing, and bounds of the other are
// checked once for all terms.
var<workgroup> a_tile: array<array<vec4<f32>, ROW_QUADS>, DEPTH>;
var<workgroup> b_tile: array<array<vec4<f32>, COLUMN_QUADS>, DEPTH>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let task = task_of(group_index(group, groups));
    if !task.exists {
        return;
    }
    let row_quad = (local / 8u) % 4u + 4u * (local / (32u * COLUMN_GROUPS));
    let column_quad = local % 8u + 8u * ((local / 32u) % COLUMN_GROUPS);
    let rows = rows_of(task, task.row + 4u * (local % ROW_QUADS));
    var fetched: array<vec4<f32>, FETCHES * 4u>;
    var sum: array<vec4<f32>, 16>;
    // The first turn only fetches.
    for (var next = task.first; next < task.last + DEPTH; next += DEPTH) {
        if next != task.first {
            unroll for (var f = 0u; f < FETCHES; f++) {
                let block = local + f * INVOCATIONS;
                unroll for (var n = 0u; n < 4u; n++) {
                    let across = vec4<f32>(
                        fetched[f * 4u + 0u][n],
                        fetched[f * 4u + 1u][n],
                        fetched[f * 4u + 2u][n],
                        fetched[f * 4u + 3u][n],
                    );
                    if f == 0u && block < A_BLOCKS {
                        a_tile[4u * (block / ROW_QUADS) + n][block % ROW_QUADS] =
                            select(fetched[f * 4u + n], across, A_TURNED);
                    } else if block < BLOCKS {
                        let of_b = block - A_BLOCKS;
                        b_tile[4u * (of_b / COLUMN_QUADS) + n][of_b % COLUMN_QUADS] =
                            select(fetched[f * 4u + n], across, B_TURNED);
                    }
                }
            }
            workgroupBarrier();
        }
        if next < task.last {
            unroll for (var f = 0u; f < FETCHES; f++) {
                let block = local + f * INVOCATIONS;
                if f == 0u && block < A_BLOCKS {
                    unroll for (var n = 0u; n < 4u; n++) {
                        fetched[n] = fetch_a(task, rows, next + 4u * (block / ROW_QUADS), n);
                    }
                } else if block < BLOCKS {
                    let of_b = block - A_BLOCKS;
                    let column = task.column + 4u * (of_b % COLUMN_QUADS);
                    unroll for (var n = 0u; n < 4u; n++) {
                        fetched[f * 4u + n] = fetch_b(task, column, next + 4u * (of_b / COLUMN_QUADS), n);
                    }
                }
            }
        }
        if next != task.first {
            unroll for (var k = 0u; k < DEPTH; k++) {
                let a0 = a_tile[k][row_quad];
                let a1 = a_tile[k][row_quad + ROW_QUADS / 2u];
                let b0 = b_tile[k][column_quad];
                let b1 = b_tile[k][column_quad + COLUMN_QUADS / 2u];
                unroll for (var i = 0u; i < 4u; i++) {
                    sum[i] = fma(vec4(a0[i]), b0, sum[i]);
                    sum[4u + i] = fma(vec4(a0[i]), b1, sum[4u + i]);
                    sum[8u + i] = fma(vec4(a1[i]), b0, sum[8u + i]);
                    sum[12u + i] = fma(vec4(a1[i]), b1, sum[12u + i]);
                }
            }
            workgroupBarrier();
        }
    }
    unroll for (var half = 0u; half < 2u; half++) {
        unroll for (var i = 0u; i < 4u; i++) {
            let made = task.row + 4u * row_quad + half * (ROWS / 2u) + i;
            let column = task.column + 4u * column_quad;
            put(task, made, column, sum[half * 8u + i]);
            put(task, made, column + COLUMNS / 2u, sum[half * 8u + 4u + i]);
        }
    }
}
