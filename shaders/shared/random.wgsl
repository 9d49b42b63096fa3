// Random bits as a function of (index, counter, seed): PCG3D (Jarzynski and Olano, "Hash functions
// for GPU rendering", 2020), first component. Integer arithmetic only, so that every adapter and the
// reference in Rust give the same bits.
fn random_bits(index: u32, counter: u32, seed: u32) -> u32 {
    var v = vec3<u32>(index, counter, seed) * 1664525u + 1013904223u;
    v.x += v.y * v.z;
    v.y += v.z * v.x;
    v.z += v.x * v.y;
    v = v ^ (v >> vec3<u32>(16u));
    return v.x + v.y * v.z;
}
fn random_bits4(first: u32, counter: u32, seed: u32) -> vec4<u32> {
    return vec4<u32>(
        random_bits(first, counter, seed),
        random_bits(first + 1u, counter, seed),
        random_bits(first + 2u, counter, seed),
        random_bits(first + 3u, counter, seed),
    );
}
