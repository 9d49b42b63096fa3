// Stores columns `column` to `column + 3` of a row that starts at `row_start`; both are multiples of
// four.
fn store(row_start: u32, column: u32, value: vec4<f32>) {
    if column < params.columns {
        let i = (row_start + column) / 4u;
        y[i] = epilogue(value, i);
    }
}
