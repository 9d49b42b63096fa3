// i, f, o = sigmoid(a_i, a_f, a_o), g = tanh(a_g); c' = f c + i g; h' = o tanh(c').
// With peepholes c p_i and c p_f are added to a_i and a_f, c' p_o to a_o; p is one more row of the
// recurrent kernel.
@group(0) @binding(5) var<storage, read_write> gates: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> cells: array<f32>;

override PEEPHOLES: bool;

fn advance(row: u32, unit: u32, sum: vec4<f32>) {
    let at = (row * params.time + params.step) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let peephole = params.units * params.groups + unit;
    var a = gates_in[at] + sum;
    if PEEPHOLES {
        a += recurrent_kernel[peephole] * vec4(cells[before], cells[before], 0.0, 0.0);
    }
    let i = sigmoid(a.x);
    let f = sigmoid(a.y);
    let g = tanh_of(a.z);
    let c = f * cells[before] + i * g;
    if PEEPHOLES {
        a.w += recurrent_kernel[peephole].w * c;
    }
    let o = sigmoid(a.w);
    gates[at] = vec4(i, f, g, o);
    cells[before + params.units] = c;
    put_state(before + params.units, o * tanh_of(c));
}

fn rest(row: u32, unit: u32) {
    let after = (row * (params.time + 1u) + params.step + 1u) * params.units + unit;
    gates[(row * params.time + params.step) * params.units + unit] = vec4(0.0);
    cells[after] = 0.0;
    put_state(after, 0.0);
}
