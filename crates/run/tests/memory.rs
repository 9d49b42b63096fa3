//! Recipes that take less memory: the same digits are read as well, and the run says what was done.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use anygrad_gpu::{Choice, Session};
use anygrad_nn::{Epoch, Observer, Silent};
use anygrad_recipe::{Recipe, print_recipe};
use anygrad_run::{RunOptions, resume, train};
use pollster::block_on;

fn software() -> Session {
    block_on(Session::open(&Choice::from_env_or(Choice::Software))).unwrap()
}

#[derive(Default)]
struct Notes(Vec<String>);

impl Observer for Notes {
    fn on_saving(&mut self, text: &str) {
        self.0.push(text.to_owned());
    }
}

/// The network that reads drawn digits, trained with these settings; its epochs, and what was said.
fn digits(folder: &Path, sets: &[&str]) -> (Vec<Epoch>, Vec<String>) {
    let sets: Vec<String> = ["data.rows=500", "training.epochs=3", "training.batch_size=32"]
        .iter()
        .chain(sets)
        .map(|set| (*set).to_owned())
        .collect();
    let recipe = Recipe::parse(print_recipe("cnn").unwrap(), "cnn").unwrap().with(&sets).unwrap();
    let (session, mut notes) = (software(), Notes::default());
    let done = block_on(train(&recipe, &session, folder, RunOptions::default(), &mut notes)).unwrap();
    (done.history.epochs, notes.0)
}

#[test]
fn digits_are_read_as_well_in_less_memory() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (plain, notes) = digits(&at("plain"), &[]);
    assert!(notes.is_empty());
    let last = |epochs: &[Epoch], figure: &str| epochs.last().unwrap().figure(figure).unwrap();
    println!("f32: loss {}, accuracy {}", last(&plain, "loss"), last(&plain, "val_accuracy"));

    let (again, notes) = digits(&at("again"), &["training.recompute=auto"]);
    assert_eq!(again, plain, "the same bits");
    assert!(notes.iter().any(|note| note.contains("computed again")), "{notes:?}");
    let log = std::fs::read_to_string(at("again").join("audit.jsonl")).unwrap();
    assert!(log.contains("computed again in"), "{log}");
    let recipe = std::fs::read_to_string(at("again").join("recipe.toml")).unwrap();
    assert!(recipe.contains("recompute = \"auto\""), "{recipe}");
    // One that is over has nothing left to do.
    block_on(resume(&at("again"), &software(), RunOptions::default(), &mut Silent)).unwrap();

    for activations in ["f16", "bf16"] {
        let (rounded, notes) = digits(&at(activations), &[&format!("training.activations={activations}")]);
        assert!(notes.iter().any(|note| note.contains(&format!("held as {activations}"))), "{notes:?}");
        println!(
            "{activations}: loss {}, accuracy {}",
            last(&rounded, "loss"),
            last(&rounded, "val_accuracy")
        );
        for figure in ["loss", "val_loss"] {
            let (a, b) = (last(&plain, figure), last(&rounded, figure));
            assert!((a - b).abs() < 0.05 * a.abs().max(0.2), "{activations} {figure}: {a} and {b}");
        }
        // Two of fifty rows.
        let difference = last(&plain, "val_accuracy") - last(&rounded, "val_accuracy");
        assert!(difference.abs() <= 0.041, "{activations}: {difference}");
    }
}
