// Label sequences with a blank around each label, as ctc.rs describes them. The kernel declares
// params with time, classes, labels and blank, log_probs, targets and lengths.

// The logarithm of what is impossible: finite, and far from the end of f32.
const NEVER = -1e30;

// Times and labels of a row that count.
fn steps_of(row: u32) -> u32 {
    return u32(clamp(lengths[2u * row], 0, i32(params.time)));
}
fn labels_of(row: u32) -> u32 {
    return u32(clamp(lengths[2u * row + 1u], 0, i32(params.labels)));
}
// A label that is no class is a large number here, or one past the classes.
fn class_at(row: u32, position: u32) -> u32 {
    if position % 2u == 0u {
        return params.blank;
    }
    return bitcast<u32>(targets[row * params.labels + position / 2u]);
}
fn log_prob(row: u32, time: u32, class_number: u32) -> f32 {
    if class_number >= params.classes {
        return NEVER;
    }
    return maximum(log_probs[(row * params.time + time) * params.classes + class_number], NEVER);
}
