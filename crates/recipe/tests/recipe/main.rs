//! Recipes from text to model.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod folds;
mod formats;
mod layers;
mod loading;
mod mistakes;
mod presets;
mod properties;
mod reference;
mod sweeps;
mod training;
