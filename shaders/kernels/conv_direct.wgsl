// Convolution and its input gradient, any stride, padding, dilation and groups, one pixel after another.
//
// a: weight [groups * out_c, in_c, kernel_d, kernel_h, kernel_w]
// b: the volume that is read, [n, groups * depth, from_d, from_h, from_w]: x, or dy for the input gradient
// y: the volume that is made, [parts, n, groups * channels, to_d, to_h, to_w]: y, or dx
// An image is a volume of one plane, for which SOLID is false.
// The loop, outside in: block of pixels, block of channels, depth (a channel of b) and kernel row of a
// kernel plane, kernel column, channel of y, pixel. `parts` cuts the sum over depth and kernel rows.
// Each invocation makes 4 pixels of CHANNELS channels in registers.
// Dispatch: parts * groups * channel blocks * pixel blocks of GROUP x 4 pixels.
// Reads b once per kernel tap and block of channels, the weight once per block of pixels.
// use: group, scalar
// hole: epilogue
// variant conv_direct: use lanes_alone; CHANNELS = 8u
// variant conv_direct_depthwise: use lanes_alone; CHANNELS = 1u
// variant conv_direct_shuffle: use lanes_shuffle; CHANNELS = 8u

struct Params {
    from_size: vec2<u32>,
    to_size: vec2<u32>,
    kernel: vec2<u32>,
    dilation: vec2<u32>,
    before: vec2<u32>,
    groups: u32,
    channels: u32,
    depth: u32,
    pixels: u32,
    channel_blocks: u32,
    pixel_blocks: u32,
    parts: u32,
    rows_per_part: u32,
    // Distances in the weight: to the next group, channel of y, channel of b.
    a_group: u32,
    a_channel: u32,
    a_depth: u32,
    // The axis of planes.
    from_planes: u32,
    to_planes: u32,
    kernel_planes: u32,
    dilation_z: u32,
    before_z: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override INPUT_GRADIENT: bool;
// Whether there is more than one plane: images save the work for them.
override SOLID: bool;
override STRIDE_Z: u32;
override STRIDE_Y: u32;
override STRIDE_X: u32;

// Positions in b along one axis that tap `offset` of the kernel reads for positions `at` of y:
// at * stride + offset - before, or its inverse where it is whole. Others are far outside.
fn positions(at: vec4<u32>, offset: u32, before: u32, stride: u32) -> vec4<u32> {
    if INPUT_GRADIENT {
        let scaled = at + vec4(before) - vec4(offset);
        let whole = (scaled % vec4(stride) == vec4(0u)) & (at + vec4(before) >= vec4(offset));
        return select(vec4(0xffffffffu), scaled / vec4(stride), whole);
    }
    return at * stride + vec4(offset) - vec4(before);
}

// 8 with subgroups of 8, else as many as fill the adapter's.
override GROUP: u32;

@compute @workgroup_size(GROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group_index(group, groups);
    let pixel_block = block % params.pixel_blocks;
    let channel_block = (block / params.pixel_blocks) % params.channel_blocks;
    let part_and_group = block / (params.pixel_blocks * params.channel_blocks);
    let g = part_and_group % params.groups;
    let part = part_and_group / params.groups;
    if part >= params.parts {
        return;
    }
    // The pixels of this invocation; those past the end repeat the last one.
    let pixel = vec4(pixel_block * 4u * GROUP + lane) + vec4(0u, 1u, 2u, 3u) * GROUP;
    let counted = min(pixel, vec4(params.pixels - 1u));
    let to_area = params.to_size.x * params.to_size.y;
    let to_volume = to_area * params.to_planes;
    let n = counted / to_volume;
    let in_volume = counted - n * to_volume;
    var to_z = vec4(0u);
    if SOLID {
        to_z = in_volume / to_area;
    }
    let in_image = in_volume - to_z * to_area;
    let to_y = in_image / params.to_size.y;
    let to_x = in_image - to_y * params.to_size.y;

    let from_area = params.from_size.x * params.from_size.y;
    let from_volume = from_area * params.from_planes;
    let image = (n * params.groups + vec4(g)) * params.depth * from_volume;
    let first_channel = channel_block * CHANNELS;
    let channels_here = params.channels - first_channel;
    let weights = g * params.a_group + first_channel * params.a_channel;

    var sums: array<vec4<f32>, CHANNELS>;
    unroll for (var c = 0u; c < CHANNELS; c++) {
        sums[c] = vec4(0.0);
    }
    let first_row = part * params.rows_per_part;
    let kernel_rows = params.kernel.x * params.kernel_planes;
    let last_row = min(first_row + params.rows_per_part, params.depth * kernel_rows);
    var depth = first_row / kernel_rows;
    var tap_z = 0u;
    if SOLID {
        tap_z = (first_row - depth * kernel_rows) / params.kernel.x;
    }
    var tap_y = first_row - depth * kernel_rows - tap_z * params.kernel.x;
    for (var row = first_row; row < last_row; row++) {
        let from_y = positions(to_y, tap_y * params.dilation.x, params.before.x, STRIDE_Y);
        var row_inside = from_y < vec4(params.from_size.x);
        var line = image + vec4(depth * from_volume) + from_y * params.from_size.y;
        if SOLID {
            let from_z = positions(to_z, tap_z * params.dilation_z, params.before_z, STRIDE_Z);
            row_inside = row_inside & (from_z < vec4(params.from_planes));
            line += from_z * from_area;
        }
        let kernel_row = tap_z * params.kernel.x + tap_y;
        let row_weights = weights + depth * params.a_depth + kernel_row * params.kernel.y;
        for (var tap_x = 0u; tap_x < params.kernel.y; tap_x++) {
            let from_x = positions(to_x, tap_x * params.dilation.y, params.before.y, STRIDE_X);
            let inside = row_inside & (from_x < vec4(params.from_size.y));
            let at = select(vec4(0u), line + from_x, inside);
            let pixels = select(vec4(0.0), vec4(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
            let tap = row_weights + tap_x;
            let share = lane_share(tap, params.a_channel, channels_here, lane);
            unroll for (var c = 0u; c < CHANNELS; c++) {
                sums[c] += lane_value(share, tap, params.a_channel, channels_here, c) * pixels;
            }
        }
        tap_y++;
        if tap_y == params.kernel.x {
            tap_y = 0u;
            if SOLID {
                tap_z++;
            }
            if !SOLID || tap_z == params.kernel_planes {
                tap_z = 0u;
                depth++;
            }
        }
    }

    let outputs = params.pixels * params.groups * params.channels;
    let image_made = (n * params.groups + vec4(g)) * params.channels * to_volume;
    let first_pixels = vec4(part * outputs) + image_made + in_volume;
    unroll for (var c = 0u; c < CHANNELS; c++) {
        if c < channels_here {
            let to = first_pixels + vec4((first_channel + c) * to_volume);
            unroll for (var p = 0u; p < 4u; p++) {
                if pixel[p] < params.pixels {
                    y[to[p]] = epilogue(sums[c][p], to[p]);
                }
            }
        }
    }
}
