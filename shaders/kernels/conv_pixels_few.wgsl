// As conv_pixels, for images whose channels are few or no whole vec4s.
//
// from: [n, from_h, from_w, depth]; see conv_pixels   w: [taps, depth, channels], whole vec4s
// y: [n, to_h, to_w, channels], whole vec4s
// One subgroup makes 32 pixels of 32 channels. The loop: four terms, each a tap and a channel of `from`.
// Dispatch: ceil(pixels / 32) * column_blocks workgroups of 8.
// Reads `from` once per tap and block of channels, w once per 32 pixels, writes y once.
// use: group, vec4, conv_pixels
// hole: epilogue

@group(0) @binding(1) var<storage, read> from_pixels: array<f32>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

const ROWS = 32u;
const LOADS = 4u;

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
    let channels = params.channels / 4u;
    let column = (index - block * params.column_blocks) * SUBGROUP + lane;
    // Lanes past the end repeat the last pixel, which is not stored.
    var pixels: array<vec3<u32>, LOADS>;
    unroll for (var t = 0u; t < LOADS; t++) {
        pixels[t] = pixel_at(min(first + t * SUBGROUP + lane, params.pixels - 1u));
    }

    let terms = params.kernel.x * params.kernel.y * params.depth;
    var sum: array<vec4<f32>, 33>;
    for (var term = 0u; term < terms; term += 4u) {
        var block: array<vec4<f32>, LOADS>;
        var weights: array<vec4<f32>, 4>;
        unroll for (var i = 0u; i < 4u; i++) {
            {
                let tap = (term + i) / params.depth;
                let j = tap / params.kernel.y;
                unroll for (var t = 0u; t < LOADS; t++) {
                    {
                        let place = tap_of(pixels[t], j, tap - j * params.kernel.y);
                        let value = from_pixels[place.pixel * params.depth + term + i - tap * params.depth];
                        block[t][i] = select(0.0, value, place.inside && term + i < terms);
                    }
                }
                weights[i] = select(vec4(0.0), w[(term + i) * channels + column], term + i < terms);
            }
        }
        unroll for (var p = 0u; p < ROWS; p++) {
            unroll for (var i = 0u; i < 4u; i++) {
                sum[p] += subgroupShuffle(block[p / SUBGROUP][i], p % SUBGROUP) * weights[i];
            }
        }
    }

    // The sums move up pixel by pixel: the epilogue is compiled once.
    for (var pixel = first; pixel < min(first + ROWS, params.pixels); pixel++) {
        if column < channels {
            let to = pixel * channels + column;
            y[to] = epilogue(sum[0], to);
        }
        unroll for (var s = 0u; s < ROWS; s++) {
            sum[s] = sum[s + 1u];
        }
    }
}
