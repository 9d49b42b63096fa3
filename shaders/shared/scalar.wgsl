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
