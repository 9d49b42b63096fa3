// 3x3 convolution with stride 1 in subgroups of 8 without workgroup memory: for software adapters, where
// loads are the cost and shuffles are free. The input gradient is the same with a turned kernel.
//
// x: [n, depth, rows, quads] of vec4: padded images from conv_pad, two rows and columns more than y; or,
// with SAME, images of y's size as they stand, whose padding is one pixel all around
// w: from conv_pack, [depth, blocks, 40] of vec4   y: [n, channels, out_h, out_w]
// The loop, outside in: image, block of 16 channels, 8 places (2 rows, 4 columns), one per lane; channel
// of x; channel of y, row, tap. Each lane keeps 2 x 4 pixels of 16 channels in registers.
// A lane's row of x is its own vec4 and the start of its right neighbour's; the weights of a channel of x
// are loaded once, 8 lanes a part each, and handed around.
// Dispatch: n * blocks * ceil(places / 8) workgroups of 8.
// Reads x twice per block, the weight once per 64 pixels, writes y once.
// use: group
// hole: epilogue
// variant conv_rows: use scalar; PARTS = 4u
// variant conv_rows_vec4: use vec4; PARTS = 1u

struct Params {
    out_size: vec2<u32>,
    channels: u32,
    depth: u32,
    blocks: u32,
    batch: u32,
    // Of x: vec4s in a row, and in an image of one channel.
    quads: u32,
    plane: u32,
    // Of y: pairs of rows times vec4s in a row, and workgroups for them.
    places: u32,
    place_blocks: u32,
    out_quads: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> w: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> y: array<Y>;

override SAME: bool;

@compute @workgroup_size(8)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = group_index(group, groups);
    let image_and_block = index / params.place_blocks;
    let n = image_and_block / params.blocks;
    if n >= params.batch {
        return;
    }
    let block = image_and_block - n * params.blocks;
    // Lanes past the end repeat the last place and store nothing.
    let place = (index - image_and_block * params.place_blocks) * 8u + lane;
    let counted = min(place, params.places - 1u);
    let pair = counted / params.out_quads;
    let quad = counted - pair * params.out_quads;
    // Where the right neighbour in x is not that of the next lane.
    let alone = lane == 7u || quad + 1u == params.out_quads || place >= params.places;

    var sums: array<vec4<f32>, 32>;
    unroll for (var i = 0u; i < 32u; i++) {
        sums[i] = vec4(0.0);
    }
    var source = n * params.depth * params.plane + quad;
    if !SAME {
        source += pair * 2u * params.quads;
    }
    // Counted in weights, from a start that depends on the workgroup: where the number of turns stands in
    // the parameters alone, Mesa compiles the kernel anew for its value at every dispatch (8 ms).
    let step = params.blocks * 40u;
    let end = block * 40u + params.depth * step;
    for (var first = block * 40u; first < end; first += step) {
        // Row r shifted by k pixels stands at r * 3 + k.
        var shifted: array<vec4<f32>, 12>;
        unroll for (var r = 0u; r < 4u; r++) {
            if SAME {
                let row = pair * 2u + r - 1u;
                let inside = row < params.out_size.x;
                let at = source + select(0u, row, inside) * params.quads;
                let here = select(vec4(0.0), x[at], inside);
                // Beyond the subgroup on either side.
                var beyond = vec4(0.0);
                if lane == 0u || lane == 7u {
                    beyond = x[select(at + 1u, at - 1u, lane == 0u)];
                }
                let before = select(subgroupShuffle(here.w, (lane + 7u) & 7u), beyond.w, lane == 0u);
                let next = select(subgroupShuffle(here.x, (lane + 1u) & 7u), beyond.x, lane == 7u);
                shifted[r * 3u] = vec4(select(0.0, before, inside && quad > 0u), here.xyz);
                shifted[r * 3u + 1u] = here;
                shifted[r * 3u + 2u] = vec4(here.yzw, select(0.0, next, inside && quad + 1u < params.out_quads));
            } else {
                let here = x[source + r * params.quads];
                var right = vec4(0.0);
                if alone {
                    right = x[source + r * params.quads + 1u];
                }
                let next_x = select(subgroupShuffle(here.x, (lane + 1u) & 7u), right.x, alone);
                let next_y = select(subgroupShuffle(here.y, (lane + 1u) & 7u), right.y, alone);
                shifted[r * 3u] = here;
                shifted[r * 3u + 1u] = vec4(here.yzw, next_x);
                shifted[r * 3u + 2u] = vec4(here.zw, next_x, next_y);
            }
        }
        var weights: array<vec4<f32>, 5>;
        unroll for (var i = 0u; i < 5u; i++) {
            weights[i] = w[first + lane + i * 8u];
        }
        unroll for (var c = 0u; c < 16u; c++) {
            {
                // All nine first, then one row after the other: 7 % faster than tap by tap.
                var taps: array<f32, 9>;
                unroll for (var tap = 0u; tap < 9u; tap++) {
                    taps[tap] = subgroupShuffle(weights[(tap * 16u + c) / 32u][c % 4u], (tap * 16u + c) / 4u % 8u);
                }
                unroll for (var r = 0u; r < 2u; r++) {
                    unroll for (var tap = 0u; tap < 9u; tap++) {
                        sums[r * 16u + c] += taps[tap] * shifted[tap + r * 3u];
                    }
                }
            }
        }
        source += params.plane;
    }

    if place >= params.places {
        return;
    }
    let area = params.out_size.x * params.out_size.y;
    let corner = (n * params.channels + block * 16u) * area + pair * 2u * params.out_size.y + quad * 4u;
    unroll for (var r = 0u; r < 2u; r++) {
        if pair * 2u + r < params.out_size.x {
            unroll for (var c = 0u; c < 16u; c++) {
                if block * 16u + c < params.channels {
                    unroll for (var p = 0u; p < PARTS; p++) {
                        if quad * 4u + p < params.out_size.y {
                            let to = (corner + c * area + r * params.out_size.y + p) * PARTS / 4u;
                            y[to] = epilogue(part_of(sums[r * 16u + c], p), to);
                        }
                    }
                }
            }
        }
    }
}
