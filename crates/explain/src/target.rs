use anygrad_core::{Array, Error, Result};

/// Which output of each row is explained. The outputs of a row are numbered from 0 in the order in which
/// they stand: classes, steps of a forecast, the one output 0 of a regression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The largest output of each row, the first of equals: the predicted class.
    Predicted,
    /// The same output of every row.
    Output(usize),
    /// An output for each row.
    Each(Vec<usize>),
}

impl Target {
    /// The number of the output for each row of `outputs`, `[rows, ...]`, and the output itself.
    pub(crate) fn resolve(&self, outputs: &Array) -> Result<(Vec<usize>, Vec<f32>)> {
        let rows = outputs.shape().first().copied().unwrap_or(0);
        let numbers = outputs.as_f32()?;
        let width = numbers.len() / rows.max(1);
        if let Target::Each(targets) = self
            && targets.len() != rows
        {
            return Err(Error::input(format!("{} targets for {rows} rows", targets.len())));
        }
        let target = |row: usize| -> Result<usize> {
            let outputs = &numbers[row * width..(row + 1) * width];
            let chosen = match self {
                Target::Predicted => largest(outputs).ok_or_else(|| {
                    Error::input(format!("row {row}: none of its {width} outputs is a number"))
                })?,
                Target::Output(output) => *output,
                Target::Each(targets) => targets[row],
            };
            if chosen >= width {
                return Err(Error::input(format!(
                    "row {row}: output {chosen} was to be explained, there are {width}"
                )));
            }
            Ok(chosen)
        };
        let targets: Vec<usize> = (0..rows).map(target).collect::<Result<_>>()?;
        let chosen = targets.iter().enumerate().map(|(row, &target)| numbers[row * width + target]).collect();
        Ok((targets, chosen))
    }
}

/// The place of the largest number, the first of equals.
pub(crate) fn largest(numbers: &[f32]) -> Option<usize> {
    let known = numbers.iter().enumerate().filter(|(_, x)| !x.is_nan());
    known
        .fold(None, |best: Option<(usize, f32)>, (i, &x)| match best {
            Some((_, most)) if most >= x => best,
            _ => Some((i, x)),
        })
        .map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_and_checked() {
        let outputs = Array::f32(&[2, 3], [1.0, 5.0, 5.0, f32::NAN, -2.0, -3.0]).unwrap();
        assert_eq!(Target::Predicted.resolve(&outputs).unwrap(), (vec![1, 1], vec![5.0, -2.0]));
        assert_eq!(Target::Output(2).resolve(&outputs).unwrap(), (vec![2, 2], vec![5.0, -3.0]));
        assert_eq!(Target::Each(vec![0, 2]).resolve(&outputs).unwrap(), (vec![0, 2], vec![1.0, -3.0]));
        for (target, message) in [
            (Target::Output(3), "row 0: output 3 was to be explained, there are 3"),
            (Target::Each(vec![1]), "1 targets for 2 rows"),
        ] {
            assert_eq!(target.resolve(&outputs).unwrap_err().to_string(), message);
        }
        let lost = Array::f32(&[1, 2], [f32::NAN; 2]).unwrap();
        assert!(Target::Predicted.resolve(&lost).unwrap_err().to_string().contains("none of its 2 outputs"));
    }
}
