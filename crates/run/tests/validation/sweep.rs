use std::sync::atomic::{AtomicBool, Ordering};

use anygrad_gpu::Session;
use anygrad_recipe::Recipe;
use anygrad_recipe::sweep::{Variant, grid, random};
use anygrad_run::sweep::{Run, Sweep, axis, sweep};

use crate::{GO_ON, LINE, given};

fn run(recipe: &Recipe, variants: &[Variant]) -> Sweep {
    let session = Session::interpreter();
    pollster::block_on(sweep(recipe, variants, &session, &GO_ON, &mut |_| {})).unwrap()
}

#[test]
fn the_best_comes_first_and_what_failed_last() {
    let recipe = given(LINE, &[]).recipe;
    // The second makes the loss infinite, the third has no rows for a batch.
    let axes = [axis("optimizer.lr=1e-6,1e9,0.1").unwrap(), axis("training.batch_size=8,50").unwrap()];
    let variants = grid(&recipe, &axes).unwrap();
    let found = run(&recipe, &variants);
    assert_eq!((found.monitor.as_str(), found.higher_is_better, found.variants), ("val_loss", false, 6));
    let numbers: Vec<usize> = found.runs.iter().map(|run| run.number).collect();
    assert_eq!(numbers[..2], [5, 1], "{}", found.table());
    assert!(found.runs[0].figure.unwrap() < found.runs[1].figure.unwrap() / 10.0);
    assert_eq!(found.runs[0].figure, found.runs[0].validation.as_ref().map(|scores| scores.loss));
    assert_eq!(found.runs[0].sets, ["optimizer.lr=0.1", "training.batch_size=8"]);
    let failed: Vec<usize> =
        found.runs.iter().filter(|run| run.error.is_some()).map(|run| run.number).collect();
    assert_eq!(failed, [2, 3, 4, 6]);
    let large = found.runs.iter().find(|run| run.number == 2).unwrap();
    assert!(large.error.as_ref().unwrap().contains("50 of 36 rows"), "{large:?}");
    assert_eq!(found, run(&recipe, &variants));

    let table = found.table();
    let headings = ["run", "optimizer.lr", "training.batch_size", "val_loss", "val_mae"];
    assert_eq!(table.headings[..5], headings);
    assert_eq!(table.rows[0][..3], ["5", "0.1", "8"]);
    let csv = table.to_csv();
    assert_eq!(csv.lines().count(), 7);
    let error = csv.lines().find(|line| line.starts_with("2,")).unwrap();
    assert!(error.contains("50 of 36 rows"), "{csv}");
}

#[test]
fn a_variant_is_what_its_recipe_alone_gives() {
    let recipe = given(LINE, &[]).recipe;
    let variants = random(&recipe, &[axis("optimizer.lr=1e-3..1e-1(log)").unwrap()], 3, 7).unwrap();
    let all = run(&recipe, &variants);
    for one in &all.runs {
        // Nothing of the trainings before it is left over.
        let alone = run(&recipe, &variants[one.number - 1..one.number]);
        assert_eq!((alone.runs[0].figure, &alone.runs[0].validation), (one.figure, &one.validation));
    }
}

#[test]
fn the_figure_is_the_one_that_early_stopping_watches() {
    let watched = LINE.replace("epochs = 3", "epochs = 3\nearly_stopping = { monitor = \"validation_mae\" }");
    let recipe = given(&watched, &[]).recipe;
    let found = run(&recipe, &grid(&recipe, &[axis("training.epochs=1,2").unwrap()]).unwrap());
    assert_eq!(found.monitor, "val_mae");
    assert_eq!(found.runs[0].figure, found.runs[0].validation.as_ref().and_then(|s| s.figure("mae")));
}

#[test]
fn a_stop_keeps_what_is_done() {
    let recipe = given(LINE, &[]).recipe;
    let variants = grid(&recipe, &[axis("training.epochs=1,2,3").unwrap()]).unwrap();
    let (stop, session) = (AtomicBool::new(false), Session::interpreter());
    let mut told = 0;
    let mut on_run = |_: &Run| {
        told += 1;
        stop.store(told == 2, Ordering::Relaxed);
    };
    let found = pollster::block_on(sweep(&recipe, &variants, &session, &stop, &mut on_run)).unwrap();
    assert_eq!((found.runs.len(), found.variants, told), (2, 3, 2));
}

#[test]
fn axes_as_people_write_them() {
    let recipe = given(LINE, &[]).recipe;
    let sets = |text: &str| -> Vec<String> {
        let variants = grid(&recipe, &[axis(text).unwrap()]).unwrap();
        variants.into_iter().map(|variant| variant.sets[0].clone()).collect()
    };
    assert_eq!(sets("optimizer=sgd, adam"), ["optimizer=\"sgd\"", "optimizer=\"adam\""]);
    assert_eq!(sets("optimizer.lr=[0.1, 0.2]").len(), 2);
    assert_eq!(sets("training.shuffle=true,false"), ["training.shuffle=true", "training.shuffle=false"]);
    let drawn = random(&recipe, &[axis("training.epochs=2..4").unwrap()], 20, 1).unwrap();
    assert!(drawn.iter().all(|variant| (2..=4).contains(&variant.recipe.settings().training.epochs)));
    for wrong in ["training.epochs", "training.epochs=1(log)", "optimizer.lr=2..1", "optimizer.lr=a..b"] {
        assert!(axis(wrong).unwrap_err().is_input(), "{wrong}");
    }
}
