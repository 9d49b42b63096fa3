// The gradients of ROWS keys and values on software adapters with subgroups of 8; the formula is that
// for GPUs. Here the rows are keys, and each lane has four queries.
//
// Dispatch: batches * kv_heads * tiles of keys * tiles of columns workgroups.
// use: attention_lanes
@group(0) @binding(6) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.keys + ROWS - 1u) / ROWS;
    let query_tiles = (params.queries + TILE - 1u) / TILE;
    let column_tiles = (params.width + COLUMNS - 1u) / COLUMNS;
    let index = group_index(group, groups);
    let column_tile = index % column_tiles;
    let tile = (index / column_tiles) % tiles;
    let row = index / column_tiles / tiles;
    if row >= params.batches * params.kv_heads {
        return;
    }
    let key = tile * ROWS;
    let column = column_tile * COLUMNS + lane;
    let width = params.width;
    let sharing = params.heads / params.kv_heads;
    let k_row = row * params.keys;
    var a_at: array<u32, ROW_BLOCKS>;
    unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
        a_at[b] = (k_row + min(key + 8u * b + lane, params.keys - 1u)) * width;
    }

    var k_sum: array<vec4<f32>, ROW_SUMS>;
    var v_sum: array<vec4<f32>, ROW_SUMS>;
    for (var t = params.first; t < params.last; t++) {
        let head = (row % params.kv_heads) * sharing + t / query_tiles;
        let place = place_of(row / params.kv_heads, head);
        let first_query = (t % query_tiles) * TILE;
        if CAUSAL {
            // No query of this tile sees a key of ours.
            if key + params.queries >= first_query + TILE + params.keys {
                continue;
            }
        }
        let query = first_query + 4u * lane;
        let q_at = rows_at(place.q_row, query, params.queries);
        var s: array<vec4<f32>, ROWS>;
        var slope: array<vec4<f32>, ROWS>;
        for (var c = 0u; c < width; c++) {
            let q0 = q[q_at.x + c];
            let q1 = q[q_at.y + c];
            let q2 = q[q_at.z + c];
            let q3 = q[q_at.w + c];
            let qx = vec4<f32>(q0.x, q1.x, q2.x, q3.x);
            let qy = vec4<f32>(q0.y, q1.y, q2.y, q3.y);
            let qz = vec4<f32>(q0.z, q1.z, q2.z, q3.z);
            let qw = vec4<f32>(q0.w, q1.w, q2.w, q3.w);
            let g0 = dy[q_at.x + c];
            let g1 = dy[q_at.y + c];
            let g2 = dy[q_at.z + c];
            let g3 = dy[q_at.w + c];
            let gx = vec4<f32>(g0.x, g1.x, g2.x, g3.x);
            let gy = vec4<f32>(g0.y, g1.y, g2.y, g3.y);
            let gz = vec4<f32>(g0.z, g1.z, g2.z, g3.z);
            let gw = vec4<f32>(g0.w, g1.w, g2.w, g3.w);
            var a: array<vec4<f32>, ROW_BLOCKS>;
            var e: array<vec4<f32>, ROW_BLOCKS>;
            unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
                a[b] = k[a_at[b] + c];
                e[b] = v[a_at[b] + c];
            }
            unroll for (var i = 0u; i < ROWS; i++) {
                s[i] += products(a[i / 8u], i % 8u, qx, qy, qz, qw);
                slope[i] += products(e[i / 8u], i % 8u, gx, gy, gz, gw);
            }
        }
        var row_lse: vec4<f32>;
        var delta: vec4<f32>;
        unroll for (var m = 0u; m < 4u; m++) {
            let stat = stats[place.q_row + min(query + m, params.queries - 1u)];
            row_lse[m] = stat.x;
            delta[m] = stat.y;
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            var reached: vec4<f32>;
            var factor = vec4<f32>(1.0);
            unroll for (var m = 0u; m < 4u; m++) {
                reached[m] = score(s[i][m], place, query + m, key + i);
                if DROPOUT {
                    factor[m] = drawn_one(place, query + m, key + i);
                }
            }
            let p = weight(reached, row_lse);
            s[i] = p * (slope[i] * factor - delta);
            slope[i] = p * factor;
        }
        for (var n = 0u; n < 8u; n++) {
            let row_at = rows_at(place.q_row, first_query + 4u * n, params.queries);
            unroll for (var j = 0u; j < PARTS; j++) {
                let c = min(column + 8u * j, width - 1u);
                let q0 = q[row_at.x + c];
                let q1 = q[row_at.y + c];
                let q2 = q[row_at.z + c];
                let q3 = q[row_at.w + c];
                let g0 = dy[row_at.x + c];
                let g1 = dy[row_at.y + c];
                let g2 = dy[row_at.z + c];
                let g3 = dy[row_at.w + c];
                unroll for (var i = 0u; i < ROWS; i++) {
                    k_sum[i * PARTS + j] += products(s[i], n, q0, q1, q2, q3);
                    v_sum[i * PARTS + j] += products(slope[i], n, g0, g1, g2, g3);
                }
            }
        }
    }

    let values = params.batches * params.kv_heads * params.keys * width;
    // Rows move up one after another, so that every index stays a constant.
    for (var at_row = key; at_row < min(key + ROWS, params.keys); at_row++) {
        unroll for (var j = 0u; j < PARTS; j++) {
            if column + 8u * j < width {
                let at = (k_row + at_row) * width + column + 8u * j;
                var of_key = params.scale * k_sum[j];
                var of_value = v_sum[j];
                if params.first > 0u {
                    of_key += y[at];
                    of_value += y[values + at];
                }
                y[at] = of_key;
                y[values + at] = of_value;
            }
        }
        unroll for (var i = 1u; i < ROWS; i++) {
            unroll for (var j = 0u; j < PARTS; j++) {
                k_sum[(i - 1u) * PARTS + j] = k_sum[i * PARTS + j];
                v_sum[(i - 1u) * PARTS + j] = v_sum[i * PARTS + j];
            }
        }
    }
}
