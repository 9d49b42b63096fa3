// use: pool_window, pointwise, tanh, erf, scalar
const NO_WINNER = 0xffffffffu;
struct Winner { at: u32, value: f32 }
// As pool_winner, for windows of 2 x 2 side by side without padding: nothing is outside.
fn winner_of(plane: u32, window: vec2<u32>) -> Winner {
    let first = (plane * params.in_size.x + window.x * 2u) * params.in_size.y + window.y * 2u;
    let second = first + params.in_size.y;
    return winner_of_4(x[first], x[first + 1u], x[second], x[second + 1u], first, second);
}
fn is_larger(a: f32, b: f32) -> bool {
    return a > b || (is_nan(a) && !is_nan(b));
}
fn winner_of_4(a: f32, b: f32, c: f32, d: f32, first: u32, second: u32) -> Winner {
    let right = is_larger(b, a);
    let upper = select(a, b, right);
    let right_below = is_larger(d, c);
    let lower = select(c, d, right_below);
    let below = is_larger(lower, upper);
    return Winner(select(first + u32(right), second + u32(right_below), below), select(upper, lower, below));
}
