// use: pool_window, pointwise, tanh, erf, scalar
const NO_WINNER = 0xffffffffu;
struct Winner { at: u32, value: f32 }
// Where in x the largest element of window `window` of a plane stands: the first of equal ones, or the
// first NaN. NO_WINNER if the window holds padding only.
fn winner_of(plane: u32, window: vec2<u32>) -> Winner {
    // Before the image the differences wrap around and are far outside.
    let corner = window * vec2(STRIDE_Y, STRIDE_X) - params.before;
    var best = 0.0;
    var winner = NO_WINNER;
    for (var j = 0u; j < params.kernel.x; j++) {
        let row = corner.x + j * DILATION_Y;
        if row >= params.in_size.x {
            continue;
        }
        let line = (plane * params.in_size.x + row) * params.in_size.y;
        for (var k = 0u; k < params.kernel.y; k++) {
            let column = corner.y + k * DILATION_X;
            if column < params.in_size.y {
                let value = x[line + column];
                let larger = value > best || (is_nan(value) && !is_nan(best));
                if winner == NO_WINNER || larger {
                    best = value;
                    winner = line + column;
                }
            }
        }
    }
    return Winner(winner, best);
}
