//! The recipes to begin with: they read, build, and print back as the same.

use anygrad_core::DType;
use anygrad_recipe::{RECIPES, Recipe, Sizes, print_recipe};

fn sizes(name: &str) -> Sizes {
    let (features, dtype, outputs, vocabulary) = match name {
        "linear_regression" => (vec![1], DType::F32, 1, None),
        "logistic_regression" => (vec![2], DType::F32, 1, None),
        "cnn" => (vec![1, 28, 28], DType::F32, 10, None),
        "lstm" => (vec![24, 1], DType::F32, 1, None),
        "dense" | "iris" => (vec![4], DType::F32, 3, None),
        "pima" => (vec![8], DType::F32, 1, None),
        "mnist" => (vec![1, 28, 28], DType::F32, 10, None),
        "airline" => (vec![12, 1], DType::F32, 1, None),
        "temperatures" => (vec![14, 1], DType::F32, 1, None),
        _ => (vec![64], DType::I32, 50, Some(50)),
    };
    Sizes { features, dtype, outputs, vocabulary, rows: 1000 }
}

#[test]
fn every_recipe_reads_builds_and_prints_back_as_the_same() {
    assert_eq!(RECIPES.len(), 13);
    for name in RECIPES {
        let recipe = Recipe::parse(print_recipe(name).unwrap(), name).unwrap();
        let parts = recipe.build(&sizes(name)).unwrap();
        assert_eq!(parts.steps.per_epoch, 1000u64.div_ceil(recipe.settings().training.batch_size as u64));
        let printed = recipe.to_toml();
        let again = Recipe::parse(&printed, "printed").unwrap();
        assert_eq!(again, recipe, "{printed}");
        assert_eq!(again.to_toml(), printed);
    }
    assert!(print_recipe("char-lstm").is_ok());
    let error = print_recipe("transfromer").unwrap_err();
    assert_eq!(error.to_string(), "no recipe is called \"transfromer\": did you mean `transformer`?");
}

#[test]
fn the_recipes_that_make_their_data_load_it() {
    for (name, rows) in [("linear_regression", 700), ("logistic_regression", 700), ("lstm", 776)] {
        let recipe = Recipe::parse(print_recipe(name).unwrap(), name).unwrap();
        let loaded = recipe.load().unwrap();
        assert_eq!(loaded.training.len(), rows, "{name}");
        assert_eq!(loaded.sizes, Sizes { rows, ..sizes(name) });
        assert_eq!(loaded.validation.is_some(), name != "lstm");
        recipe.build(&loaded.sizes).unwrap();
    }
    let sets = ["data.rows=100".to_owned()];
    let recipe = Recipe::parse(print_recipe("cnn").unwrap(), "cnn").unwrap().with(&sets).unwrap();
    let loaded = recipe.load().unwrap();
    assert_eq!((loaded.training.len(), loaded.preprocessing.classes.len()), (80, 10));
}

#[test]
fn a_printed_recipe_says_all_that_it_stands_for() {
    let recipe = Recipe::parse(print_recipe("logistic_regression").unwrap(), "x").unwrap();
    let printed = recipe.to_toml();
    for line in [
        "    { type = \"dense\", units = 1, activation = \"linear\", bias = true, kernel_init = \"glorot_uniform\", bias_init = \"zeros\", pytorch_init = false },",
        "[optimizer]",
        "beta_2 = 0.999",
        "precision = \"f32\"",
        "recompute = \"none\"",
        "activations = \"f32\"",
        "checkpoint = { every = 1, keep = 3 }",
    ] {
        assert!(printed.lines().any(|other| other == line), "{line} is not in\n{printed}");
    }
}
