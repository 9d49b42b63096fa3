//! What is in a cell, and where it stands in its file.

use anygrad_core::Error;
use csv::ErrorKind;

/// How many characters of a cell an error quotes.
const QUOTED: usize = 40;
/// Whole numbers below this are exact in an `f32`.
const EXACT: f32 = 16_777_216.0;

pub(crate) fn brief(cell: &str) -> String {
    match cell.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}...", &cell[..end]),
        None => cell.to_owned(),
    }
}

/// The number in a cell, or why there is none.
pub(crate) fn number(cell: &str) -> Result<f32, String> {
    if cell.is_empty() {
        return Err("the cell is empty".to_owned());
    }
    match cell.parse::<f64>() {
        Ok(value) if (value as f32).is_finite() => Ok(value as f32),
        Ok(value) if value.is_finite() => Err(format!("{value:e} does not fit in an f32")),
        Ok(value) => Err(format!("{value} is not finite")),
        Err(_) => Err(format!("{:?} is not a number", brief(cell))),
    }
}

/// The class number in a cell, or why there is none.
pub(super) fn whole(cell: &str) -> Result<i32, String> {
    match number(cell)? {
        value if value.fract() == 0.0 && value.abs() < EXACT => Ok(value as i32),
        value => Err(format!("{value} is no class, which is whole")),
    }
}

/// The class that a cell names: whole numbers are one class however they are written.
pub(crate) fn class_name(cell: &str) -> String {
    whole(cell).map_or_else(|_| cell.to_owned(), |class| class.to_string())
}

/// The line a row starts on. The reader's position is where it began to look for the row: empty
/// lines may come first.
pub(super) fn line_of(position: Option<&csv::Position>, bytes: &[u8]) -> u64 {
    let (line, begin) = position.map_or((1, 0), |position| (position.line(), position.byte() as usize));
    let skipped = bytes.iter().skip(begin).take_while(|byte| matches!(byte, b'\r' | b'\n'));
    line + skipped.filter(|&&byte| byte == b'\n').count() as u64
}

pub(super) fn malformed(error: &csv::Error, bytes: &[u8]) -> Error {
    let line = line_of(error.position(), bytes);
    Error::input(match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("line {line}: {len} cells, the lines before have {expected_len}")
        }
        ErrorKind::Utf8 { err, .. } => format!("line {line}, column {}: not UTF-8", err.field()),
        _ => format!("line {line}: {error}"),
    })
}
