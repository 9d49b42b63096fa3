// Access to the operands of a matrix product by four elements: every start, stride and size along
// memory is a multiple of four.
// use: vec4

// Four neighbours from position `at`.
fn load_a(at: u32, step: u32) -> vec4<f32> {
    return a[at / 4u];
}
fn load_b(at: u32, step: u32) -> vec4<f32> {
    return b[at / 4u];
}
// Stores columns `column` to `column + 3` of a row that starts at `row_start`.
fn store(row_start: u32, column: u32, value: vec4<f32>) {
    if column < params.columns {
        let i = (row_start + column) / 4u;
        y[i] = epilogue(value, i);
    }
}
