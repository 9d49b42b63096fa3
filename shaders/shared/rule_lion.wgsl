// Lion: a is the mean of the gradients.
// p -= lr sign(beta_1 a + (1 - beta_1) g)   a = beta_2 a + (1 - beta_2) g
const STATES = 1u;

fn rates() -> vec4<f32> {
    return vec4<f32>(lr[0], 0.0, 0.0, 0.0);
}

fn advance(old: Element, slope: T, rates: vec4<f32>) -> Element {
    let direction = params.beta_1 * old.a + params.one_minus_beta_1 * slope;
    let mean = params.beta_2 * old.a + params.one_minus_beta_2 * slope;
    return Element(rates.x * sign_of(direction), mean, old.b);
}
