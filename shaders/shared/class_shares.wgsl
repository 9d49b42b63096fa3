// What a row of logits is held against: the share of each class, smoothed and weighted.
//
// Shares stand in `targets` or follow from a class number in `classes`; the other is not read.
override SHARES: bool;
override SMOOTHED: bool;
override WEIGHTED: bool;
override IGNORES: bool;

// The class of a row: as large as no class is, where the number is none or does not count.
fn class_of(row: u32) -> u32 {
    if SHARES || is_ignored(row) {
        return 0xffffffffu;
    }
    return bitcast<u32>(classes[row]);
}
fn is_ignored(row: u32) -> bool {
    return !SHARES && IGNORES && classes[row] == params.ignored;
}
// Of the classes of one column, `at` in all rows.
fn shares_of(at: u32, column: u32, chosen: u32) -> T {
    var shares = select(T(0.0), T(1.0), U(column * LANES) + places() == U(chosen));
    if SHARES {
        shares = targets[at];
    }
    if SMOOTHED {
        shares = shares * params.keep + params.share;
    }
    if WEIGHTED {
        shares *= weights[column];
    }
    return shares;
}
