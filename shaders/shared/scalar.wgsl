// One element at a time: what the pointwise functions mean by T, I, U and B.
alias T = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const LANES = 1u;
// Element p of four.
fn part_of(four: vec4<f32>, p: u32) -> T { return four[p]; }
fn sum_of(x: T) -> f32 { return x; }
fn max_of(x: T) -> f32 { return x; }
// The place of the element in its group, and that element.
fn places() -> U { return 0u; }
fn element_of(x: T, place: u32) -> f32 { return x; }
