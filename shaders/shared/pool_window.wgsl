// The parameters of pooling, and what windows they describe.
struct Params {
    in_size: vec2<u32>,
    out_size: vec2<u32>,
    kernel: vec2<u32>,
    stride: vec2<u32>,
    dilation: vec2<u32>,
    before: vec2<u32>,
    after: vec2<u32>,
    planes: u32,
}
// The rows, or columns, of windows that may cover pixel `at`: from x up to and without y.
fn covering(at: vec2<u32>) -> vec4<u32> {
    let reach = at + params.before;
    let span = (params.kernel - 1u) * params.dilation;
    // ceil((reach - span) / stride), from 0 where that is negative
    let first = (max(reach, span) - span + params.stride - 1u) / params.stride;
    let last = min(reach / params.stride + 1u, params.out_size);
    return vec4(first, last);
}
