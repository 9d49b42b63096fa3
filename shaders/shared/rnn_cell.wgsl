// h' = tanh(a), or relu(a); a group is four units.
override RELU: bool;

fn advance(row: u32, group: u32, sum: vec4<f32>) {
    let a = gates_in[(row * params.time + params.step) * params.groups + group] + sum;
    let after = (row * (params.time + 1u) + params.step + 1u) * params.units + 4u * group;
    if RELU {
        put_states(after, relu(a));
    } else {
        put_states(after, tanh_of(a));
    }
}

fn rest(row: u32, group: u32) {
    put_states((row * (params.time + 1u) + params.step + 1u) * params.units + 4u * group, vec4(0.0));
}
