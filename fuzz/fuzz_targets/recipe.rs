//! Reads a recipe, writes it, and reads it again: it says the same.
#![no_main]

use anygrad_recipe::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(recipe) = Recipe::parse(text, "fuzzed.toml") else { return };
    let written = recipe.to_toml();
    let again = Recipe::parse(&written, "written.toml").unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(again.to_toml(), written);
});
