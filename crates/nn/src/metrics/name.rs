//! Metrics as text.

use std::str::FromStr;

use anygrad_core::{Error, Result};

use super::{Average, Metric};

/// All names, `K` being a number.
const NAMES: &str = "accuracy, binary_accuracy, top_K_accuracy, precision, recall, f1, roc_auc and pr_auc \
     (each also with _macro, _micro, _weighted), per_class, confusion_matrix, log_loss, perplexity, mae, \
     mse, rmse, r2, mape";

impl Metric {
    /// What it is called in scores and recipes, as `f1_macro`.
    pub fn name(&self) -> String {
        let plain = match self {
            Metric::Accuracy => "accuracy",
            Metric::BinaryAccuracy { .. } => "binary_accuracy",
            Metric::TopKAccuracy { k } => return format!("top_{k}_accuracy"),
            Metric::Precision(average) => return format!("precision{}", average.suffix()),
            Metric::Recall(average) => return format!("recall{}", average.suffix()),
            Metric::F1(average) => return format!("f1{}", average.suffix()),
            Metric::RocAuc(average) => return format!("roc_auc{}", average.suffix()),
            Metric::PrAuc(average) => return format!("pr_auc{}", average.suffix()),
            Metric::PerClass => "per_class",
            Metric::ConfusionMatrix => "confusion_matrix",
            Metric::LogLoss => "log_loss",
            Metric::Perplexity => "perplexity",
            Metric::MeanAbsoluteError => "mae",
            Metric::MeanSquaredError => "mse",
            Metric::RootMeanSquaredError => "rmse",
            Metric::R2 => "r2",
            Metric::MeanAbsolutePercentageError => "mape",
        };
        plain.into()
    }
}

impl FromStr for Metric {
    type Err = Error;

    /// The metric of a name; the border of `binary_accuracy` is 1/2.
    fn from_str(name: &str) -> Result<Self> {
        let unknown = || Error::input(format!("there is no metric {name:?}; there is {NAMES}"));
        if let Some(k) = name.strip_prefix("top_").and_then(|rest| rest.strip_suffix("_accuracy")) {
            let k = k.parse().ok().filter(|&k| k > 0).ok_or_else(unknown)?;
            return Ok(Metric::TopKAccuracy { k });
        }
        let all = [Average::Macro, Average::Micro, Average::Weighted];
        let ends = all.into_iter().find(|average| name.ends_with(average.suffix()));
        let average = ends.unwrap_or(Average::Binary);
        let stem = name.strip_suffix(average.suffix()).unwrap_or(name);
        match stem {
            "precision" => return Ok(Metric::Precision(average)),
            "recall" => return Ok(Metric::Recall(average)),
            "f1" => return Ok(Metric::F1(average)),
            "roc_auc" => return Ok(Metric::RocAuc(average)),
            "pr_auc" => return Ok(Metric::PrAuc(average)),
            _ => {}
        }
        Ok(match name {
            "accuracy" => Metric::Accuracy,
            "binary_accuracy" => Metric::BinaryAccuracy { threshold: 0.5 },
            "per_class" => Metric::PerClass,
            "confusion_matrix" => Metric::ConfusionMatrix,
            "log_loss" => Metric::LogLoss,
            "perplexity" => Metric::Perplexity,
            "mae" => Metric::MeanAbsoluteError,
            "mse" => Metric::MeanSquaredError,
            "rmse" => Metric::RootMeanSquaredError,
            "r2" => Metric::R2,
            "mape" => Metric::MeanAbsolutePercentageError,
            _ => return Err(unknown()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let averages = [Average::Binary, Average::Macro, Average::Micro, Average::Weighted];
        let averaged = averages.into_iter().flat_map(|a| {
            [Metric::Precision(a), Metric::Recall(a), Metric::F1(a), Metric::RocAuc(a), Metric::PrAuc(a)]
        });
        let plain = [
            Metric::Accuracy,
            Metric::BinaryAccuracy { threshold: 0.5 },
            Metric::TopKAccuracy { k: 5 },
            Metric::PerClass,
            Metric::ConfusionMatrix,
            Metric::LogLoss,
            Metric::Perplexity,
            Metric::MeanAbsoluteError,
            Metric::MeanSquaredError,
            Metric::RootMeanSquaredError,
            Metric::R2,
            Metric::MeanAbsolutePercentageError,
        ];
        for metric in averaged.chain(plain) {
            assert_eq!(metric.name().parse::<Metric>().unwrap(), metric);
        }
        for bad in ["top_0_accuracy", "top_x_accuracy", "mae_macro", "F1", ""] {
            let error = bad.parse::<Metric>().unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")) && error.contains("log_loss"), "{error}");
        }
    }
}
