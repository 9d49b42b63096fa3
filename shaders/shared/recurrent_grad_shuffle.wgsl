// sums[i, m] = dgates[tile_row + i, behind, columns] . recurrent_kernel[unit m, columns]: a workgroup is
// one subgroup of 8; the columns are `count` groups from `first` on.
//
// Lane l loads a group of row l (then l + 8, ...) and of UNITS units of its own; the gradients of the
// gates go round by shuffles.
fn multiply(tile_row: u32, tile_unit: u32, lane: u32) -> array<f32, ROWS * UNITS> {
    var sums: array<f32, ROWS * UNITS>;
    let groups = params.groups;
    var source: array<u32, ROWS / 8u>;
    unroll for (var q = 0u; q < ROWS / 8u; q++) {
        source[q] = (min(tile_row + q * 8u + lane, params.batch - 1u) * params.time + params.behind) * groups + params.first;
    }
    var weight: array<u32, UNITS>;
    unroll for (var m = 0u; m < UNITS; m++) {
        weight[m] = min(tile_unit + lane + m * 8u, params.units - 1u) * groups + params.first;
    }
    for (var j = 0u; j < params.count; j++) {
        var d: array<vec4<f32>, ROWS / 8u>;
        unroll for (var q = 0u; q < ROWS / 8u; q++) {
            d[q] = gate_gradient(source[q] + j);
        }
        var w: array<vec4<f32>, UNITS>;
        unroll for (var m = 0u; m < UNITS; m++) {
            w[m] = recurrent_kernel[weight[m] + j];
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            {
                let of_row = subgroupShuffle(d[i / 8u], i % 8u);
                unroll for (var m = 0u; m < UNITS; m++) {
                    sums[i * UNITS + m] += dot(of_row, w[m]);
                }
            }
        }
    }
    return sums;
}
