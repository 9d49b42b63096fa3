//! Which rows go to which part: by fractions in order or by class, and in folds.
//!
//! A part is a list of rows, in ascending order where not said otherwise. The parts have no row in
//! common and depend on nothing but the arguments.

use anygrad_core::{Error, Random, Result};

/// What the sum of some fractions, as 0.7 + 0.2 + 0.1, can be off by.
const ROUNDING: f64 = 1e-9;

/// Consecutive parts of `0..rows` of the given fractions, as `[0.8, 0.1, 0.1]`: the split of what is
/// sorted by time. Fractions that sum to 1 use every row; with a smaller sum the last rows stay out.
///
/// # Errors
/// A fraction is not above 0, they sum to more than 1, or a part would have no row.
pub fn in_order(rows: usize, fractions: &[f64]) -> Result<Vec<Vec<usize>>> {
    check(fractions)?;
    let (mut reached, mut begin) = (0.0, 0);
    let mut parts = Vec::with_capacity(fractions.len());
    for fraction in fractions {
        reached += fraction;
        let end = ((reached * rows as f64).round() as usize).clamp(begin, rows);
        parts.push((begin..end).collect());
        begin = end;
    }
    none_empty(parts, fractions, rows)
}

/// Parts of the given fractions in which every class has about its share of the rows; `classes` is
/// the class of each row.
///
/// A class's rows are dealt by largest remainder: each part gets the whole rows of its share, and
/// what is left goes one each to the parts that are furthest behind, counting the classes before.
/// So a part has of each class its share to less than one row, and parts are filled where classes
/// have few rows each. Which rows of a class go where depends on the seed.
///
/// # Errors
/// Those of [`in_order`].
pub fn stratified(classes: &[usize], fractions: &[f64], seed: u64) -> Result<Vec<Vec<usize>>> {
    let sum = check(fractions)?;
    // What the fractions leave out is a part as well, which is given up at the end.
    let mut shares = fractions.to_vec();
    shares.push(if sum > 1.0 - ROUNDING { 0.0 } else { 1.0 - sum });
    let mut parts = vec![Vec::new(); shares.len()];
    let mut behind = vec![0.0; shares.len()];
    for rows in by_class(classes, seed) {
        let wanted: Vec<f64> = shares.iter().map(|share| share * rows.len() as f64).collect();
        let mut counts: Vec<usize> = wanted.iter().map(|rows| (rows + ROUNDING) as usize).collect();
        for (behind, (wanted, &count)) in behind.iter_mut().zip(wanted.iter().zip(&counts)) {
            *behind += wanted - count as f64;
        }
        let left = rows.len().saturating_sub(counts.iter().sum());
        // A part whose share is whole rows gets none of those left, or it would have one too many.
        let mut order: Vec<usize> =
            (0..shares.len()).filter(|&part| wanted[part] - counts[part] as f64 > ROUNDING).collect();
        order.sort_by(|&a, &b| behind[b].total_cmp(&behind[a]).then(a.cmp(&b)));
        for &part in order.iter().take(left) {
            counts[part] += 1;
            behind[part] -= 1.0;
        }
        let mut rest = &rows[..];
        for (part, count) in parts.iter_mut().zip(counts) {
            let (given, after) = rest.split_at(count.min(rest.len()));
            part.extend_from_slice(given);
            rest = after;
        }
    }
    parts.truncate(fractions.len());
    parts.iter_mut().for_each(|part: &mut Vec<usize>| part.sort_unstable());
    none_empty(parts, fractions, classes.len())
}

/// An order of rows in `count` folds: pairs of (rows to train on, rows held out), both as in the
/// order. Every row is held out once; the sizes of the folds differ by at most one.
///
/// # Errors
/// Fewer than 2 folds, or more folds than rows.
pub fn folds(order: &[usize], count: usize) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    check_folds(order.len(), count, order.len())?;
    let fold = |i| {
        let (begin, end) = (border(order.len(), i, count), border(order.len(), i + 1, count));
        ([&order[..begin], &order[end..]].concat(), order[begin..end].to_vec())
    };
    Ok((0..count).map(fold).collect())
}

/// `count` folds in which every class has its share of the rows to less than one; `classes` is the
/// class of each row. Every row is held out once; the sizes of the folds differ by at most one.
/// Which rows of a class are held out together depends on the seed.
///
/// # Errors
/// Fewer than 2 folds, or more folds than rows.
pub fn stratified_folds(classes: &[usize], count: usize, seed: u64) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    check_folds(classes.len(), count, classes.len())?;
    let mut fold_of_row = vec![0; classes.len()];
    // Dealt like cards, one class after the other.
    let dealt = by_class(classes, seed).into_iter().flatten();
    dealt.enumerate().for_each(|(place, row)| fold_of_row[row] = place % count);
    let fold = |fold| (0..classes.len()).partition(|&row| fold_of_row[row] != fold);
    Ok((0..count).map(fold).collect())
}

/// `count` folds of rows that are sorted by time, with a window that grows: `count` + 1 blocks, of
/// which each but the first is held out once, with all before it to train on. The last `gap` rows
/// before a block stay out: targets that reach `h` steps ahead take a gap of `h` - 1, or else the
/// last rows trained on would know the first that are held out.
///
/// # Errors
/// Fewer than 2 folds, not a row for each block, or a gap that leaves a fold nothing to train on.
pub fn expanding_folds(rows: usize, count: usize, gap: usize) -> Result<Vec<(Vec<usize>, Vec<usize>)>> {
    check_folds(rows, count, rows.saturating_sub(1))?;
    let blocks = count + 1;
    let first = border(rows, 1, blocks);
    if gap >= first {
        return Err(Error::input(format!(
            "a gap of {gap} rows leaves nothing of the {first} that the first of {count} folds trains on"
        )));
    }
    let fold = |i| {
        let (begin, end) = (border(rows, i, blocks), border(rows, i + 1, blocks));
        ((0..begin - gap).collect(), (begin..end).collect())
    };
    Ok((1..blocks).map(fold).collect())
}

/// The rows of each class in a random order; classes without rows are left out.
fn by_class(classes: &[usize], seed: u64) -> Vec<Vec<usize>> {
    let mut rows = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (row, &class) in classes.iter().enumerate() {
        rows.entry(class).or_default().push(row);
    }
    let shuffled = |(class, mut rows): (usize, Vec<usize>)| {
        Random::stream(seed, class as u64).shuffle(&mut rows);
        rows
    };
    rows.into_iter().map(shuffled).collect()
}

/// Where the `i`-th of `count` equal blocks begins.
fn border(rows: usize, i: usize, count: usize) -> usize {
    (i as u128 * rows as u128 / count as u128) as usize
}

fn check(fractions: &[f64]) -> Result<f64> {
    let sum: f64 = fractions.iter().sum();
    if fractions.iter().any(|f| f.is_nan() || *f <= 0.0) || sum > 1.0 + ROUNDING {
        return Err(Error::input(format!(
            "fractions {fractions:?} sum to {sum}: each must be above 0 and the sum at most 1"
        )));
    }
    Ok(sum)
}

fn none_empty(parts: Vec<Vec<usize>>, fractions: &[f64], rows: usize) -> Result<Vec<Vec<usize>>> {
    let counts: Vec<usize> = parts.iter().map(Vec::len).collect();
    if counts.contains(&0) {
        return Err(Error::input(format!(
            "fractions {fractions:?}: {rows} rows cannot be split into parts of {counts:?} rows: each part needs one"
        )));
    }
    Ok(parts)
}

fn check_folds(rows: usize, count: usize, most: usize) -> Result<()> {
    if count < 2 || count > most {
        return Err(Error::input(format!("{rows} rows cannot make {count} folds: take 2 to {most}")));
    }
    Ok(())
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
