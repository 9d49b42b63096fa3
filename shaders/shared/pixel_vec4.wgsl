// Four neighbouring terms of a pixel with channels last, of whole vec4s: one load.
// use: conv_pixels, conv_terms
alias Pixel = vec4<f32>;

// Where four terms stand: tap, vector of the pixel, and whether they are terms at all.
struct Quad {
    tap: vec2<u32>,
    vector: u32,
    exists: bool,
}

fn quad_of(taps: Taps, term: u32) -> Quad {
    let tap = quotient(term, params.depth);
    return Quad(tap_at(taps, tap), (term - tap * params.depth) / 4u, term < taps.terms);
}
fn quad_at(pixel: vec3<u32>, quad: Quad) -> vec4<f32> {
    let place = tap_of(pixel, quad.tap.x, quad.tap.y);
    let at = place.pixel * (params.depth / 4u) + quad.vector;
    return select(vec4(0.0), from_pixels[at], place.inside && quad.exists);
}
