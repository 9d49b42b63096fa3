// With dh = carry + what arrives: the gates by the product rule; carry = dh z.
@group(0) @binding(4) var<storage, read> gates: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> states: array<f32>;
@group(0) @binding(6) var<storage, read_write> dgates: array<vec4<f32>>;
@group(0) @binding(7) var<storage, read_write> carry: array<f32>;

fn gate_gradient(i: u32) -> vec4<f32> {
    return dgates[i];
}
fn retreat(row: u32, unit: u32, sum: f32, last: bool) {
    let at = (row * params.time + params.step) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let kept = row * params.units + unit;
    let gate = gates[at];
    let z = gate.x;
    let r = gate.y;
    let n = gate.z;
    let q = gate.w;
    let dh = sum + dstates[before + params.units] + select(carry[kept], 0.0, last);
    let dn = dh * (1.0 - z) * (1.0 - n * n);
    dgates[at] = vec4(dh * (states[before] - n) * z * (1.0 - z), dn * q * r * (1.0 - r), dn, dn * r);
    carry[kept] = dh * z;
}
fn rest(row: u32, unit: u32) {
    dgates[(row * params.time + params.step) * params.units + unit] = vec4(0.0);
    carry[row * params.units + unit] = 0.0;
}
