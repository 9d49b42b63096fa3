// What a reduction does with two numbers, and where it begins.
// 0 sum, 1 maximum, 2 minimum, 3 product
override KIND: u32;
fn merge(result: T, term: T) -> T {
    if KIND == 0u {
        return result + term;
    } else if KIND == 1u {
        return maximum(result, term);
    } else if KIND == 2u {
        return minimum(result, term);
    }
    return result * term;
}
fn neutral() -> f32 {
    // WGSL refuses infinities that are known to be such; this zero is not known.
    let zero = min(params.terms, 0u);
    if KIND == 1u {
        return bitcast<f32>(0xff800000u + zero);
    } else if KIND == 2u {
        return bitcast<f32>(0x7f800000u + zero);
    }
    return f32(KIND == 3u);
}
