// The parameters of pooling, and what windows they describe.
struct Params {
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    before: vec2<u32>,
    after: vec2<u32>,
    planes: u32,
}
// Constants, because a division by a variable costs more than a load on a software adapter.
override STRIDE_Y: u32;
override STRIDE_X: u32;
override DILATION_Y: u32;
override DILATION_X: u32;
// The rows, or columns, of windows that may cover pixel `at`: from x up to and without y.
fn covering(at: vec2<u32>) -> vec4<u32> {
    let reach = at + params.before;
    let span = (params.kernel - 1u) * vec2(DILATION_Y, DILATION_X);
    // ceil((reach - span) / stride), from 0 where that is negative
    let room = max(reach, span) - span + vec2(STRIDE_Y, STRIDE_X) - 1u;
    let first = vec2(room.x / STRIDE_Y, room.y / STRIDE_X);
    let last = min(vec2(reach.x / STRIDE_Y, reach.y / STRIDE_X) + 1u, params.out_size);
    return vec4(first, last);
}
