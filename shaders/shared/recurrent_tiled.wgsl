// sums[0] = states[row, step, :] . recurrent_kernel[:, group]: one row and one group of columns per
// invocation, both operands in tiles of workgroup memory.
alias State = f32;
const DEPTH = 16u;
var<workgroup> state_tile: array<f32, TILE_ROWS * DEPTH>;
var<workgroup> kernel_tile: array<vec4<f32>, DEPTH * TILE_GROUPS>;

fn multiply(tile_row: u32, tile_group: u32, local: u32) -> array<vec4<f32>, ROWS> {
    var sums: array<vec4<f32>, ROWS>;
    let row = local / TILE_GROUPS;
    let group = local % TILE_GROUPS;
    for (var k = 0u; k < params.units; k += DEPTH) {
        unroll for (var part = 0u; part < TILE_ROWS * DEPTH / SIZE; part++) {
            let at = local + part * SIZE;
            let source = min(tile_row + at / DEPTH, params.batch - 1u) * params.times + params.step;
            let unit = k + at % DEPTH;
            state_tile[at] = select(0.0, states[source * params.units + unit], unit < params.units);
        }
        unroll for (var part = 0u; part < DEPTH * TILE_GROUPS / SIZE; part++) {
            let at = local + part * SIZE;
            let unit = k + at / TILE_GROUPS;
            let source = unit * params.groups + min(tile_group + at % TILE_GROUPS, params.end - 1u);
            kernel_tile[at] = select(vec4(0.0), recurrent_kernel[source], unit < params.units);
        }
        workgroupBarrier();
        unroll for (var j = 0u; j < DEPTH; j++) {
            sums[0] += state_tile[row * DEPTH + j] * kernel_tile[j * TILE_GROUPS + group];
        }
        workgroupBarrier();
    }
    return sums;
}
fn get_state(i: u32) -> f32 {
    return states[i];
}
fn get_states(i: u32) -> vec4<f32> {
    return vec4(states[i], states[i + 1u], states[i + 2u], states[i + 3u]);
}
fn put_state(i: u32, value: f32) {
    states[i] = value;
}
fn put_states(i: u32, value: vec4<f32>) {
    states[i] = value.x;
    states[i + 1u] = value.y;
    states[i + 2u] = value.z;
    states[i + 3u] = value.w;
}
