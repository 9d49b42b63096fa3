// Four elements at a time: what the pointwise functions mean by T, I, U and B.
alias T = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
const LANES = 4u;
// All of four elements: p is 0.
fn part_of(four: vec4<f32>, p: u32) -> T { return four; }
