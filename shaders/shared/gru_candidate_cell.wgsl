// n = tanh(a_n), where `states` holds r h, h' = z h + (1 - z) n; a group is four units of n.
@group(0) @binding(5) var<storage, read_write> gates: array<vec4<f32>>;
// [batch, time + 1, units]
@group(0) @binding(6) var<storage, read_write> hidden: array<vec4<f32>>;

fn advance(row: u32, group: u32, sum: vec4<f32>) {
    let gate = (row * params.time + params.step) * params.groups;
    let n = tanh_of(gates_in[gate + group] + sum);
    gates[gate + group] = n;
    let width = params.units / 4u;
    let unit = group - params.first;
    let before = (row * (params.time + 1u) + params.step) * width + unit;
    let z = gates[gate + unit];
    hidden[before + width] = z * hidden[before] + (1.0 - z) * n;
}

fn rest(row: u32, group: u32) {
    gates[(row * params.time + params.step) * params.groups + group] = vec4(0.0);
    let after = row * (params.time + 1u) + params.step + 1u;
    hidden[after * (params.units / 4u) + group - params.first] = vec4(0.0);
}
