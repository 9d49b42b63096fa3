// The gradients of keys and values, for a tile of them, over the queries of all heads that share them:
// y[0] = scale * sum of slope q, y[1] = sum of p dy, slope = p (dy . v - delta)
//
// y: [2, batches, kv_heads, keys, width]; stats as for the gradient of the queries
// `first` and `last` count the tiles of queries of these heads.
// Dispatch: batches * kv_heads * tiles of keys * tiles of columns workgroups.
@group(0) @binding(6) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> slopes: array<vec4<f32>, 256>;
var<workgroup> weights: array<vec4<f32>, 256>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (params.keys + TILE - 1u) / TILE;
    let query_tiles = (params.queries + TILE - 1u) / TILE;
    let column_tiles = (params.width + COLUMNS - 1u) / COLUMNS;
    let index = group_index(group, groups);
    let column_tile = index % column_tiles;
    let tile = (index / column_tiles) % tiles;
    let row = index / column_tiles / tiles;
    if row >= params.batches * params.kv_heads {
        return;
    }
    let line = local / 8u;
    let lane = local % 8u;
    let key = tile * TILE + 4u * lane;
    let k_at = rows_at(row * params.keys, key, params.keys);
    let column = column_tile * COLUMNS + lane;
    let width = params.width;
    let sharing = params.heads / params.kv_heads;

    var k_sum: array<vec4<f32>, SUMS>;
    var v_sum: array<vec4<f32>, SUMS>;
    for (var t = params.first; t < params.last; t++) {
        let head = (row % params.kv_heads) * sharing + t / query_tiles;
        let place = place_of(row / params.kv_heads, head);
        let first_query = (t % query_tiles) * TILE;
        if CAUSAL {
            // No query of this tile sees a key of ours.
            if tile * TILE + params.queries >= first_query + TILE + params.keys {
                continue;
            }
        }
        let query = first_query + 4u * line;
        let q_at = rows_at(place.q_row, query, params.queries);
        var s: array<vec4<f32>, 4>;
        var slope: array<vec4<f32>, 4>;
        for (var c = 0u; c < width; c++) {
            let k0 = k[k_at.x + c];
            let k1 = k[k_at.y + c];
            let k2 = k[k_at.z + c];
            let k3 = k[k_at.w + c];
            let v0 = v[k_at.x + c];
            let v1 = v[k_at.y + c];
            let v2 = v[k_at.z + c];
            let v3 = v[k_at.w + c];
            unroll for (var i = 0u; i < 4u; i++) {
                let a = q[q_at[i] + c];
                s[i] += vec4<f32>(dot(a, k0), dot(a, k1), dot(a, k2), dot(a, k3));
                let g = dy[q_at[i] + c];
                slope[i] += vec4<f32>(dot(g, v0), dot(g, v1), dot(g, v2), dot(g, v3));
            }
        }
        unroll for (var i = 0u; i < 4u; i++) {
            let stat = stats[place.q_row + min(query + i, params.queries - 1u)];
            var p = weight(scores(s[i], place, query + i, key), vec4<f32>(stat.x));
            var factor = vec4<f32>(1.0);
            if DROPOUT {
                factor = drawn(place, query + i, key);
            }
            slopes[(4u * line + i) * 8u + lane] = p * (slope[i] * factor - stat.y);
            weights[(4u * line + i) * 8u + lane] = p * factor;
        }
        workgroupBarrier();
        // From here on each line of invocations has four keys of its own.
        for (var n = 0u; n < 8u; n++) {
            let row_at = rows_at(place.q_row, first_query + 4u * n, params.queries);
            unroll for (var i = 0u; i < 4u; i++) {
                let of_slope = slopes[(4u * n + i) * 8u + line];
                let of_weight = weights[(4u * n + i) * 8u + line];
                unroll for (var j = 0u; j < PARTS; j++) {
                    let at = row_at[i] + min(column + 8u * j, width - 1u);
                    let a = q[at];
                    let g = dy[at];
                    unroll for (var x = 0u; x < 4u; x++) {
                        k_sum[x * PARTS + j] += of_slope[x] * a;
                        v_sum[x * PARTS + j] += of_weight[x] * g;
                    }
                }
            }
        }
        workgroupBarrier();
    }
    let own_key = tile * TILE + 4u * line;
    let own_at = rows_at(row * params.keys, own_key, params.keys);
    let values = params.batches * params.kv_heads * params.keys * width;
    unroll for (var x = 0u; x < 4u; x++) {
        unroll for (var j = 0u; j < PARTS; j++) {
            if own_key + x < params.keys && column + 8u * j < width {
                let at = own_at[x] + column + 8u * j;
                var of_key = params.scale * k_sum[x * PARTS + j];
                var of_value = v_sum[x * PARTS + j];
                if params.first > 0u {
                    of_key += y[at];
                    of_value += y[values + at];
                }
                y[at] = of_key;
                y[values + at] = of_value;
            }
        }
    }
}
