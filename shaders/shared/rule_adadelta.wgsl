// Adadelta: a is the mean square of the gradients, b that of the movements.
// a = rho a + (1 - rho) g^2   d = sqrt(b + epsilon) / sqrt(a + epsilon) g
// b = rho b + (1 - rho) d^2   p -= lr d
const STATES = 2u;

fn rates() -> vec4<f32> {
    return vec4<f32>(lr[0], 0.0, 0.0, 0.0);
}

fn advance(old: Element, slope: T, rates: vec4<f32>) -> Element {
    let square_mean = params.beta_1 * old.a + params.one_minus_beta_1 * slope * slope;
    let movement = sqrt(old.b + params.epsilon) / sqrt(square_mean + params.epsilon) * slope;
    let movement_mean = params.beta_2 * old.b + params.one_minus_beta_2 * movement * movement;
    return Element(rates.x * movement, square_mean, movement_mean);
}
