// As conv_pixels_weight, for images whose channels are few or no whole vec4s.
//
// x: [n, in_h, in_w, depth]   dy: [n, out_h, out_w, channels], whole vec4s; see conv_pixels
// y: [parts, taps * depth + 1, channels]: the last row sums up dy
// One subgroup makes 16 of the rows (tap, channel of x) for 32 channels of dy. Each lane loads two of the
// rows for every pixel.
// Dispatch: parts * row_blocks * column_blocks workgroups of 8.
// Reads x once per tap and block of columns, dy once per block of rows.
// use: group, conv_pixels

@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

const ROWS = 16u;

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let row_and_part = group_index(group, groups) / params.column_blocks;
    let column_block = group_index(group, groups) - row_and_part * params.column_blocks;
    let part = row_and_part / params.row_blocks;
    let row_block = row_and_part - part * params.row_blocks;
    if part >= params.parts {
        return;
    }
    let rows = params.kernel.x * params.kernel.y * params.depth;
    let channels = params.channels / 4u;
    let column = column_block * SUBGROUP + lane;
    // Tap and channel of this lane's rows; past the end it repeats the last row, which is not stored.
    var taps: array<vec3<u32>, 2>;
    unroll for (var h = 0u; h < 2u; h++) {
        {
            let row = min(row_block * ROWS + h * SUBGROUP + lane, rows - 1u);
            let tap = row / params.depth;
            let j = tap / params.kernel.y;
            taps[h] = vec3(j, tap - j * params.kernel.y, row - tap * params.depth);
        }
    }

    let first = part * params.pixels_per_part;
    let last = min(first + params.pixels_per_part, params.pixels);
    let steps = four_pixels();
    var pixels: array<vec3<u32>, 4>;
    unroll for (var t = 0u; t < 4u; t++) {
        pixels[t] = pixel_at(first + t);
    }
    var sum: array<vec4<f32>, 17>;
    var bias = vec4(0.0);
    for (var pixel = first; pixel < last; pixel += 4u) {
        var block: array<f32, 8>;
        var slopes: array<vec4<f32>, 4>;
        unroll for (var t = 0u; t < 4u; t++) {
            {
                let counts = pixel + t < last;
                unroll for (var h = 0u; h < 2u; h++) {
                    {
                        let place = tap_of(pixels[t], taps[h].x, taps[h].y);
                        let value = x[place.pixel * params.depth + taps[h].z];
                        block[t * 2u + h] = select(0.0, value, place.inside && counts);
                    }
                }
                slopes[t] = select(vec4(0.0), dy[(pixel + t) * channels + column], counts);
                pixels[t] = advanced(pixels[t], steps);
            }
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            unroll for (var t = 0u; t < 4u; t++) {
                sum[i] += subgroupShuffle(block[t * 2u + i / SUBGROUP], i % SUBGROUP) * slopes[t];
            }
        }
        bias += (slopes[0] + slopes[1]) + (slopes[2] + slopes[3]);
    }

    let top = part * (rows + 1u);
    let first_row = row_block * ROWS;
    for (var row = first_row; row < min(first_row + ROWS, rows); row++) {
        if column < channels {
            y[(top + row) * channels + column] = sum[0];
        }
        unroll for (var s = 0u; s < ROWS; s++) {
            sum[s] = sum[s + 1u];
        }
    }
    if row_block == 0u && column < channels {
        y[(top + rows) * channels + column] = bias;
    }
}
