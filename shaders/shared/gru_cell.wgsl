// z, r = sigmoid(a_z, a_r), q = a_q, n = tanh(a_n + r q); h' = z h + (1 - z) n.
@group(0) @binding(5) var<storage, read_write> gates: array<vec4<f32>>;

fn advance(row: u32, unit: u32, sum: vec4<f32>) {
    let at = (row * params.time + params.step) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let a = gates_in[at] + sum;
    let z = sigmoid(a.x);
    let r = sigmoid(a.y);
    let n = tanh_of(a.z + r * a.w);
    gates[at] = vec4(z, r, n, a.w);
    put_state(before + params.units, z * get_state(before) + (1.0 - z) * n);
}

fn rest(row: u32, unit: u32) {
    gates[(row * params.time + params.step) * params.units + unit] = vec4(0.0);
    put_state((row * (params.time + 1u) + params.step + 1u) * params.units + unit, 0.0);
}
