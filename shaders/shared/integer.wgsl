// Bits, shifts and remainders of integers.

fn logical_xor(a: U, b: U) -> U { return a ^ b; }
fn bit_and_i32(a: I, b: I) -> I { return a & b; }
fn bit_or_i32(a: I, b: I) -> I { return a | b; }
fn bit_xor_i32(a: I, b: I) -> I { return a ^ b; }
fn bit_not_i32(a: I) -> I { return ~a; }
fn bit_and_u32(a: U, b: U) -> U { return a & b; }
fn bit_or_u32(a: U, b: U) -> U { return a | b; }
fn bit_xor_u32(a: U, b: U) -> U { return a ^ b; }
fn bit_not_u32(a: U) -> U { return ~a; }

// WGSL takes the amount modulo 32: everything is shifted out by 32 and more, and by negative ones.
fn shift_left_i32(a: I, b: I) -> I { return bitcast<I>(shift_left_u32(bitcast<U>(a), bitcast<U>(b))); }
fn shift_left_u32(a: U, b: U) -> U { return select(a << (b & U(31u)), U(0u), b > U(31u)); }
// The sign fills what becomes free.
fn shift_right_i32(a: I, b: I) -> I { return a >> min(bitcast<U>(b), U(31u)); }
fn shift_right_u32(a: U, b: U) -> U { return select(a >> (b & U(31u)), U(0u), b > U(31u)); }

fn sign_of_i32(x: I) -> I { return select(select(I(0), I(1), x > I(0)), I(-1), x < I(0)); }

// With the sign of a; 0 where b is 0.
fn fmod_i32(a: I, b: I) -> I { return select(a % select(b, I(1), b == I(0)), I(0), b == I(0)); }
fn fmod_u32(a: U, b: U) -> U { return select(a % select(b, U(1u), b == U(0u)), U(0u), b == U(0u)); }
// With the sign of b.
fn remainder_i32(a: I, b: I) -> I { return modulo_i32(a, b); }
fn remainder_u32(a: U, b: U) -> U { return fmod_u32(a, b); }
