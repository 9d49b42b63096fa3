// Four neighbouring terms of a pixel with channels last, of any number of channels: each stands for itself.
// use: conv_pixels, conv_terms
alias Pixel = f32;

// Where four terms stand: kernel rows and columns, channels, and which of them are terms at all.
struct Quad {
    j: vec4<u32>,
    k: vec4<u32>,
    channel: vec4<u32>,
    exists: vec4<bool>,
}

fn quad_of(taps: Taps, first: u32) -> Quad {
    var quad: Quad;
    unroll for (var i = 0u; i < 4u; i++) {
        let counted = quotient(first + i, params.depth);
        let tap = tap_at(taps, counted);
        quad.j[i] = tap.x;
        quad.k[i] = tap.y;
        quad.channel[i] = first + i - counted * params.depth;
        quad.exists[i] = first + i < taps.terms;
    }
    return quad;
}
fn quad_at(pixel: vec3<u32>, quad: Quad) -> vec4<f32> {
    var values: vec4<f32>;
    unroll for (var i = 0u; i < 4u; i++) {
        let place = tap_of(pixel, quad.j[i], quad.k[i]);
        let value = from_pixels[place.pixel * params.depth + quad.channel[i]];
        values[i] = select(0.0, value, place.inside && quad.exists[i]);
    }
    return values;
}
