// dc' = carry + dcells + dh o (1 - tanh(c')^2); the gates by the product rule; carry = dc' f.
// With peepholes, one more row of the recurrent kernel, dc' gains da_o p_o and carry da_i p_i + da_f p_f.
@group(0) @binding(4) var<storage, read> gates: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> cells: array<f32>;
@group(0) @binding(6) var<storage, read> dcells: array<f32>;
@group(0) @binding(7) var<storage, read_write> dgates: array<vec4<f32>>;
@group(0) @binding(8) var<storage, read_write> carry: array<f32>;

// Whether a gradient arrives at the cells; dcells is something else otherwise.
override CELL_GRADIENT: bool;
override PEEPHOLES: bool;

fn gate_gradient(i: u32) -> vec4<f32> {
    return dgates[i];
}
fn retreat(row: u32, unit: u32, sum: f32, last: bool) {
    let at = (row * params.time + params.step) * params.units + unit;
    let before = (row * (params.time + 1u) + params.step) * params.units + unit;
    let after = before + params.units;
    let kept = row * params.units + unit;
    let gate = gates[at];
    let i = gate.x;
    let f = gate.y;
    let g = gate.z;
    let o = gate.w;
    let dh = sum + dstates[after];
    let t = tanh_accurate(cells[after]);
    var dc = dh * o * (1.0 - t * t);
    dc += select(carry[kept], 0.0, last);
    if CELL_GRADIENT {
        dc += dcells[after];
    }
    let peephole = params.units * params.groups + unit;
    let da_o = dh * t * o * (1.0 - o);
    if PEEPHOLES {
        dc += da_o * recurrent_kernel[peephole].w;
    }
    let da_i = dc * g * i * (1.0 - i);
    let da_f = dc * cells[before] * f * (1.0 - f);
    dgates[at] = vec4(da_i, da_f, dc * i * (1.0 - g * g), da_o);
    var next = dc * f;
    if PEEPHOLES {
        next += dot(vec2(da_i, da_f), recurrent_kernel[peephole].xy);
    }
    carry[kept] = next;
}
fn rest(row: u32, unit: u32) {
    dgates[(row * params.time + params.step) * params.units + unit] = vec4(0.0);
    carry[row * params.units + unit] = 0.0;
}
