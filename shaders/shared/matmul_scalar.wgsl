// Access to the operands of a matrix product one element at a time: any sizes and strides.
// use: scalar
alias Stored = T;

// Four elements from position `at`, each `step` from the one before.
fn load_a(at: u32, step: u32) -> vec4<f32> {
    return vec4<f32>(a[at], a[at + step], a[at + 2u * step], a[at + 3u * step]);
}
fn load_b(at: u32, step: u32) -> vec4<f32> {
    return vec4<f32>(b[at], b[at + step], b[at + 2u * step], b[at + 3u * step]);
}
// Stores columns `column` to `column + 3` of a row that starts at `row_start`.
fn store(row_start: u32, column: u32, value: vec4<f32>) {
    for (var c = 0u; c < 4u; c++) {
        if column + c < params.columns {
            let i = row_start + column + c;
            y[i] = epilogue(value[c], i);
        }
    }
}
