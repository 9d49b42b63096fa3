// Access to the operands of a matrix product by four elements: every start, stride and size along
// memory is a multiple of four.
// use: vec4, matmul_store
alias Stored = T;

// Four neighbours from position `at`.
fn load_a(at: u32, step: u32) -> vec4<f32> {
    return a[at / 4u];
}
fn load_b(at: u32, step: u32) -> vec4<f32> {
    return b[at / 4u];
}
