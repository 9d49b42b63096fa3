// Weight gradient of a convolution, any stride, padding, dilation and groups, one pixel after another.
//
// a: dy [n, groups * out_c, out_h, out_w]   b: x [n, groups * in_c, in_h, in_w]
// y: [parts, groups * out_c, in_c, kernel_h, kernel_w]
// The loop, outside in: block of columns (in_c, kernel_h, kernel_w), block of output channels, row
// (n, out_h), pixel, output channel, column. `parts` cuts the sum over rows.
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
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

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
    let taps = params.kernel.x * params.kernel.y;
    let in_channel = counted / taps;
    let tap = counted - in_channel * taps;
    let tap_y = tap / params.kernel.y;
    let tap_x = tap - tap_y * params.kernel.y;
    // Before the image the differences wrap around and are far outside.
    let shift_y = tap_y * params.dilation.x - vec4(params.before.x);
    let shift_x = tap_x * params.dilation.y - vec4(params.before.y);

    let in_area = params.in_size.x * params.in_size.y;
    let out_area = params.out_size.x * params.out_size.y;
    let first_channel = channel_block * CHANNELS;
    let channels_here = params.out_channels - first_channel;

    var sums: array<vec4<f32>, CHANNELS>;
    unroll for (var c = 0u; c < CHANNELS; c++) {
        sums[c] = vec4(0.0);
    }
    let first_row = part * params.rows_per_part;
    let last_row = min(first_row + params.rows_per_part, params.rows);
    var n = first_row / params.out_size.x;
    var out_y = first_row - n * params.out_size.x;
    for (var row = first_row; row < last_row; row++) {
        let in_y = shift_y + vec4(out_y * params.stride.x);
        let row_inside = in_y < vec4(params.in_size.x);
        let plane = (vec4((n * params.groups + g) * params.in_channels) + in_channel) * in_area;
        let line = plane + in_y * params.in_size.y;
        let dy_line = ((n * params.groups + g) * params.out_channels + first_channel) * out_area
            + out_y * params.out_size.y;
        for (var out_x = 0u; out_x < params.out_size.y; out_x++) {
            let in_x = shift_x + vec4(out_x * params.stride.y);
            let inside = row_inside & (in_x < vec4(params.in_size.y));
            let at = select(vec4(0u), line + in_x, inside);
            let pixels = select(vec4(0.0), vec4(b[at.x], b[at.y], b[at.z], b[at.w]), inside);
            let dy = dy_line + out_x;
            let share = lane_share(dy, out_area, channels_here, lane);
            unroll for (var c = 0u; c < CHANNELS; c++) {
                sums[c] += lane_value(share, dy, out_area, channels_here, c) * pixels;
            }
        }
        out_y++;
        if out_y == params.out_size.x {
            out_y = 0u;
            n++;
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
