// Weight gradient of a convolution, any stride, padding, dilation and groups, one pixel after another.
//
// a: dy [n, groups * out_c, out_d, out_h, out_w]   b: x [n, groups * in_c, in_d, in_h, in_w]
// y: [parts, groups * out_c, in_c, kernel_d, kernel_h, kernel_w]
// An image is a volume of one plane, for which SOLID is false.
// The loop, outside in: block of columns (in_c, kernel_d, kernel_h, kernel_w), block of output channels,
// row (n, out_d, out_h), pixel, output channel, column. `parts` cuts the sum over rows.
// Each invocation makes 4 columns of 8 output channels in registers.
// Dispatch: parts * groups * channel blocks * column blocks of GROUP x 4 columns.
// Reads dy once per block of columns, x once per kernel tap and block of channels.
// use: group, scalar
// hole: epilogue
// variant conv_direct_weight: use lanes_alone; CHANNELS = 8u
// variant conv_direct_weight_depthwise: use lanes_alone; CHANNELS = 1u
// variant conv_direct_weight_shuffle: use lanes_shuffle; CHANNELS = 8u

struct Params {
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
    before: vec2<u32>,
    groups: u32,
    in_channels: u32,
    out_channels: u32,
    channel_blocks: u32,
    columns: u32,
    column_blocks: u32,
    rows: u32,
    parts: u32,
    rows_per_part: u32,
    // The axis of planes.
    in_planes: u32,
    out_planes: u32,
    kernel_planes: u32,
    stride_z: u32,
    dilation_z: u32,
    before_z: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

// Whether there is more than one plane: images save the work for them.
override SOLID: bool;
// 8 with subgroups of 8, else as many as fill the adapter's.
override GROUP: u32;

@compute @workgroup_size(GROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let block = group_index(group, groups);
    let column_block = block % params.column_blocks;
    let channel_block = (block / params.column_blocks) % params.channel_blocks;
    let part_and_group = block / (params.column_blocks * params.channel_blocks);
    let g = part_and_group % params.groups;
    let part = part_and_group / params.groups;
    if part >= params.parts {
        return;
    }
    // The columns of this invocation; those past the end repeat the last one.
    let column = vec4(column_block * 4u * GROUP + lane) + vec4(0u, 1u, 2u, 3u) * GROUP;
    let counted = min(column, vec4(params.columns - 1u));
    let plane_taps = params.kernel.x * params.kernel.y;
    let taps = plane_taps * params.kernel_planes;
    let in_channel = counted / taps;
    var tap = counted - in_channel * taps;
    var shift_z = vec4(0u);
    if SOLID {
        let tap_z = tap / plane_taps;
        tap -= tap_z * plane_taps;
        shift_z = tap_z * params.dilation_z - vec4(params.before_z);
    }
    let tap_y = tap / params.kernel.y;
    let tap_x = tap - tap_y * params.kernel.y;
    // Before the image the differences wrap around and are far outside.
    let shift_y = tap_y * params.dilation.x - vec4(params.before.x);
    let shift_x = tap_x * params.dilation.y - vec4(params.before.y);

    let in_area = params.in_size.x * params.in_size.y;
    let in_volume = in_area * params.in_planes;
    let out_volume = params.out_size.x * params.out_size.y * params.out_planes;
    let first_channel = channel_block * CHANNELS;
    let channels_here = params.out_channels - first_channel;

    var sums: array<vec4<f32>, CHANNELS>;
    unroll for (var c = 0u; c < CHANNELS; c++) {
        sums[c] = vec4(0.0);
    }
    let first_row = part * params.rows_per_part;
    let last_row = min(first_row + params.rows_per_part, params.rows);
    let image_rows = params.out_size.x * params.out_planes;
    var n = first_row / image_rows;
    var out_z = 0u;
    if SOLID {
        out_z = (first_row - n * image_rows) / params.out_size.x;
    }
    var out_y = first_row - n * image_rows - out_z * params.out_size.x;
    for (var row = first_row; row < last_row; row++) {
        let in_y = shift_y + vec4(out_y * params.stride.x);
        var row_inside = in_y < vec4(params.in_size.x);
        let image = (vec4((n * params.groups + g) * params.in_channels) + in_channel) * in_volume;
        var line = image + in_y * params.in_size.y;
        if SOLID {
            let in_z = shift_z + vec4(out_z * params.stride_z);
            row_inside = row_inside & (in_z < vec4(params.in_planes));
            line += in_z * in_area;
        }
        let dy_line = ((n * params.groups + g) * params.out_channels + first_channel) * out_volume
            + (out_z * params.out_size.x + out_y) * params.out_size.y;
        for (var out_x = 0u; out_x < params.out_size.y; out_x++) {
            let in_x = shift_x + vec4(out_x * params.stride.y);
            let inside = row_inside & (in_x < vec4(params.in_size.y));
            let at = select(vec4(0u), line + in_x, inside);
            let pixels = select(vec4(0.0), vec4(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
            let dy = dy_line + out_x;
            let share = lane_share(dy, out_volume, channels_here, lane);
            unroll for (var c = 0u; c < CHANNELS; c++) {
                sums[c] += lane_value(share, dy, out_volume, channels_here, c) * pixels;
            }
        }
        out_y++;
        if out_y == params.out_size.x {
            out_y = 0u;
            if SOLID {
                out_z++;
            }
            if !SOLID || out_z == params.out_planes {
                out_z = 0u;
                n++;
            }
        }
    }

    let outputs = params.groups * params.out_channels * params.columns;
    let first_output = part * outputs + (g * params.out_channels + first_channel) * params.columns;
    unroll for (var c = 0u; c < CHANNELS; c++) {
        if c < channels_here {
            unroll for (var k = 0u; k < 4u; k++) {
                if column[k] < params.columns {
                    let to = first_output + c * params.columns + column[k];
                    y[to] = epilogue(sums[c][k], to);
                }
            }
        }
    }
}
