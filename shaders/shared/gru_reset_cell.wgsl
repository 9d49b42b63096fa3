// z, r = sigmoid(a_z, a_r) and r h; a group is four units of z, or after those of all units, of r.
@group(0) @binding(5) var<storage, read_write> gates: array<vec4<f32>>;
// [batch, time, units]
@group(0) @binding(6) var<storage, read_write> reset: array<vec4<f32>>;

fn advance(row: u32, group: u32, sum: vec4<f32>) {
    let at = (row * params.time + params.step) * params.groups + group;
    let gate = sigmoid(gates_in[at] + sum);
    gates[at] = gate;
    let width = params.units / 4u;
    if group >= width {
        let state = (row * params.times + params.step) * params.units + 4u * (group - width);
        reset[(row * params.time + params.step) * width + group - width] = gate * get_states(state);
    }
}

fn rest(row: u32, group: u32) {
    gates[(row * params.time + params.step) * params.groups + group] = vec4(0.0);
    let width = params.units / 4u;
    if group >= width {
        reset[(row * params.time + params.step) * width + group - width] = vec4(0.0);
    }
}
