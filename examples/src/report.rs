//! What a program found, as data.

use serde::Serialize;

use crate::tables::Confusion;
use crate::trend::Preparation;

/// The result of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The program.
    pub program: &'static str,
    /// What it ran on.
    pub adapter: String,
    /// What data, weights and order depended on.
    pub seed: u64,
    /// How many times training went through the training part.
    pub epochs: usize,
    /// The training loss of each epoch.
    pub losses: Vec<f64>,
    /// The loss on the validation part after each epoch; empty where there is no such part.
    pub validation_losses: Vec<f64>,
    /// The final figures.
    #[serde(flatten)]
    pub figures: Figures,
}

/// Final figures, on data that took no part in training.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figures {
    /// Of a regression.
    Regression {
        /// The weight of each feature.
        weights: Vec<f64>,
        /// The prediction where all features are 0.
        intercept: f64,
        /// Root of the mean squared error on the test part.
        test_rmse: f64,
        /// The same of a model that always predicts the mean of the training part.
        mean_rmse: f64,
    },
    /// Of a classification.
    Classification {
        /// The share of test rows whose class was found.
        test_accuracy: f64,
        /// The share that always answering the most frequent class finds.
        majority_accuracy: f64,
        /// Which classes were taken for which.
        confusion: Confusion,
        /// The accuracy over all rows, each predicted by a model that was not trained on it; none
        /// where that was not computed.
        #[serde(skip_serializing_if = "Option::is_none")]
        cross_validated_accuracy: Option<f64>,
    },
    /// Of a forecast.
    Forecast {
        /// Root of the mean squared error, in the units of the series.
        rmse: f64,
        /// Mean absolute error.
        mae: f64,
        /// The same of the naive forecast: each value will be as the one before.
        naive_rmse: f64,
        /// The same of the naive forecast.
        naive_mae: f64,
        /// How the series was prepared.
        preparation: Preparation,
    },
}
