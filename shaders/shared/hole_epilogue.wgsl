// What a kernel does to a result before it stores it: nothing, unless fusion says otherwise.
// `i` counts in units of T. Kernels for four elements store Y, which is T or four packed halves.
alias Y = T;
fn epilogue(value: T, i: u32) -> Y {
    return value;
}
