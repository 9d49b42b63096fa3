// sums[0] = dgates[row, behind, columns] . recurrent_kernel[unit, columns]: one row and one unit per
// invocation, both operands in tiles of workgroup memory; the columns are `count` groups from `first` on.
const DEPTH = 16u;
// One more than DEPTH, so that neighbouring units do not stand in the same memory bank.
const PITCH = 17u;
var<workgroup> gradient_tile: array<vec4<f32>, TILE_ROWS * DEPTH>;
var<workgroup> kernel_tile: array<vec4<f32>, TILE_UNITS * PITCH>;

fn multiply(tile_row: u32, tile_unit: u32, local: u32) -> array<f32, ROWS * UNITS> {
    var sums: array<f32, ROWS * UNITS>;
    let row = local / TILE_UNITS;
    let unit = local % TILE_UNITS;
    for (var j = 0u; j < params.count; j += DEPTH) {
        unroll for (var part = 0u; part < TILE_ROWS * DEPTH / SIZE; part++) {
            let at = local + part * SIZE;
            let source = min(tile_row + at / DEPTH, params.batch - 1u) * params.time + params.behind;
            let group = j + at % DEPTH;
            let gradient = gate_gradient(source * params.groups + params.first + group);
            gradient_tile[at] = select(vec4(0.0), gradient, group < params.count);
        }
        unroll for (var part = 0u; part < TILE_UNITS * DEPTH / SIZE; part++) {
            let at = local + part * SIZE;
            let source = min(tile_unit + at / DEPTH, params.units - 1u) * params.groups + params.first;
            let group = j + at % DEPTH;
            kernel_tile[at / DEPTH * PITCH + at % DEPTH] =
                select(vec4(0.0), recurrent_kernel[source + group], group < params.count);
        }
        workgroupBarrier();
        unroll for (var i = 0u; i < DEPTH; i++) {
            sums[0] += dot(gradient_tile[row * DEPTH + i], kernel_tile[unit * PITCH + i]);
        }
        workgroupBarrier();
    }
    return sums;
}
