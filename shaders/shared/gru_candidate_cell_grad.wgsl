// With dh = carry + what arrives: dz and dn by the product rule; carry = dh z.
// Gates stand in blocks: z, r, n of all units each.
@group(0) @binding(4) var<storage, read> gates: array<f32>;
@group(0) @binding(5) var<storage, read> states: array<f32>;
@group(0) @binding(6) var<storage, read_write> dgates: array<f32>;
@group(0) @binding(7) var<storage, read_write> carry: array<f32>;

fn gate_gradient(i: u32) -> vec4<f32> {
    return vec4(dgates[4u * i], dgates[4u * i + 1u], dgates[4u * i + 2u], dgates[4u * i + 3u]);
}
fn retreat(row: u32, unit: u32, sum: f32, last: bool) {
    let at = (row * params.time + params.step) * 3u * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let kept = row * params.units + unit;
    let z = gates[at];
    let n = gates[at + 2u * params.units];
    let dh = sum + dstates[before + params.units] + select(carry[kept], 0.0, last);
    dgates[at] = dh * (states[before] - n) * z * (1.0 - z);
    dgates[at + 2u * params.units] = dh * (1.0 - z) * (1.0 - n * n);
    carry[kept] = dh * z;
}
fn rest(row: u32, unit: u32) {
    let at = (row * params.time + params.step) * 3u * params.units + unit;
    dgates[at] = 0.0;
    dgates[at + 2u * params.units] = 0.0;
    carry[row * params.units + unit] = 0.0;
}
