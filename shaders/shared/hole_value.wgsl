// The element of a pointwise kernel: fusion writes the real one.
alias Y = T;
fn value(i: u32) -> Y {
    return T(0);
}
// What all elements of an invocation share: nothing.
fn prepare() {}
