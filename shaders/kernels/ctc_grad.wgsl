// The gradient of CTC's losses with respect to the log-probabilities.
//
// log_probs, y: [batch, time, classes]   targets: [batch, labels]   lengths: [batch, 2], input and target
// forward, backward: [batch, time, 2 labels + 1], see ctc_walk   total: [batch, time], see ctc_total
// dlosses: [batch]
// y[t, k] = -dloss sum of exp(forward[t, s] + backward[t, s] - log_probs[t, k] - total) over s of class k,
// NaN where the loss is infinite, and 0 where dloss is 0
// One invocation per element of y; it looks at every position of its row.
// Dispatch: ceil(elements / 64) workgroups.
// Reads the targets once per class and time, forward and backward once, writes y once.
// use: ctc, group, scalar, pointwise, tanh, erf

struct Params {
    elements: u32,
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
@group(0) @binding(6) var<storage, read> total: array<f32>;
@group(0) @binding(7) var<storage, read> dlosses: array<f32>;
@group(0) @binding(8) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = group_index(group, groups) * 64u + local;
    if i >= params.elements {
        return;
    }
    let class_here = i % params.classes;
    let time = i / params.classes % params.time;
    let row = i / params.classes / params.time;
    let steps = steps_of(row);
    let slope = dlosses[row];
    if time >= steps || slope == 0.0 {
        y[i] = 0.0;
        return;
    }
    let width = 2u * params.labels + 1u;
    let last = 2u * labels_of(row);
    let from_start = (row * params.time + time) * width;
    let from_end = (row * params.time + steps - 1u - time) * width + last;
    let shift = log_prob(row, time, class_here) + total[row * params.time + time];
    // NaN, which total is where the loss is infinite, may not be lost where no position has the class.
    var sum = select(0.0, shift, is_nan(shift));
    for (var position = 0u; position <= last; position++) {
        if class_at(row, position) == class_here {
            sum += exp(forward[from_start + position] + backward[from_end - position] - shift);
        }
    }
    y[i] = -slope * sum;
}
