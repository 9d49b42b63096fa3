// da = dh (1 - h'^2), or dh where h' is positive; nothing is carried over.
@group(0) @binding(4) var<storage, read> states: array<f32>;
@group(0) @binding(5) var<storage, read_write> dgates: array<f32>;

override RELU: bool;

fn gate_gradient(i: u32) -> vec4<f32> {
    return vec4(dgates[4u * i], dgates[4u * i + 1u], dgates[4u * i + 2u], dgates[4u * i + 3u]);
}
fn retreat(row: u32, unit: u32, sum: f32, last: bool) {
    let at = (row * params.time + params.step) * params.units + unit;
    let after = (row * (params.time + 1u) + params.step + 1u) * params.units + unit;
    let dh = sum + dstates[after];
    let h = states[after];
    if RELU {
        dgates[at] = select(0.0, dh, h > 0.0);
    } else {
        dgates[at] = dh * (1.0 - h * h);
    }
}
fn rest(row: u32, unit: u32) {
    dgates[(row * params.time + params.step) * params.units + unit] = 0.0;
}
