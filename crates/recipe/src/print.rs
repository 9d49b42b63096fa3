//! Recipes to begin with.

use anygrad_core::{Error, Result};

use crate::schema::closest;

macro_rules! recipes {
    ($($name:literal),* $(,)?) => {
        /// The names of the recipes that [`print_recipe`] knows.
        pub const RECIPES: &[&str] = &[$($name),*];

        /// A recipe with comments: the four built-in programs, others to begin with, and some for published data.
        ///
        /// # Errors
        /// There is none of that name.
        pub fn print_recipe(name: &str) -> Result<&'static str> {
            match name.replace('-', "_").as_str() {
                $($name => Ok(include_str!(concat!("../recipes/", $name, ".toml"))),)*
                _ => Err(Error::input(format!("no recipe is called {name:?}: {}", closest(name, RECIPES)))),
            }
        }
    };
}

recipes! {
    "linear_regression", "logistic_regression", "cnn", "lstm", "dense", "char_lstm", "transformer",
    "iris", "pima", "mnist", "airline", "temperatures", "shakespeare",
}
