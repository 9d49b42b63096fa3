// Nadam: a and b are the means of the gradients and of their squares, t is the step,
// mu_t = beta_1 (1 - q^t / 2), P_t = mu_1 ... mu_t.
// a += (1 - beta_1) (g - a)   b += (1 - beta_2) (g^2 - b)
// n = (1 - mu_t) / (1 - P_t) g + mu_{t+1} / (1 - P_{t+1}) a
// p -= lr n / (sqrt(b / (1 - beta_2^t)) + epsilon)
const STATES = 2u;

fn momentum(t: f32) -> f32 {
    return exp(params.log_beta_1) * (1.0 - 0.5 * exp(t * params.log_decay));
}

fn rates() -> vec4<f32> {
    let t = max(step[0], 1.0);
    // log(P_t) = t log(beta_1) + sum_i log(1 - q^i / 2). With log(1 - x) = -sum_k x^k / k the sum over
    // i is a geometric one, (q^(k t) - 1) / (q^-k - 1) / (k 2^k); 20 terms suffice for f32.
    var terms = T(0.0);
    unroll for (var four = 0u; four < 5u; four++) {
        let k = T(1.0, 2.0, 3.0, 4.0) + 4.0 * f32(four);
        terms += expm1(k * (t * params.log_decay)) / expm1(k * -params.log_decay) * exp2(-k) / k;
    }
    let product = exp(t * params.log_beta_1 + sum_of(terms));
    let now = momentum(t);
    let next = momentum(t + 1.0);
    let of_gradient = lr[0] * (1.0 - now) / (1.0 - product);
    let of_mean = lr[0] * next / (1.0 - product * next);
    return vec4<f32>(of_gradient, of_mean, 1.0 / sqrt(correction_at(t, params.log_beta_2)), 0.0);
}

fn advance(old: Element, slope: T, rates: vec4<f32>) -> Element {
    let mean = old.a + params.one_minus_beta_1 * (slope - old.a);
    let square_mean = old.b + params.one_minus_beta_2 * (slope * slope - old.b);
    let movement = (rates.x * slope + rates.y * mean) / (sqrt(square_mean) * rates.z + params.epsilon);
    return Element(movement, mean, square_mean);
}
