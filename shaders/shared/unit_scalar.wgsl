// A row is read one element at a time.
alias Unit = f32;
const UNIT = 1u;
fn merge_units(result: Unit, term: Unit) -> Unit { return merge(result, term); }
fn fold(unit: Unit) -> f32 { return unit; }
fn masked(unit: Unit, left: u32) -> Unit { return unit; }
