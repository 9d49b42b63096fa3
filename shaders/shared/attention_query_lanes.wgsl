// The gradient of ROWS queries on software adapters with subgroups of 8; the formula is that for GPUs.
//
// Dispatch: batches * heads * tiles of queries * tiles of columns workgroups.
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
    var stat: array<vec2<f32>, ROW_BLOCKS>;
    unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
        let own = place.q_row + min(query + 8u * b + lane, params.queries - 1u);
        a_at[b] = own * width;
        stat[b] = stats[own];
    }

    var sum: array<vec4<f32>, ROW_SUMS>;
    for (var t = params.first; t < last; t++) {
        let key = t * TILE + 4u * lane;
        let k_at = rows_at(place.k_row, key, params.keys);
        var s: array<vec4<f32>, ROWS>;
        var slope: array<vec4<f32>, ROWS>;
        for (var c = 0u; c < width; c++) {
            let k0 = k[k_at.x + c];
            let k1 = k[k_at.y + c];
            let k2 = k[k_at.z + c];
            let k3 = k[k_at.w + c];
            let kx = vec4<f32>(k0.x, k1.x, k2.x, k3.x);
            let ky = vec4<f32>(k0.y, k1.y, k2.y, k3.y);
            let kz = vec4<f32>(k0.z, k1.z, k2.z, k3.z);
            let kw = vec4<f32>(k0.w, k1.w, k2.w, k3.w);
            let v0 = v[k_at.x + c];
            let v1 = v[k_at.y + c];
            let v2 = v[k_at.z + c];
            let v3 = v[k_at.w + c];
            let vx = vec4<f32>(v0.x, v1.x, v2.x, v3.x);
            let vy = vec4<f32>(v0.y, v1.y, v2.y, v3.y);
            let vz = vec4<f32>(v0.z, v1.z, v2.z, v3.z);
            let vw = vec4<f32>(v0.w, v1.w, v2.w, v3.w);
            var a: array<vec4<f32>, ROW_BLOCKS>;
            var g: array<vec4<f32>, ROW_BLOCKS>;
            unroll for (var b = 0u; b < ROW_BLOCKS; b++) {
                a[b] = q[a_at[b] + c];
                g[b] = dy[a_at[b] + c];
            }
            unroll for (var i = 0u; i < ROWS; i++) {
                s[i] += products(a[i / 8u], i % 8u, kx, ky, kz, kw);
                slope[i] += products(g[i / 8u], i % 8u, vx, vy, vz, vw);
            }
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            let row_lse = subgroupShuffle(stat[i / 8u].x, i % 8u);
            let delta = subgroupShuffle(stat[i / 8u].y, i % 8u);
            let p = weight(scores(s[i], place, query + i, key), vec4<f32>(row_lse));
            if DROPOUT {
                slope[i] *= drawn(place, query + i, key);
            }
            s[i] = p * (slope[i] - delta);
        }
        for (var n = 0u; n < 8u; n++) {
            let row_at = rows_at(place.k_row, t * TILE + 4u * n, params.keys);
            unroll for (var j = 0u; j < PARTS; j++) {
                let c = min(column + 8u * j, width - 1u);
                let k0 = k[row_at.x + c];
                let k1 = k[row_at.y + c];
                let k2 = k[row_at.z + c];
                let k3 = k[row_at.w + c];
                unroll for (var i = 0u; i < ROWS; i++) {
                    sum[i * PARTS + j] += products(s[i], n, k0, k1, k2, k3);
                }
            }
        }
    }

    // Rows move up one after another, so that every index stays a constant.
    for (var at_row = query; at_row < min(query + ROWS, params.queries); at_row++) {
        unroll for (var j = 0u; j < PARTS; j++) {
            if column + 8u * j < width {
                let at = (place.q_row + at_row) * width + column + 8u * j;
                var result = params.scale * sum[j];
                if params.first > 0u {
                    result += y[at];
                }
                y[at] = result;
            }
        }
        unroll for (var i = 1u; i < ROWS; i++) {
            unroll for (var j = 0u; j < PARTS; j++) {
                sum[(i - 1u) * PARTS + j] = sum[i * PARTS + j];
            }
        }
    }
}
