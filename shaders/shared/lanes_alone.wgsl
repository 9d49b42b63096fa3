// An operand that all invocations of a workgroup read, without subgroups: each reads it itself.
// `lane_share` is what an invocation keeps of `count` values that stand `stride` apart from `first`;
// `lane_value` is value `i` of them, for everyone.
fn lane_share(first: u32, stride: u32, count: u32, lane: u32) -> f32 {
    return 0.0;
}
fn lane_value(share: f32, first: u32, stride: u32, count: u32, i: u32) -> f32 {
    return a[first + min(i, count - 1u) * stride];
}
