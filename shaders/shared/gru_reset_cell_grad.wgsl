// With the gradient of r h: dr by the product rule; r times it is added to carry.
// Gates stand in blocks: z, r, n of all units each.
@group(0) @binding(4) var<storage, read> gates: array<f32>;
@group(0) @binding(5) var<storage, read> states: array<f32>;
@group(0) @binding(6) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(7) var<storage, read_write> carry: array<f32>;

fn gate_gradient(i: u32) -> vec4<f32> {
    return vec4(dgates[4u * i], dgates[4u * i + 1u], dgates[4u * i + 2u], dgates[4u * i + 3u]);
}
fn retreat(row: u32, unit: u32, sum: f32, last: bool) {
    let at = ((row * params.time + params.step) * 3u + 1u) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let r = gates[at];
    dgates[at] = sum * states[before] * r * (1.0 - r);
    carry[row * params.units + unit] += sum * r;
}
fn rest(row: u32, unit: u32) {
    dgates[((row * params.time + params.step) * 3u + 1u) * params.units + unit] = 0.0;
}
