// Convolution of images with channels last, or its input gradient, as a matrix product in subgroups of 8
// without workgroup memory: for software adapters, where loads are the cost and shuffles are free.
//
// from: [n, from_h, from_w, depth], whole vec4s; see conv_pixels
// w: [taps, depth, channels], or [taps, channels, depth] with W_ALONG_DEPTH
// y: [n, to_h, to_w, channels], whole vec4s
// One subgroup makes ROWS pixels of 32 * VECTORS channels. The loop, outside in: tap, four channels of
// `from`, of which the lanes load a pixel each and shuffles hand them around; each lane holds the four
// rows of w for channels of its own. Taps outside of the image are 0.
// Dispatch: ceil(pixels / ROWS) * column_blocks workgroups of 8.
// Reads `from` once per tap and block of channels, w once per ROWS pixels, writes y once.
// use: group, vec4, conv_pixels
// hole: epilogue
// variant conv_pixels_32x32: ROWS = 32u, VECTORS = 1u
// variant conv_pixels_32x64: ROWS = 32u, VECTORS = 2u

@group(0) @binding(1) var<storage, read> from_pixels: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

override W_ALONG_DEPTH: bool;

const LOADS = ROWS / SUBGROUP;
const SUMS = ROWS * VECTORS;
const W_BLOCKS = VECTORS * 4u;

@compute @workgroup_size(SUBGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_index(group, groups);
    let block = index / params.column_blocks;
    let first = block * ROWS;
    if first >= params.pixels {
        return;
    }
    let depth = params.depth / 4u;
    let channels = params.channels / 4u;
    let column = (index - block * params.column_blocks) * VECTORS * SUBGROUP + lane;
    // Lanes past the end repeat the last pixel, which is not stored.
    var pixels: array<vec3<u32>, LOADS>;
    unroll for (var t = 0u; t < LOADS; t++) {
        pixels[t] = pixel_at(min(first + t * SUBGROUP + lane, params.pixels - 1u));
    }

    var sum: array<vec4<f32>, SUMS + VECTORS>;
    for (var j = 0u; j < params.kernel.x; j++) {
        for (var k = 0u; k < params.kernel.y; k++) {
            var at: array<u32, LOADS>;
            var inside: array<bool, LOADS>;
            unroll for (var t = 0u; t < LOADS; t++) {
                {
                    let place = tap_of(pixels[t], j, k);
                    at[t] = place.pixel * depth;
                    inside[t] = place.inside;
                }
            }
            let tap = j * params.kernel.y + k;
            var w_at = tap * params.depth * channels + column;
            if W_ALONG_DEPTH {
                w_at = (tap * params.channels + column * 4u) * depth;
            }
            for (var d = 0u; d < depth; d++) {
                var block: array<vec4<f32>, LOADS>;
                unroll for (var t = 0u; t < LOADS; t++) {
                    block[t] = select(vec4(0.0), from_pixels[at[t] + d], inside[t]);
                }
                var weights: array<vec4<f32>, W_BLOCKS>;
                unroll for (var v = 0u; v < VECTORS; v++) {
                    if W_ALONG_DEPTH {
                        let c0 = w[w_at + v * 32u * depth];
                        let c1 = w[w_at + (v * 32u + 1u) * depth];
                        let c2 = w[w_at + (v * 32u + 2u) * depth];
                        let c3 = w[w_at + (v * 32u + 3u) * depth];
                        unroll for (var i = 0u; i < 4u; i++) {
                            weights[i * VECTORS + v] = vec4(c0[i], c1[i], c2[i], c3[i]);
                        }
                    } else {
                        unroll for (var i = 0u; i < 4u; i++) {
                            weights[i * VECTORS + v] = w[w_at + i * channels + v * SUBGROUP];
                        }
                    }
                }
                w_at += select(4u * channels, 1u, W_ALONG_DEPTH);
                unroll for (var p = 0u; p < ROWS; p++) {
                    unroll for (var i = 0u; i < 4u; i++) {
                        let x = subgroupShuffle(block[p / SUBGROUP][i], p % SUBGROUP);
                        unroll for (var v = 0u; v < VECTORS; v++) {
                            sum[p * VECTORS + v] += x * weights[i * VECTORS + v];
                        }
                    }
                }
            }
        }
    }

    // The sums move up pixel by pixel: the epilogue is compiled once per vector.
    for (var pixel = first; pixel < min(first + ROWS, params.pixels); pixel++) {
        unroll for (var v = 0u; v < VECTORS; v++) {
            if column + v * SUBGROUP < channels {
                let to = pixel * channels + column + v * SUBGROUP;
                y[to] = epilogue(sum[v], to);
            }
        }
        unroll for (var s = 0u; s < SUMS; s++) {
            sum[s] = sum[s + VECTORS];
        }
    }
}
