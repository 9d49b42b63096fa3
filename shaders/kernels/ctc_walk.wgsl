// Some steps of the forward recursion of CTC, or of the backward one, and the losses after the last.
//
// log_probs: [batch, time, classes]   targets: [batch, labels]   lengths: [batch, 2], input and target
// walk: [batch, time, 2 labels + 1], 0 outside of the lengths   losses: [batch]
// walk[t, s] = log p(class of s) + log(sum of exp(walk[t - 1, s']) over s' = s, s - 1, perhaps s - 2)
// BACKWARD: times and positions are counted from the ends of the row.
// Every so many times the largest number of the time before is subtracted, so that sums of long rows
// keep their digits; until the end, losses holds the sum of what was.
// One workgroup per row; each invocation strides over positions, and a barrier ends each time.
// Dispatch: batch workgroups for each range of times.
// Reads walk three times and a log-probability per position, writes walk once.
// use: ctc, group, scalar, pointwise, tanh, erf
// variant ctc_walk: SIZE = 64u, EVERY = 16u

struct Params {
    batch: u32,
    time: u32,
    classes: u32,
    labels: u32,
    blank: u32,
    // The steps of this dispatch.
    first: u32,
    end: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> log_probs: array<f32>;
@group(0) @binding(2) var<storage, read> targets: array<i32>;
@group(0) @binding(3) var<storage, read> lengths: array<i32>;
@group(0) @binding(4) var<storage, read_write> walk: array<f32>;
@group(0) @binding(5) var<storage, read_write> losses: array<f32>;

override BACKWARD: bool;

fn log_sum(a: f32, b: f32, c: f32) -> f32 {
    let largest = max(max(a, b), c);
    let sum = largest + log(exp(a - largest) + exp(b - largest) + exp(c - largest));
    return select(sum, a + b + c, is_nan(a + b + c));
}

// The largest number of a time, unless nothing is possible there. Each invocation looks for itself.
fn largest_at(row: u32, step: u32, positions: u32) -> f32 {
    let start = (row * params.time + step) * (2u * params.labels + 1u);
    var largest = NEVER;
    for (var place = 0u; place < positions; place++) {
        largest = max(largest, walk[start + place]);
    }
    return select(0.0, largest, largest > 0.5 * NEVER);
}

fn advance(row: u32, step: u32, steps: u32, place: u32, positions: u32, shift: f32) -> f32 {
    let position = select(place, positions - 1u - place, BACKWARD);
    let class_here = class_at(row, position);
    var before = NEVER;
    if step == 0u {
        before = select(NEVER, 0.0, place < 2u);
    } else {
        let from_here = (row * params.time + step - 1u) * (2u * params.labels + 1u) + place;
        var one = NEVER;
        if place > 0u {
            one = walk[from_here - 1u];
        }
        var two = NEVER;
        if place > 1u && class_here != params.blank {
            if class_here != class_at(row, select(position - 2u, position + 2u, BACKWARD)) {
                two = walk[from_here - 2u];
            }
        }
        before = log_sum(walk[from_here], one, two) - shift;
    }
    return log_prob(row, select(step, steps - 1u - step, BACKWARD), class_here) + before;
}

@compute @workgroup_size(SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = group_index(group, groups);
    if row >= params.batch {
        return;
    }
    let width = 2u * params.labels + 1u;
    let steps = steps_of(row);
    let positions = 2u * labels_of(row) + 1u;
    var taken = 0.0;
    if params.first > 0u {
        taken = losses[row];
    }
    for (var step = params.first; step < params.end; step++) {
        var shift = 0.0;
        if step > 0u && step % EVERY == 0u && step < steps {
            shift = largest_at(row, step - 1u, positions);
            taken += shift;
        }
        for (var place = local; place < width; place += SIZE) {
            var value = 0.0;
            if step < steps && place < positions {
                value = advance(row, step, steps, place, positions, shift);
            }
            walk[(row * params.time + step) * width + place] = value;
        }
        storageBarrier();
    }
    if local == 0u && params.end < params.time {
        losses[row] = taken;
    }
    if local == 0u && params.end == params.time {
        // No times suffice for no labels.
        var total = select(NEVER, 0.0, positions == 1u);
        if steps > 0u {
            let end = (row * params.time + steps - 1u) * width + positions - 1u;
            var other = NEVER;
            if positions > 1u {
                other = walk[end - 1u];
            }
            total = log_sum(walk[end], other, NEVER);
        }
        // Infinity by its bits, made at run time: WGSL has no constant for it.
        let infinity = bitcast<f32>(0x7f800000u + 0u * steps);
        losses[row] = select(-(total + taken), infinity, total < 0.5 * NEVER);
    }
}
