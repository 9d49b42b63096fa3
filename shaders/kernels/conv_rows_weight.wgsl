// Weight gradient of a 3x3 convolution with stride 1 in subgroups of 8 without workgroup memory: for
// software adapters, where loads are the cost and shuffles are free.
//
// x: padded images from conv_pad, [n, in_c, out_h + 2, quads] of vec4
// dy: rows of whole vec4s, as they are or from conv_pad, [n, out_c, out_h, dy_quads] of vec4   y: [parts, out_c, in_c, 3, 3]
// The loop, outside in: part of the rows, block of 32 output channels, block of IN_CHANNELS; row
// (n, out_h), vec4 of a row; input channel, tap, output channel. `parts` cuts the sum over rows.
// A lane keeps 9 taps of IN_CHANNELS input and 4 output channels in registers: 8 lanes have 32 output
// channels. The 3 x 6 pixels of x under 4 pixels of dy are loaded once, 8 lanes a part each, and
// handed around.
// Dispatch: parts * blocks workgroups of 8.
// Reads dy once per block of input channels, x three times per block of output channels.
// use: group, scalar
// hole: epilogue
// variant conv_rows_weight_1: IN_CHANNELS = 1u, SHARES = 1u
// variant conv_rows_weight_4: IN_CHANNELS = 4u, SHARES = 3u
// variant conv_rows_weight_8: IN_CHANNELS = 8u, SHARES = 6u

struct Params {
    in_channels: u32,
    out_channels: u32,
    in_blocks: u32,
    out_blocks: u32,
    out_rows: u32,
    // vec4s in a row of x, and of dy.
    quads: u32,
    dy_quads: u32,
    rows: u32,
    parts: u32,
    rows_per_part: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_index(group, groups);
    let in_block = index % params.in_blocks;
    let part_and_block = index / params.in_blocks;
    let part = part_and_block / params.out_blocks;
    let out_block = part_and_block - part * params.out_blocks;
    if part >= params.parts {
        return;
    }
    let plane = (params.out_rows + 2u) * params.quads;
    let dy_plane = params.out_rows * params.dy_quads;
    let first_in = in_block * IN_CHANNELS;
    let first_out = out_block * 32u;

    // Which vec4 of x this lane loads: of 6 per input channel, 2 in each of 3 rows. Channels past the
    // end repeat the last one.
    var x_at: array<u32, SHARES>;
    unroll for (var s = 0u; s < SHARES; s++) {
        let share = s * 8u + lane;
        let channel = min(first_in + share / 6u, params.in_channels - 1u);
        x_at[s] = channel * plane + share % 6u / 2u * params.quads + share % 2u;
    }
    var dy_at: array<u32, 4>;
    unroll for (var j = 0u; j < 4u; j++) {
        dy_at[j] = min(first_out + j * 8u + lane, params.out_channels - 1u) * dy_plane;
    }
    var sums: array<vec4<f32>, 9 * IN_CHANNELS>;
    unroll for (var i = 0u; i < 9u * IN_CHANNELS; i++) {
        sums[i] = vec4(0.0);
    }

    let first_row = part * params.rows_per_part;
    let last_row = min(first_row + params.rows_per_part, params.rows);
    for (var row = first_row; row < last_row; row++) {
        let n = row / params.out_rows;
        let out_y = row - n * params.out_rows;
        let x_row = n * params.in_channels * plane + out_y * params.quads;
        let dy_row = n * params.out_channels * dy_plane + out_y * params.dy_quads;
        for (var quad = 0u; quad < params.dy_quads; quad++) {
            var shares: array<vec4<f32>, SHARES>;
            unroll for (var s = 0u; s < SHARES; s++) {
                shares[s] = x[x_row + quad + x_at[s]];
            }
            var grads: array<vec4<f32>, 4>;
            unroll for (var j = 0u; j < 4u; j++) {
                grads[j] = dy[dy_row + quad + dy_at[j]];
            }
            // Pixel p of the 4 output channels of this lane.
            let dy_0 = vec4(grads[0].x, grads[1].x, grads[2].x, grads[3].x);
            let dy_1 = vec4(grads[0].y, grads[1].y, grads[2].y, grads[3].y);
            let dy_2 = vec4(grads[0].z, grads[1].z, grads[2].z, grads[3].z);
            let dy_3 = vec4(grads[0].w, grads[1].w, grads[2].w, grads[3].w);
            unroll for (var c = 0u; c < IN_CHANNELS; c++) {
                unroll for (var r = 0u; r < 3u; r++) {
                    {
                        var pixels: array<f32, 6>;
                        unroll for (var k = 0u; k < 6u; k++) {
                            pixels[k] = subgroupShuffle(
                                shares[(c * 6u + r * 2u + k / 4u) / 8u][k % 4u],
                                (c * 6u + r * 2u + k / 4u) % 8u);
                        }
                        unroll for (var k = 0u; k < 3u; k++) {
                            sums[c * 9u + r * 3u + k] += dy_0 * pixels[k] + dy_1 * pixels[k + 1u]
                                + dy_2 * pixels[k + 2u] + dy_3 * pixels[k + 3u];
                        }
                    }
                }
            }
        }
    }

    let outputs = params.out_channels * params.in_channels * 9u;
    unroll for (var j = 0u; j < 4u; j++) {
        {
            let out_channel = first_out + j * 8u + lane;
            if out_channel < params.out_channels {
                let line = part * outputs + (out_channel * params.in_channels + first_in) * 9u;
                unroll for (var c = 0u; c < IN_CHANNELS; c++) {
                    if first_in + c < params.in_channels {
                        unroll for (var tap = 0u; tap < 9u; tap++) {
                            y[line + c * 9u + tap] = epilogue(sums[c * 9u + tap][j], line + c * 9u + tap);
                        }
                    }
                }
            }
        }
    }
}
