// Weight and bias gradient of a convolution of images with channels last, as a matrix product in
// subgroups of 8: for software adapters, where loads are the cost and shuffles are free.
//
// x: [n, in_h, in_w, depth]   dy: [n, out_h, out_w, channels], both whole vec4s; see conv_pixels
// y: [parts, taps * depth + 1, channels]: the last row sums up dy
// One subgroup makes 32 channels of x, at one tap, for 32 * VECTORS channels of dy. The loop: four pixels
// of dy; the lanes load four channels of x each for every pixel, and shuffles hand them around.
// Dispatch: parts * taps * row_blocks * column_blocks workgroups of 8.
// Reads x once per tap and block of columns, dy once per tap and block of rows.
// use: group, conv_pixels
// variant conv_pixels_weight_32x32: VECTORS = 1u
// variant conv_pixels_weight_32x64: VECTORS = 2u

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<f32>>;

const ROWS = 32u;
const SUMS = ROWS * VECTORS;
const DY_BLOCKS = VECTORS * 4u;

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let taps = params.kernel.x * params.kernel.y;
    let row_and_rest = group_index(group, groups) / params.column_blocks;
    let column_block = group_index(group, groups) - row_and_rest * params.column_blocks;
    let tap_and_part = row_and_rest / params.row_blocks;
    let row_block = row_and_rest - tap_and_part * params.row_blocks;
    let part = tap_and_part / taps;
    let tap = tap_and_part - part * taps;
    if part >= params.parts {
        return;
    }
    let j = tap / params.kernel.y;
    let k = tap - j * params.kernel.y;
    let depth = params.depth / 4u;
    let channels = params.channels / 4u;
    let column = column_block * VECTORS * SUBGROUP + lane;
    // Lanes past the end repeat the last channels, which are not stored.
    let quad = min(row_block * SUBGROUP + lane, depth - 1u);

    let first = part * params.pixels_per_part;
    let last = min(first + params.pixels_per_part, params.pixels);
    let steps = four_pixels();
    var pixels: array<vec3<u32>, 4>;
    unroll for (var t = 0u; t < 4u; t++) {
        pixels[t] = pixel_at(first + t);
    }
    var sum: array<vec4<f32>, SUMS + VECTORS>;
    var bias: array<vec4<f32>, VECTORS>;
    for (var pixel = first; pixel < last; pixel += 4u) {
        var block: array<vec4<f32>, 4>;
        var slopes: array<vec4<f32>, DY_BLOCKS>;
        unroll for (var t = 0u; t < 4u; t++) {
            {
                let counts = pixel + t < last;
                let place = tap_of(pixels[t], j, k);
                block[t] = select(vec4(0.0), x[place.pixel * depth + quad], place.inside && counts);
                unroll for (var v = 0u; v < VECTORS; v++) {
                    slopes[t * VECTORS + v] =
                        select(vec4(0.0), dy[(pixel + t) * channels + column + v * SUBGROUP], counts);
                }
                pixels[t] = advanced(pixels[t], steps);
            }
        }
        unroll for (var i = 0u; i < ROWS; i++) {
            unroll for (var t = 0u; t < 4u; t++) {
                let value = subgroupShuffle(block[t][i % 4u], i / 4u);
                unroll for (var v = 0u; v < VECTORS; v++) {
                    sum[i * VECTORS + v] += value * slopes[t * VECTORS + v];
                }
            }
        }
        unroll for (var v = 0u; v < VECTORS; v++) {
            bias[v] += (slopes[v] + slopes[VECTORS + v]) + (slopes[2u * VECTORS + v] + slopes[3u * VECTORS + v]);
        }
    }

    let top = part * (taps * params.depth + 1u);
    let first_row = row_block * ROWS;
    for (var row = first_row; row < min(first_row + ROWS, params.depth); row++) {
        unroll for (var v = 0u; v < VECTORS; v++) {
            if column + v * SUBGROUP < channels {
                y[(top + tap * params.depth + row) * channels + column + v * SUBGROUP] = sum[v];
            }
        }
        unroll for (var s = 0u; s < SUMS; s++) {
            sum[s] = sum[s + VECTORS];
        }
    }
    if tap == 0u && row_block == 0u {
        unroll for (var v = 0u; v < VECTORS; v++) {
            if column + v * SUBGROUP < channels {
                y[(top + taps * params.depth) * channels + column + v * SUBGROUP] = bias[v];
            }
        }
    }
}
