//! Whatever stands in a recipe, there is an answer and no panic, and what is read prints back as the same.

use anygrad_core::DType;
use anygrad_recipe::{RECIPES, Recipe, Sizes, print_recipe};
use proptest::prelude::*;

/// Pieces that mutations put in: values of every kind, and words of the schema.
const PIECES: &[&str] = &[
    "0",
    "1",
    "-1",
    "2.5",
    "nan",
    "1e308",
    "16777216",
    "9223372036854775807",
    "true",
    "\"\"",
    "\"relu\"",
    "\"same\"",
    "\"outputs\"",
    "\"vocabulary\"",
    "[]",
    "[1, 2]",
    "{}",
    "[[1, 2], [3, 4]]",
    "\"lstm\"",
    "\"flatten\"",
    "[data]",
    "\n",
    "{ type = \"conv3d\", filters = 2, kernel_size = 2 }",
    "{ type = \"dense\", units = 16777216 }",
    "=",
    ",",
    "]",
    "#",
    "{ type = \"reshape\", sizes = [16777216, 16777216] }",
    "{ type = \"pad2d\", padding = 16777216 }",
    "\"unknown\"",
    "{ type = \"residual\", layers = [\"flatten\"] }",
    "{ type = \"upsample2d\", size = 16777216 }",
    "\"3 epochs\"",
];

/// A recipe with some of its words, lines or bytes replaced.
fn mutated(name: usize, changes: &[(usize, usize, u8)]) -> String {
    let mut text = print_recipe(RECIPES[name % RECIPES.len()]).unwrap().to_owned();
    for &(at, piece, kind) in changes {
        let mut words: Vec<&str> = text.split_inclusive([' ', '\n', ',']).collect();
        let at = at % words.len();
        match kind % 4 {
            0 => words[at] = PIECES[piece % PIECES.len()],
            1 => words.insert(at, PIECES[piece % PIECES.len()]),
            2 => drop(words.remove(at)),
            _ => words.swap(at, piece % (at + 1)),
        }
        text = words.concat();
        if text.is_empty() {
            text.push('x');
        }
    }
    text
}

fn sizes(name: usize) -> Sizes {
    let (features, dtype, outputs, vocabulary) = match RECIPES[name % RECIPES.len()] {
        "linear_regression" => (vec![1], DType::F32, 1, None),
        "logistic_regression" => (vec![2], DType::F32, 1, None),
        "cnn" => (vec![1, 28, 28], DType::F32, 10, None),
        "lstm" => (vec![24, 1], DType::F32, 1, None),
        "dense" => (vec![4], DType::F32, 3, None),
        _ => (vec![64], DType::I32, 50, Some(50)),
    };
    Sizes { features, dtype, outputs, vocabulary, rows: 1000 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn no_recipe_makes_a_panic(
        name in 0usize..7,
        changes in prop::collection::vec((any::<usize>(), any::<usize>(), any::<u8>()), 1..5),
    ) {
        let text = mutated(name, &changes);
        match Recipe::parse(&text, "r.toml") {
            Ok(recipe) => {
                let printed = recipe.to_toml();
                let again = Recipe::parse(&printed, "printed").unwrap();
                prop_assert_eq!(&again, &recipe, "{}", printed);
                prop_assert_eq!(again.to_toml(), printed);
                if let Err(error) = recipe.build(&sizes(name)) {
                    prop_assert!(error.to_string().starts_with("r.toml: "), "{}", error);
                    prop_assert!(!error.is_internal(), "{}", error);
                }
            }
            Err(error) => prop_assert!(error.is_input() && error.to_string().starts_with("r.toml: "), "{}", error),
        }
    }

    #[test]
    fn no_text_makes_a_panic(text in "(?s).{0,200}", set in "(?s).{0,40}") {
        let _ = Recipe::parse(&text, "r.toml");
        let good = Recipe::parse(print_recipe("dense").unwrap(), "r.toml").unwrap();
        let _ = good.with(std::slice::from_ref(&set));
        let _ = good.with(&[format!("model.0.{set}")]);
        let _ = anygrad_recipe::sweep::Axis::parse(&set);
    }

    #[test]
    fn settings_print_back_as_the_same(
        epochs in 1usize..1_000_000,
        lr in prop::num::f64::POSITIVE,
        seed in 0u64..i64::MAX as u64,
        units in 1usize..1000,
        rate in 0.0f64..1.0,
        path in "[^\u{0}]{1,20}",
        padding in prop::sample::select(vec!["\"same\"", "3", "[1, 2]", "[[1, 2], [3, 0]]", "[1, [2, 3]]"]),
        length in prop::sample::select(vec!["7", "\"2.5 epochs\"", "\"1 epoch\""]),
    ) {
        let sets = [
            format!("training.epochs={epochs}"), format!("optimizer.lr={lr:?}"), format!("training.seed={seed}"),
            format!("model.0={{ type = \"dense\", units = {units} }}"), format!("model.1.rate={rate:?}"),
            format!("model.2={{ type = \"conv2d\", filters = 1, kernel_size = 1, padding = {padding} }}"),
            format!("schedule.warmup_steps={length}"),
        ];
        let good = Recipe::parse(print_recipe("dense").unwrap(), "r.toml").unwrap();
        // TOML's numbers are finite, and a rate of learning may round to no number of the other's.
        prop_assume!(lr.is_finite());
        let recipe = good.with(&sets).unwrap();
        let printed = recipe.to_toml();
        prop_assert_eq!(Recipe::parse(&printed, "printed").unwrap(), recipe.clone(), "{}", printed);
        // Any text comes back, whatever is in it.
        let text = printed.replace("\"iris.csv\"", &toml_string(&path));
        let other = Recipe::parse(&text, "text").unwrap();
        prop_assert_eq!(Recipe::parse(&other.to_toml(), "printed").unwrap(), other);
    }
}

/// A text as TOML has it, with every character escaped.
fn toml_string(text: &str) -> String {
    let escaped: String = text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
    format!("\"{escaped}\"")
}
