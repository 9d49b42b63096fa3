// What the shares of a time are divided by, for CTC's gradient, as a logarithm.
//
// log_probs: [batch, time, classes]   targets: [batch, labels]   lengths: [batch, 2], input and target
// forward, backward: [batch, time, 2 labels + 1], see ctc_walk   losses: [batch]   y: [batch, time]
// y[t] = log(sum of exp(forward[t, s] + backward[t, s] - log p(class of s)) over s), NaN where the loss is
// infinite or NaN
// One invocation per time; it looks at every position twice.
// Dispatch: ceil(batch * time / 64) workgroups.  Reads forward and backward twice, writes y once.
// use: ctc, group, scalar, pointwise, tanh, erf

struct Params {
    times: u32,
    time: u32,
    classes: u32,
    labels: u32,
    blank: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> log_probs: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<i32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read> forward: array<f32>;
@group(0) @binding(5) var<storage, read> backward: array<f32>;
@group(0) @binding(6) var<storage, read> losses: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.times {
        return;
    }
    let row = i / params.time;
    let time = i % params.time;
    let steps = steps_of(row);
    if time >= steps {
        y[i] = 0.0;
        return;
    }
    if losses[row] > -NEVER || is_nan(losses[row]) {
        // NaN by its bits, made at run time.
        y[i] = bitcast<f32>(0x7fc00000u + 0u * steps);
        return;
    }
    let last = 2u * labels_of(row);
    let width = 2u * params.labels + 1u;
    let from_start = i * width;
    let from_end = (row * params.time + steps - 1u - time) * width + last;
    var largest = 8.0 * NEVER;
    for (var position = 0u; position <= last; position++) {
        let here = forward[from_start + position] + backward[from_end - position];
        largest = max(largest, here - log_prob(row, time, class_at(row, position)));
    }
    var sum = 0.0;
    for (var position = 0u; position <= last; position++) {
        let here = forward[from_start + position] + backward[from_end - position];
        sum += exp(here - log_prob(row, time, class_at(row, position)) - largest);
    }
    y[i] = largest + log(sum);
}
