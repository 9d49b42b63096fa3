// y and lse for a tile of queries: weights relative to the largest score so far, which shrink what was
// summed up before (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et
// al., "FlashAttention", 2022).
//
// lse: [batches, heads, queries]; MASKED where a query sees no key, and y is 0 there
// before: lse of the dispatch before; a buffer of its own, as others still read it
// Dispatch: batches * heads * tiles of queries * tiles of columns workgroups.
@group(0) @binding(6) var<storage, read> before: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> lse: array<f32>;

var<workgroup> peaks: array<vec4<f32>, 64>;
var<workgroup> weights: array<vec4<f32>, 256>;

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
    // Tiles behind the last key that the last query sees have no weight.
    var last = params.last;
    if CAUSAL {
        let seen = max(tile * TILE + TILE + params.keys, params.queries) - params.queries;
        last = min(last, (seen + TILE - 1u) / TILE);
    }

    var largest = vec4<f32>(MASKED);
    var total = vec4<f32>(0.0);
    var sum: array<vec4<f32>, SUMS>;
    for (var t = params.first; t < last; t++) {
        let key = t * TILE + 4u * lane;
        let k_at = rows_at(place.k_row, key, params.keys);
        var s: array<vec4<f32>, 4>;
        for (var c = 0u; c < width; c++) {
            let k0 = k[k_at.x + c];
            let k1 = k[k_at.y + c];
            let k2 = k[k_at.z + c];
            let k3 = k[k_at.w + c];
            unroll for (var i = 0u; i < 4u; i++) {
                let a = q[q_at[i] + c];
                s[i] += vec4<f32>(dot(a, k0), dot(a, k1), dot(a, k2), dot(a, k3));
            }
        }
        var peak: vec4<f32>;
        unroll for (var i = 0u; i < 4u; i++) {
            s[i] = scores(s[i], place, query + i, key);
            peak[i] = max_of(s[i]);
        }
        peaks[local] = peak;
        workgroupBarrier();
        var larger = largest;
        unroll for (var n = 0u; n < 8u; n++) {
            larger = max(larger, peaks[8u * line + n]);
        }
        let shrink = exp(largest - larger);
        largest = larger;
        total *= shrink;
        unroll for (var i = 0u; i < 4u; i++) {
            var p = weight(s[i], vec4<f32>(larger[i]));
            total[i] += sum_of(p);
            if DROPOUT {
                p *= drawn(place, query + i, key);
            }
            weights[(4u * line + i) * 8u + lane] = p;
            unroll for (var j = 0u; j < PARTS; j++) {
                sum[i * PARTS + j] *= shrink[i];
            }
        }
        workgroupBarrier();
        for (var n = 0u; n < 8u; n++) {
            let v_at = rows_at(place.k_row, t * TILE + 4u * n, params.keys);
            let p0 = weights[32u * line + n];
            let p1 = weights[32u * line + 8u + n];
            let p2 = weights[32u * line + 16u + n];
            let p3 = weights[32u * line + 24u + n];
            unroll for (var j = 0u; j < PARTS; j++) {
                let c = min(column + 8u * j, width - 1u);
                let v0 = v[v_at.x + c];
                let v1 = v[v_at.y + c];
                let v2 = v[v_at.z + c];
                let v3 = v[v_at.w + c];
                sum[j] += p0.x * v0 + p0.y * v1 + p0.z * v2 + p0.w * v3;
                sum[PARTS + j] += p1.x * v0 + p1.y * v1 + p1.z * v2 + p1.w * v3;
                sum[2u * PARTS + j] += p2.x * v0 + p2.y * v1 + p2.z * v2 + p2.w * v3;
                sum[3u * PARTS + j] += p3.x * v0 + p3.y * v1 + p3.z * v2 + p3.w * v3;
            }
        }
    }

    // Each lane has the total of its own keys.
    peaks[local] = total;
    workgroupBarrier();
    total = vec4<f32>(0.0);
    unroll for (var n = 0u; n < 8u; n++) {
        total += peaks[8u * line + n];
    }
    unroll for (var i = 0u; i < 4u; i++) {
        if query + i < params.queries {
            let empty = total[i] == 0.0;
            var share = 1.0 / select(total[i], 1.0, empty);
            var result_lse = select(largest[i] + log(total[i]), MASKED, empty);
            var share_before = 0.0;
            if params.first > 0u {
                let lse_before = before[place.q_row + query + i];
                let top = max(lse_before, result_lse);
                let both = exp(lse_before - top) + exp(result_lse - top);
                share_before = exp(lse_before - top) / both;
                share *= exp(result_lse - top) / both;
                result_lse = top + log(both);
            }
            unroll for (var j = 0u; j < PARTS; j++) {
                if column + 8u * j < width {
                    let at = q_at[i] + column + 8u * j;
                    var result = sum[i * PARTS + j] * share;
                    if params.first > 0u {
                        result += y[at] * share_before;
                    }
                    y[at] = result;
                }
            }
            if column == 0u {
                lse[place.q_row + query + i] = result_lse;
            }
        }
    }
}
