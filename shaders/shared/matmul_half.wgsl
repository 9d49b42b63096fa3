// Access to the operands of a matrix product by four elements, both stored as 16-bit floats: half
// the memory is read, and the sums are those of f32.
// use: vec4, matmul_store, half
alias Stored = vec2<u32>;
// Whether they are bf16, not f16.
override BF16: bool;

fn widened(words: vec2<u32>) -> vec4<f32> {
    let halves = halves_of(words);
    if BF16 {
        return f32_of_bf16(halves);
    }
    return f32_of_f16(halves);
}
// Four neighbours from position `at`.
fn load_a(at: u32, step: u32) -> vec4<f32> {
    return widened(a[at / 4u]);
}
fn load_b(at: u32, step: u32) -> vec4<f32> {
    return widened(b[at / 4u]);
}
