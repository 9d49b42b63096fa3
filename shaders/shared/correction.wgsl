// What a running mean that began at 0 lacks at step t of an optimizer: 1 - beta^t, from log(beta),
// which keeps it accurate at the first steps.
fn correction_at(t: f32, log_beta: f32) -> f32 {
    return -expm1(T(t * log_beta)).x;
}
// ONNX does not correct at step 0.
fn correction(log_beta: f32) -> f32 {
    return select(1.0, correction_at(step[0], log_beta), step[0] > 0.0);
}
