//! The page of all keys is the schema's.

use std::path::Path;

use anygrad_recipe::{Recipe, reference};

/// What stands before the keys in the page.
const MARK: &str =
    "<!-- What follows is written by a test: UPDATE_GOLDEN=1 cargo test -p anygrad-recipe -->\n";

fn page() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/recipes.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_page_has_every_key_as_it_is() {
    let (path, text) = page();
    let (head, keys) = text.split_once(MARK).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, format!("{head}{MARK}{}", reference())).unwrap();
        return;
    }
    assert!(keys == reference(), "docs/recipes.md is not what the schema says: run with UPDATE_GOLDEN=1");
}

#[test]
fn the_page_links_to_chapters_that_exist() {
    let text = reference();
    let chapters: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    for part in text.split("](#").skip(1) {
        let anchor = part.split(')').next().unwrap();
        assert!(chapters.iter().any(|chapter| chapter.replace(' ', "-") == anchor), "{anchor}");
    }
    // Every kind of table that a key can take.
    for chapter in
        ["layer", "loss", "optimizer", "schedule", "data", "format", "task", "split", "training", "metric"]
    {
        assert!(chapters.contains(&chapter), "{chapter}");
    }
}

#[test]
fn the_example_of_the_page_is_a_recipe() {
    let (_, text) = page();
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let recipe = Recipe::parse(example, "example").unwrap();
    assert_eq!(recipe.settings().training.epochs, 50);
}
