// A row is read four elements at a time; of the last unit `left` elements may belong to it.
alias Unit = vec4<f32>;
const UNIT = 4u;
fn merge_units(result: Unit, term: Unit) -> Unit {
    return Unit(
        merge(result.x, term.x), merge(result.y, term.y), merge(result.z, term.z), merge(result.w, term.w),
    );
}
fn fold(unit: Unit) -> f32 {
    return merge(merge(unit.x, unit.y), merge(unit.z, unit.w));
}
fn masked(unit: Unit, left: u32) -> Unit {
    return select(Unit(neutral()), unit, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(left));
}
