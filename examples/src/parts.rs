//! The data of the programs, in the parts that training takes.

use std::path::Path;

use anygrad::core::Result;
use anygrad::data::{Dataset, Header, Standardizer, Table, Task, generate, load_mnist};

/// Data to train on, to watch while training, and to judge by once at the end.
#[derive(Clone, Debug)]
pub struct Parts {
    /// What the model learns.
    pub training: Dataset,
    /// What tells during training whether it learns more than the rows themselves.
    pub validation: Dataset,
    /// What the final figures are taken from.
    pub test: Dataset,
}

/// How many digits are drawn.
const DRAWN: usize = 5000;
/// How many points are made for the regressions.
const POINTS: usize = 1000;

impl Parts {
    /// Images of digits: those of a folder in MNIST's form, or drawn ones.
    ///
    /// Of a folder with a training and a test part a tenth of the first is for validation. Of one
    /// part alone eight tenths are for training, and one for each of the others; so too of 5,000
    /// drawn ones.
    ///
    /// # Errors
    /// Those of [`load_mnist`], or too few images for three parts.
    pub fn images(folder: Option<&Path>, seed: u64) -> Result<Self> {
        let Some(folder) = folder else {
            return Parts::of(&generate::digits(DRAWN, seed)?, [0.8, 0.1, 0.1]);
        };
        let mnist = load_mnist(folder)?;
        // The files are not in a random order: the first half of MNIST's test images is the easier.
        let images = mnist.train.shuffle(seed)?;
        let Some(test) = mnist.test else { return Parts::of(&images, [0.8, 0.1, 0.1]) };
        let mut parts = images.split(&[0.9, 0.1])?.into_iter();
        match (parts.next(), parts.next()) {
            (Some(training), Some(validation)) => Ok(Parts { training, validation, test }),
            _ => Parts::of(&images, [0.8, 0.1, 0.1]),
        }
    }

    /// Points near the line 3 x + 2, or the rows of a table whose last column is the number to
    /// predict: seven tenths for training, one for validation, two for the test.
    ///
    /// # Errors
    /// Those of [`Table::read`] and [`Table::dataset`], or too few rows for three parts.
    pub fn regression(table: Option<&Path>, seed: u64) -> Result<Self> {
        let data = match table {
            Some(path) => Table::read(path, Header::Detect)?.dataset(None, Task::Regression)?,
            None => generate::line(POINTS, seed)?,
        };
        Parts::of(&data.shuffle(seed)?, [0.7, 0.1, 0.2])
    }

    /// Points of the logical and, or the rows of a table whose last column holds two classes: seven
    /// tenths for training, one for validation, two for the test.
    ///
    /// # Errors
    /// Those of [`Table::read`] and [`Table::dataset`], or too few rows for three parts.
    pub fn two_classes(table: Option<&Path>, seed: u64) -> Result<Self> {
        Parts::of(&two_classes(table, seed)?.shuffle(seed)?, [0.7, 0.1, 0.2])
    }

    fn of(data: &Dataset, fractions: [f64; 3]) -> Result<Self> {
        let mut parts = data.split(&fractions)?;
        // A split has as many parts as fractions.
        let (test, validation) = (parts.remove(2), parts.remove(1));
        Ok(Parts { training: parts.remove(0), validation, test })
    }

    /// The same parts with standardized features, by what the training part alone looks like.
    ///
    /// # Errors
    /// Those of [`Standardizer::fit`].
    pub fn standardized(&self) -> Result<(Parts, Standardizer)> {
        let scale = Standardizer::fit(self.training.features())?;
        let apply = |part: &Dataset| part.map_features(|features| scale.apply(features));
        let parts = Parts {
            training: apply(&self.training)?,
            validation: apply(&self.validation)?,
            test: apply(&self.test)?,
        };
        Ok((parts, scale))
    }

    /// The numbers of rows in the parts, as a program shows them.
    pub fn sizes(&self) -> String {
        format!(
            "{} rows to train on, {} to validate, {} to test",
            self.training.len(),
            self.validation.len(),
            self.test.len()
        )
    }
}

/// Points of the logical and, or the rows of a table whose last column holds two classes, in the
/// order of the file.
///
/// # Errors
/// Those of [`Table::read`] and [`Table::dataset`].
pub fn two_classes(table: Option<&Path>, seed: u64) -> Result<Dataset> {
    match table {
        Some(path) => Table::read(path, Header::Detect)?.dataset(None, Task::Binary),
        None => generate::and_points(POINTS, seed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(parts: &Parts) -> [usize; 3] {
        [parts.training.len(), parts.validation.len(), parts.test.len()]
    }

    /// An IDX file of bytes.
    fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
        [&[0, 0, 8, (sizes.len() / 4) as u8], &sizes[..], bytes].concat()
    }

    fn write_images(folder: &Path, part: &str, count: u32) {
        let labels: Vec<u8> = (0..count).map(|i| (i % 10) as u8).collect();
        let pixels: Vec<u8> = labels.iter().flat_map(|&label| [label; 784]).collect();
        let images = folder.join(format!("{part}-images-idx3-ubyte"));
        std::fs::write(images, idx(&[count, 28, 28], &pixels)).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), idx(&[count], &labels)).unwrap();
    }

    #[test]
    fn images_are_split_by_what_the_folder_holds() {
        assert_eq!(sizes(&Parts::images(None, 1).unwrap()), [4000, 500, 500]);
        let folder = tempfile::tempdir().unwrap();
        write_images(folder.path(), "t10k", 50);
        let parts = Parts::images(Some(folder.path()), 1).unwrap();
        assert_eq!(sizes(&parts), [40, 5, 5]);
        // Shuffled, with each image beside its label.
        let labels = parts.training.targets().to_f64();
        assert_ne!(labels[..10], [0., 1., 2., 3., 4., 5., 6., 7., 8., 9.]);
        for (image, label) in parts.training.features().as_f32().unwrap().chunks(784).zip(labels) {
            assert_eq!(f64::from(image[0] * 255.0).round(), label);
        }
        write_images(folder.path(), "train", 100);
        assert_eq!(sizes(&Parts::images(Some(folder.path()), 1).unwrap()), [90, 10, 50]);
        assert!(Parts::images(Some(&folder.path().join("none")), 1).unwrap_err().is_input());
    }

    #[test]
    fn tables_are_split_and_scaled_by_the_training_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        let text: String = (0..50).map(|i| format!("{i},{},{}\n", 1000 - i, i % 2)).collect();
        std::fs::write(&path, text).unwrap();
        for make in [Parts::regression, Parts::two_classes] {
            assert_eq!(sizes(&make(None, 1).unwrap()), [700, 100, 200]);
            let parts = make(Some(&path), 1).unwrap();
            assert_eq!(sizes(&parts), [35, 5, 10]);
            assert_eq!(parts.sizes(), "35 rows to train on, 5 to validate, 10 to test");
            let (scaled, scale) = parts.standardized().unwrap();
            assert_eq!(Standardizer::fit(parts.training.features()).unwrap(), scale);
            let again = Standardizer::fit(scaled.training.features()).unwrap();
            assert!(again.mean.iter().all(|mean| mean.abs() < 1e-5), "{again:?}");
            assert_eq!(&scale.apply(parts.test.features()).unwrap(), scaled.test.features());
            assert_eq!(parts.test.targets(), scaled.test.targets());
            assert!(make(Some(folder.path()), 1).unwrap_err().is_input());
        }
        std::fs::write(&path, "1,2\n3,4\n").unwrap();
        let error = Parts::regression(Some(&path), 1).unwrap_err().to_string();
        assert!(error.contains("2 rows cannot be split"), "{error}");
    }
}
