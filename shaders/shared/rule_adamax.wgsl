// Adamax: a is the mean of the gradients, b the largest of them.
// a += (1 - beta_1) (g - a)   p -= lr / (1 - beta_1^step) a / e
// b = max(beta_2 b, |g|), e = b + epsilon (Keras) or e = b = max(beta_2 b, |g| + epsilon) (PyTorch)
const STATES = 2u;

override KERAS: bool;

fn rates() -> vec4<f32> {
    return vec4<f32>(lr[0] / correction(params.log_beta_1), 0.0, 0.0, 0.0);
}

fn advance(old: Element, slope: T, rates: vec4<f32>) -> Element {
    let mean = old.a + params.one_minus_beta_1 * (slope - old.a);
    let inside = select(params.epsilon, 0.0, KERAS);
    let largest = maximum(params.beta_2 * old.b, abs(slope) + inside);
    return Element(rates.x * mean / (largest + (params.epsilon - inside)), mean, largest);
}
