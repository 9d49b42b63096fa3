use serde::{Deserialize, Serialize};

use crate::metrics::{ClassScores, Confusion};

/// Loss and metrics over all rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The mean loss with the penalties of the layers.
    #[serde(with = "number")]
    pub loss: f64,
    /// The metrics by name, in the order they were asked for. Where numbers cannot be NaN or infinite, as in
    /// JSON, such a figure is written as nothing, and read as NaN.
    #[serde(with = "by_name")]
    pub metrics: Vec<(String, f64)>,
    /// Figures of each class, where [`Metric::PerClass`](crate::Metric::PerClass) was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassScores>,
    /// Where [`Metric::ConfusionMatrix`](crate::Metric::ConfusionMatrix) was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
}

impl Scores {
    /// The loss, or a metric by its name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        let metric = || self.metrics.iter().find(|(known, _)| known == name).map(|(_, figure)| *figure);
        if name == "loss" { Some(self.loss) } else { metric() }
    }
}

/// A number that may be NaN or infinite.
mod number {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(x: &f64, to: S) -> Result<S::Ok, S::Error> {
        x.is_finite().then_some(*x).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
    }
}

/// Names and numbers as a map in their order.
mod by_name {
    use std::fmt;

    use serde::de::{MapAccess, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(pairs: &[(String, f64)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, x)| (name, x.is_finite().then_some(*x))))
    }

    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, f64)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a map of names and numbers")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((name, x)) = map.next_entry::<String, Option<f64>>()? {
                pairs.push((name, x.unwrap_or(f64::NAN)));
            }
            Ok(pairs)
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
        from.deserialize_map(Pairs)
    }
}
