// Four elements at a time: what the pointwise functions mean by T, I, U and B.
alias T = vec4<f32>;
alias I = vec4<i32>;
alias U = vec4<u32>;
alias B = vec4<bool>;
const LANES = 4u;
// All of four elements: p is 0.
fn part_of(four: vec4<f32>, p: u32) -> T { return four; }
fn sum_of(x: T) -> f32 { return (x.x + x.y) + (x.z + x.w); }
fn max_of(x: T) -> f32 { return max(max(x.x, x.y), max(x.z, x.w)); }
// The places of the elements in their group, and one of them.
fn places() -> U { return U(0u, 1u, 2u, 3u); }
fn element_of(x: T, place: u32) -> f32 { return x[place]; }
