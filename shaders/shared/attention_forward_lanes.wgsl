// y and lse for ROWS queries on software adapters with subgroups of 8: no workgroup memory, the
// probabilities stay in registers. The rest is as for GPUs.
//
// Dispatch: batches * heads * tiles of queries * tiles of columns workgroups.
// use: attention_lanes
@group(0) @binding(6) var<storage, read> before: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> lse: array<f32>;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tiles = (params.queries + ROWS - 1u) / ROWS;
    let column_tiles = (params.width + COLUMNS - 1u) / COLUMNS;
    let index = group_index(group, groups);
    let column_tile = index % column_tiles;
    let tile = (index / column_tiles) % tiles;
    let row = index / column_tiles / tiles;
    if row >= params.batches * params.heads {
        return;
    }
    let place = place_of(row / params.heads, row % params.heads);
    let query = tile * ROWS;
    let column = column_tile * COLUMNS + lane;
    let width = params.width;
    var last = params.last;
    if CAUSAL {
        let seen = max(query + ROWS + params.keys, params.queries) - params.queries;
        last = min(last, (seen + TILE - 1u) / TILE);
    }
    var a_at: array<u32, ROW_BLOCKS>;
    unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
        a_at[b] = (place.q_row + min(query + 8u * b + lane, params.queries - 1u)) * width;
    }

    var largest: array<f32, ROWS>;
    var total: array<f32, ROWS>;
    var sum: array<vec4<f32>, ROW_SUMS>;
    unroll for (var i = 0u; i < ROWS; i++) {
        largest[i] = MASKED;
    }
    for (var t = params.first; t < last; t++) {
        let key = t * TILE + 4u * lane;
        let k_at = rows_at(place.k_row, key, params.keys);
        var s: array<vec4<f32>, ROWS>;
        for (var c = 0u; c < width; c++) {
            let k0 = k[k_at.x + c];
            let k1 = k[k_at.y + c];
            let k2 = k[k_at.z + c];
            let k3 = k[k_at.w + c];
            let kx = vec4<f32>(k0.x, k1.x, k2.x, k3.x);
            let ky = vec4<f32>(k0.y, k1.y, k2.y, k3.y);
            let kz = vec4<f32>(k0.z, k1.z, k2.z, k3.z);
            let kw = vec4<f32>(k0.w, k1.w, k2.w, k3.w);
            var a: array<vec4<f32>, ROW_BLOCKS>;
            unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
                a[b] = q[a_at[b] + c];
            }
            unroll for (var i = 0u; i < ROWS; i++) {
                s[i] += products(a[i / 8u], i % 8u, kx, ky, kz, kw);
            }
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            s[i] = scores(s[i], place, query + i, key);
            let larger = max(largest[i], lanes_max(max_of(s[i])));
            let shrink = exp(largest[i] - larger);
            largest[i] = larger;
            s[i] = weight(s[i], vec4<f32>(larger));
            total[i] = total[i] * shrink + sum_of(s[i]);
            if DROPOUT {
                s[i] *= drawn(place, query + i, key);
            }
            unroll for (var j = 0u; j < PARTS; j++) {
                sum[i * PARTS + j] *= shrink;
            }
        }
        for (var n = 0u; n < 8u; n++) {
            let v_at = rows_at(place.k_row, t * TILE + 4u * n, params.keys);
            unroll for (var j = 0u; j < PARTS; j++) {
                let c = min(column + 8u * j, width - 1u);
                let v0 = v[v_at.x + c];
                let v1 = v[v_at.y + c];
                let v2 = v[v_at.z + c];
                let v3 = v[v_at.w + c];
                unroll for (var i = 0u; i < ROWS; i++) {
                    sum[i * PARTS + j] += products(s[i], n, v0, v1, v2, v3);
                }
            }
        }
    }

    // Rows move up one after another, so that every index stays a constant.
    for (var at_row = query; at_row < min(query + ROWS, params.queries); at_row++) {
        let all = lanes_sum(total[0]);
        let empty = all == 0.0;
        var share = 1.0 / select(all, 1.0, empty);
        var result_lse = select(largest[0] + log(all), MASKED, empty);
        var share_before = 0.0;
        if params.first > 0u {
            let lse_before = before[place.q_row + at_row];
            let top = max(lse_before, result_lse);
            let both = exp(lse_before - top) + exp(result_lse - top);
            share_before = exp(lse_before - top) / both;
            share *= exp(result_lse - top) / both;
            result_lse = top + log(both);
        }
        unroll for (var j = 0u; j < PARTS; j++) {
            if column + 8u * j < width {
                let at = (place.q_row + at_row) * width + column + 8u * j;
                var result = sum[j] * share;
                if params.first > 0u {
                    result += y[at] * share_before;
                }
                y[at] = result;
            }
        }
        if column == 0u {
            lse[place.q_row + at_row] = result_lse;
        }
        unroll for (var i = 1u; i < ROWS; i++) {
            largest[i - 1u] = largest[i];
            total[i - 1u] = total[i];
            unroll for (var j = 0u; j < PARTS; j++) {
                sum[(i - 1u) * PARTS + j] = sum[i * PARTS + j];
            }
        }
    }
}
