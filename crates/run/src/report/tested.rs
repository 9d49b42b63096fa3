//! `scores.json`: what a trained model makes of the test part.

use anygrad_core::{Error, Result};
use anygrad_nn::Scores;
use anygrad_plot::Roc;
use serde::{Deserialize, Serialize};

/// The figures of the test part, and what shows where the model is right.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tested {
    /// The part of the data, `test`, or the file.
    #[serde(default)]
    pub part: String,
    /// The file name of the checkpoint; that of no file where the model was taken as it stood.
    #[serde(default)]
    pub checkpoint: Option<String>,
    /// How many rows it has.
    #[serde(default)]
    pub rows: usize,
    /// Loss and metrics, with the confusion matrix and the figures of each class where they were asked for.
    pub scores: Scores,
    /// The names of the classes, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// ROC curves, one for each class.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roc: Vec<Curve>,
    /// Predicted numbers beside actual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

impl Tested {
    /// Adds the names of classes, and a ROC curve of each, of that against the rest. `probabilities` are those of
    /// all classes, row by row; for two classes also those of the second alone. A class that has all rows
    /// or none has no curve.
    ///
    /// # Errors
    /// Not as many probabilities as rows want; a class without a name.
    pub fn with_classes(
        mut self,
        names: Vec<String>,
        probabilities: &[f32],
        truths: &[usize],
    ) -> Result<Self> {
        let (classes, rows) = (names.len(), truths.len());
        let width = if classes == 2 && probabilities.len() == rows { 1 } else { classes };
        if probabilities.len() != rows * width {
            return Err(Error::shape(format!(
                "{} probabilities for {rows} rows of {classes} classes: wanted {}",
                probabilities.len(),
                rows * width
            )));
        }
        if let Some(class) = truths.iter().find(|&&class| class >= classes) {
            return Err(Error::input(format!("class {class} has no name: there are {classes}, from 0")));
        }
        // Of two classes the second says it all: the curve of the first is its mirror image.
        let shown = if classes == 2 { 1..2 } else { 0..classes };
        for class in shown {
            let positive: Vec<bool> = truths.iter().map(|&truth| truth == class).collect();
            let column = if width == 1 { 0 } else { class };
            let scores: Vec<f32> = probabilities.iter().skip(column).step_by(width).copied().collect();
            let counted = || positive.iter().zip(&scores).filter(|(_, score)| !score.is_nan());
            if counted().any(|(is_positive, _)| *is_positive)
                && counted().any(|(is_positive, _)| !is_positive)
            {
                self.roc.push(Curve::of(&names[class], &scores, &positive)?);
            }
        }
        self.class_names = names;
        Ok(self)
    }

    /// What the figures are of, in words.
    pub(super) fn told_of(&self) -> String {
        match self.part.as_str() {
            "" => "test part".into(),
            "training" | "validation" | "test" => format!("{} part", self.part),
            file => file.to_owned(),
        }
    }
}

/// Predictions of numbers and what really happened, in the units of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// One number for each row: a regression.
    Rows {
        /// What the data say.
        #[serde(with = "numbers")]
        actual: Vec<f32>,
        /// What the model says.
        #[serde(with = "numbers")]
        predicted: Vec<f32>,
    },
    /// The end of a series.
    Forecast {
        /// The series up to its end.
        #[serde(with = "numbers")]
        values: Vec<f32>,
        /// What was forecast for its last values.
        #[serde(with = "numbers")]
        forecast: Vec<f32>,
    },
}

/// A ROC curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// The class, or the model.
    pub name: String,
    /// False and true positive rate, from (0, 0) to (1, 1).
    pub points: Vec<(f64, f64)>,
}

impl Curve {
    /// From a score and the truth of each row, with corners alone: the area is that of all points.
    ///
    /// # Errors
    /// As [`Roc::of`].
    pub fn of(name: &str, scores: &[f32], positive: &[bool]) -> Result<Self> {
        let mut points: Vec<(f64, f64)> = Vec::new();
        for &point in Roc::of(name, scores, positive)?.points() {
            if let [.., a, b] = points[..]
                && ((a.0 == b.0 && b.0 == point.0) || (a.1 == b.1 && b.1 == point.1))
            {
                points.pop();
            }
            points.push(point);
        }
        Ok(Curve { name: name.to_owned(), points })
    }

    pub(super) fn roc(&self) -> Roc {
        Roc::of_points(&self.name, self.points.clone())
    }
}

/// Numbers in JSON, where nothing stands for those that are not finite.
mod numbers {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(numbers: &[f32], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(numbers.iter().map(|x| x.is_finite().then_some(*x)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f32>, D::Error> {
        let numbers = Vec::<Option<f32>>::deserialize(from)?;
        Ok(numbers.into_iter().map(|x| x.unwrap_or(f32::NAN)).collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn what_was_tested_comes_back_from_json() {
        let scores = Scores { loss: 0.25, metrics: vec![("r2".into(), 0.5)], ..Scores::default() };
        let compared = Compared::Rows { actual: vec![1.0, 0.1], predicted: vec![f32::NAN, 2.5] };
        let curve = Curve { name: "a".into(), points: vec![(0.0, 0.0), (1.0, 1.0)] };
        let names = vec!["a".to_owned()];
        let tested = Tested {
            part: "test".into(),
            checkpoint: Some("a.safetensors".into()),
            rows: 2,
            scores,
            class_names: names,
            roc: vec![curve],
            compared: Some(compared),
        };
        let text = serde_json::to_string(&tested).unwrap();
        assert!(text.contains(r#""loss":0.25"#) && text.contains(r#""predicted":[null,2.5]"#), "{text}");
        let mut back: Tested = serde_json::from_str(&text).unwrap();
        let Some(Compared::Rows { predicted, .. }) = &mut back.compared else { panic!("{back:?}") };
        assert!(predicted[0].is_nan());
        back.compared = None;
        assert_eq!(back, Tested { compared: None, ..tested });

        let nan: Tested = serde_json::from_str(r#"{"scores":{"loss":null,"metrics":{"r2":null}}}"#).unwrap();
        assert!(nan.scores.loss.is_nan() && nan.scores.metrics[0].1.is_nan());
    }

    #[test]
    fn each_class_has_a_curve_against_the_rest() {
        let names = |n: usize| (0..n).map(|i| format!("c{i}")).collect::<Vec<_>>();
        let probabilities = [0.7, 0.2, 0.1, 0.6, 0.3, 0.1, 0.5, 0.4, 0.1, 0.8, 0.1, 0.1];
        let three = Tested::default().with_classes(names(3), &probabilities, &[0, 1, 1, 0]).unwrap();
        let areas: Vec<(&str, f64)> =
            three.roc.iter().map(|curve| (&*curve.name, curve.roc().area())).collect();
        assert_eq!(areas, [("c0", 1.0), ("c1", 1.0)], "no row is of the third");
        assert_eq!(three.class_names, names(3));
        // Two classes: by both columns or by the second alone.
        let both =
            Tested::default().with_classes(names(2), &[0.9, 0.1, 0.2, 0.8, 0.4, 0.6], &[0, 0, 1]).unwrap();
        let second = Tested::default().with_classes(names(2), &[0.1, 0.8, 0.6], &[0, 0, 1]).unwrap();
        assert_eq!((both.roc[0].roc().area(), &both.roc), (0.5, &second.roc));
        let error = Tested::default().with_classes(names(3), &[0.5; 5], &[0, 1]).unwrap_err();
        assert_eq!(error.to_string(), "5 probabilities for 2 rows of 3 classes: wanted 6");
        let error = Tested::default().with_classes(names(2), &[0.5; 4], &[0, 2]).unwrap_err();
        assert!(error.to_string().contains("class 2 has no name: there are 2"), "{error}");
        let nan = Tested::default().with_classes(names(2), &[f32::NAN, 0.5], &[0, 1]).unwrap();
        assert!(nan.roc.is_empty());
    }

    #[test]
    fn a_curve_keeps_its_corners_and_its_area() {
        let scores: Vec<f32> = (0..1000).map(|i| ((i * 7919) % 1000) as f32).collect();
        let positive: Vec<bool> =
            scores.iter().map(|&s| s > 400.0 || (s as usize).is_multiple_of(5)).collect();
        let (curve, all) =
            (Curve::of("", &scores, &positive).unwrap(), Roc::of("", &scores, &positive).unwrap());
        assert!(curve.points.len() * 3 < all.points().len(), "{} points", curve.points.len());
        assert!((curve.roc().area() - all.area()).abs() < 1e-12);
        assert!(Curve::of("", &[1.0], &[true]).unwrap_err().is_input());
    }
}
