// i, f, o = sigmoid(a_i, a_f, a_o), g = tanh(a_g); c' = f c + i g; h' = o tanh(c').
@group(0) @binding(4) var<storage, read_write> gates: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read_write> cells: array<f32>;

fn advance(row: u32, unit: u32, sum: vec4<f32>) {
    let at = (row * params.time + params.step) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let a = gates_in[at] + sum;
    let i = sigmoid(a.x);
    let f = sigmoid(a.y);
    let g = tanh_of(a.z);
    let o = sigmoid(a.w);
    let c = f * cells[before] + i * g;
    gates[at] = vec4(i, f, g, o);
    cells[before + params.units] = c;
    put_state(before + params.units, o * tanh_of(c));
}
