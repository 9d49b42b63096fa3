use anygrad_core::{Error, Result};

/// Every `stride`-th window of `width` values together with the value after it: the windows one
/// after another, and the values that follow them.
///
/// # Errors
/// A width or stride of 0, fewer than `width + 1` values, or windows that memory cannot hold.
pub(crate) fn windows<T: Copy>(values: &[T], width: usize, stride: usize) -> Result<(Vec<T>, Vec<T>)> {
    if width == 0 || stride == 0 {
        return Err(Error::input(format!("windows of {width} every {stride}: both must be at least 1")));
    }
    if values.len() <= width {
        return Err(Error::input(format!(
            "a window of {width} and the value after it do not fit in {} values",
            values.len()
        )));
    }
    let starts = (0..values.len() - width).step_by(stride);
    let count = starts.len();
    let too_many =
        || Error::input(format!("{count} windows of {width} do not fit in memory: raise the stride"));
    let mut inputs = Vec::new();
    let elements = count.checked_mul(width).ok_or_else(too_many)?;
    inputs.try_reserve_exact(elements).map_err(|_| too_many())?;
    let mut next = Vec::with_capacity(count);
    for start in starts {
        inputs.extend_from_slice(&values[start..start + width]);
        next.push(values[start + width]);
    }
    Ok((inputs, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_followed_by_its_next_value() {
        let (inputs, next) = windows(&[1, 2, 3, 4, 5], 2, 1).unwrap();
        assert_eq!((inputs, next), (vec![1, 2, 2, 3, 3, 4], vec![3, 4, 5]));
        assert_eq!(windows(&[1, 2, 3, 4, 5], 2, 2).unwrap(), (vec![1, 2, 3, 4], vec![3, 5]));
        assert_eq!(windows(&[1, 2, 3], 2, 9).unwrap(), (vec![1, 2], vec![3]));
    }

    #[test]
    fn windows_that_do_not_fit_are_refused() {
        let error = windows(&[1, 2], 2, 1).unwrap_err();
        assert_eq!(error.to_string(), "a window of 2 and the value after it do not fit in 2 values");
        assert!(windows(&[1, 2], usize::MAX, 1).is_err());
        assert!(windows(&[1, 2], 0, 1).is_err() && windows(&[1, 2], 1, 0).is_err());
    }
}
