// One element at a time: what the pointwise functions mean by T, I, U and B.
alias T = f32;
alias I = i32;
alias U = u32;
alias B = bool;
const LANES = 1u;
fn sum_of(x: T) -> f32 { return x; }
fn max_of(x: T) -> f32 { return x; }
