// What a position of a list of indices is sorted by. Indices that lie outside, negative ones among
// them, come last.
fn key_of(index: u32, size: u32) -> u32 {
    return min(index, size);
}
fn digit_of(index: u32, size: u32, shift: u32) -> u32 {
    return (key_of(index, size) >> shift) & 255u;
}
