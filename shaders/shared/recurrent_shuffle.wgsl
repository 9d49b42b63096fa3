// sums[i] = states[tile_row + i, step, :] . recurrent_kernel[:, group]: a workgroup is one subgroup of 8.
//
// Lane l loads four k of row l (then l + 8, ...) and a group of columns of its own; the states go
// round by shuffles. One accumulator holds four columns, so a weight is loaded once for ROWS rows.
alias State = vec4<f32>;

fn multiply(tile_row: u32, tile_group: u32, lane: u32) -> array<vec4<f32>, ROWS> {
    var sums: array<vec4<f32>, ROWS>;
    let groups = params.groups;
    let width = params.units / 4u;
    var source: array<u32, ROWS / 8u>;
    unroll for (var q = 0u; q < ROWS / 8u; q++) {
        source[q] = (min(tile_row + q * 8u + lane, params.batch - 1u) * params.times + params.step) * width;
    }
    var column = min(tile_group + lane, params.end - 1u);
    for (var k = 0u; k < width; k++) {
        var h: array<vec4<f32>, ROWS / 8u>;
        unroll for (var q = 0u; q < ROWS / 8u; q++) {
            h[q] = states[source[q] + k];
        }
        let w0 = recurrent_kernel[column];
        let w1 = recurrent_kernel[column + groups];
        let w2 = recurrent_kernel[column + 2u * groups];
        let w3 = recurrent_kernel[column + 3u * groups];
        column += 4u * groups;
        unroll for (var i = 0u; i < ROWS; i++) {
            sums[i] += subgroupShuffle(h[i / 8u].x, i % 8u) * w0;
            sums[i] += subgroupShuffle(h[i / 8u].y, i % 8u) * w1;
            sums[i] += subgroupShuffle(h[i / 8u].z, i % 8u) * w2;
            sums[i] += subgroupShuffle(h[i / 8u].w, i % 8u) * w3;
        }
    }
    return sums;
}
fn get_state(i: u32) -> f32 {
    return states[i / 4u][i % 4u];
}
fn get_states(i: u32) -> vec4<f32> {
    return states[i / 4u];
}
fn put_state(i: u32, value: f32) {
    states[i / 4u][i % 4u] = value;
}
fn put_states(i: u32, value: vec4<f32>) {
    states[i / 4u] = value;
}
