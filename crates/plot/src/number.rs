//! Numbers as text.

/// A number as people read it: four digits, an exponent only where the zeros would be many.
pub fn number(x: f64) -> String {
    let size = x.abs();
    if !x.is_finite() {
        return x.to_string();
    }
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{x:.*e}", DIGITS - 1);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(digits));
    }
    let after_the_point = DIGITS as i32 - 1 - size.log10().floor() as i32;
    without_zeros(&format!("{x:.*}", after_the_point.max(0) as usize)).to_owned()
}

/// How many digits of a number are shown.
const DIGITS: usize = 4;

/// A number without the zeros at the end of its fraction.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_keep_four_digits() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (3.21679, "3.217"),
            (-2.5, "-2.5"),
            (0.5, "0.5"),
            (0.12345, "0.1235"),
            (0.00123, "0.00123"),
            (0.0012347, "0.001235"),
            (99.99, "99.99"),
            (123.456, "123.5"),
            (9999.96, "10000"),
            (123456.7, "123457"),
            (1234567.0, "1.235e6"),
            (1e-9, "1e-9"),
            (-4.5e-4, "-4.5e-4"),
            (1e300, "1e300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (x, text) in cases {
            assert_eq!(number(x), text, "{x:?}");
        }
    }
}
