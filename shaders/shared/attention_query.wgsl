// The gradient of the queries, for a tile of them:
// y = scale * sum over the keys of slope k, slope = p (dy . v - delta)
//
// stats: [batches, heads, queries] of lse and delta = dy . y; with dropout, p v counts with its factor
// Dispatch: batches * heads * tiles of queries * tiles of columns workgroups.
@group(0) @binding(6) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read> stats: array<vec2<f32>>;
@group(0) @binding(8) var<storage, read_write> y: array<vec4<f32>>;

var<workgroup> slopes: array<vec4<f32>, 256>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles = (params.queries + TILE - 1u) / TILE;
    let column_tiles = (params.width + COLUMNS - 1u) / COLUMNS;
    let index = group_index(group, groups);
    let column_tile = index % column_tiles;
    let tile = (index / column_tiles) % tiles;
    let row = index / column_tiles / tiles;
    if row >= params.batches * params.heads {
        return;
    }
    let place = place_of(row / params.heads, row % params.heads);
    let line = local / 8u;
    let lane = local % 8u;
    let query = tile * TILE + 4u * line;
    let q_at = rows_at(place.q_row, query, params.queries);
    let column = column_tile * COLUMNS + lane;
    let width = params.width;
    var last = params.last;
    if CAUSAL {
        let seen = max(tile * TILE + TILE + params.keys, params.queries) - params.queries;
        last = min(last, (seen + TILE - 1u) / TILE);
    }
    var stat: array<vec2<f32>, 4>;
    unroll for (var i = 0u; i < 4u; i++) {
        stat[i] = stats[place.q_row + min(query + i, params.queries - 1u)];
    }

    var sum: array<vec4<f32>, SUMS>;
    for (var t = params.first; t < last; t++) {
        let key = t * TILE + 4u * lane;
        let k_at = rows_at(place.k_row, key, params.keys);
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
            let p = weight(scores(s[i], place, query + i, key), vec4<f32>(stat[i].x));
            if DROPOUT {
                slope[i] *= drawn(place, query + i, key);
            }
            slopes[(4u * line + i) * 8u + lane] = p * (slope[i] - stat[i].y);
        }
        workgroupBarrier();
        for (var n = 0u; n < 8u; n++) {
            let row_at = rows_at(place.k_row, t * TILE + 4u * n, params.keys);
            let p0 = slopes[32u * line + n];
            let p1 = slopes[32u * line + 8u + n];
            let p2 = slopes[32u * line + 16u + n];
            let p3 = slopes[32u * line + 24u + n];
            unroll for (var j = 0u; j < PARTS; j++) {
                let c = min(column + 8u * j, width - 1u);
                let k0 = k[row_at.x + c];
                let k1 = k[row_at.y + c];
                let k2 = k[row_at.z + c];
                let k3 = k[row_at.w + c];
                sum[j] += p0.x * k0 + p0.y * k1 + p0.z * k2 + p0.w * k3;
                sum[PARTS + j] += p1.x * k0 + p1.y * k1 + p1.z * k2 + p1.w * k3;
                sum[2u * PARTS + j] += p2.x * k0 + p2.y * k1 + p2.z * k2 + p2.w * k3;
                sum[3u * PARTS + j] += p3.x * k0 + p3.y * k1 + p3.z * k2 + p3.w * k3;
            }
        }
        workgroupBarrier();
    }
    unroll for (var i = 0u; i < 4u; i++) {
        unroll for (var j = 0u; j < PARTS; j++) {
            if query + i < params.queries && column + 8u * j < width {
                let at = q_at[i] + column + 8u * j;
                var result = params.scale * sum[i * PARTS + j];
                if params.first > 0u {
                    result += y[at];
                }
                y[at] = result;
            }
        }
    }
}
