// What a kernel does to a result before it stores it: nothing, unless fusion says otherwise.
// `i` counts in units of T.
fn epilogue(value: T, i: u32) -> T {
    return value;
}
