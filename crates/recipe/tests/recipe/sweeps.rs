//! Settings beside the file, and many recipes from one.

use anygrad_recipe::optim::Optimizer;
use anygrad_recipe::sweep::{Axis, grid, random};
use anygrad_recipe::{Recipe, print_recipe};

fn recipe() -> Recipe {
    Recipe::parse(print_recipe("dense").unwrap(), "dense.toml").unwrap()
}

fn with(sets: &[&str]) -> Result<Recipe, String> {
    recipe().with(&sets.iter().map(ToString::to_string).collect::<Vec<_>>()).map_err(|e| e.to_string())
}

#[test]
fn settings_take_the_place_of_those_in_the_file() {
    let changed = with(&[
        "training.epochs=3",
        "model.0.units = 16",
        "optimizer.lr=0.5",
        "optimizer.weight_decay=0",
        "regularization.augmentation.noise=0.1",
        "data.target=species",
        "loss.label_smoothing=0.1",
        "regularization.label_smoothing=0",
        "schedule=cosine",
    ]);
    let changed = changed.unwrap();
    let settings = changed.settings();
    assert_eq!(settings.training.epochs, 3);
    assert_eq!(settings.regularization.augmentation.noise, 0.1);
    let Optimizer::AdamW(optimizer) = &settings.optimizer else { panic!("{:?}", settings.optimizer) };
    assert_eq!((optimizer.lr, optimizer.weight_decay), (0.5, Some(0.0)));
    assert!(changed.to_toml().contains("target = \"species\""));
    assert!(changed.to_toml().contains("{ type = \"dense\", units = 16, activation = \"relu\""));
    // What was a name alone gets keys, and a setting on top of another counts.
    let Optimizer::Sgd(sgd) =
        with(&["optimizer=sgd", "optimizer.momentum=0.9"]).unwrap().settings().optimizer.clone()
    else {
        panic!("no sgd")
    };
    assert_eq!(sgd.momentum, 0.9);
    // The same recipe, whether its values stand in the file or beside it.
    assert_eq!(with(&["training.seed=1"]).unwrap(), recipe());
    assert_ne!(with(&["training.seed=2"]).unwrap(), recipe());
}

#[test]
fn settings_that_do_not_fit_are_refused() {
    for (set, error) in [
        ("epochs", "set epochs: takes a path of keys, `=` and a value, as training.epochs=3"),
        (
            "training..epochs=3",
            "set training..epochs=3: `training..epochs` is no path of keys, as training.epochs or model.0.units",
        ),
        ("training.epoch=3", "set training.epoch=3: training: unknown key `epoch`: did you mean `epochs`?"),
        (
            "training.epochs=few",
            "set training.epochs=few: training.epochs: \"few\" is text: takes a whole number",
        ),
        (
            "training.epochs=0",
            "set training.epochs=0: training.epochs: 0 is out of range: takes a whole number, 1 or more",
        ),
        ("training.epochs=", "set training.epochs=: `` is no value: text stands in quotes"),
        (
            "training.epochs=3\nseed = 2",
            "set training.epochs=3\nseed = 2: `3\nseed = 2` is no value: text stands in quotes",
        ),
        ("model.9.units=3", "set model.9.units=3: model: there is no element `9` in a list of 5"),
        (
            "training.seed.x=3",
            "set training.seed.x=3: training.seed: 1 is a whole number, which has no key `x`",
        ),
    ] {
        assert_eq!(with(&[set]).unwrap_err(), format!("dense.toml: {error}"));
    }
}

fn axes(texts: &[&str]) -> Vec<Axis> {
    texts.iter().map(|text| Axis::parse(text).unwrap()).collect()
}

#[test]
fn a_grid_has_every_combination() {
    let axes = axes(&["optimizer.lr=[0.1, 0.01]", "optimizer=[\"sgd\", { type = \"adam\", lr = 0.5 }]"]);
    // The second axis writes over the first: what is set later counts.
    let variants = grid(&recipe(), &axes).unwrap();
    let sets: Vec<String> = variants.iter().map(|variant| variant.sets.join(" ")).collect();
    assert_eq!(
        sets,
        [
            "optimizer.lr=0.1 optimizer=\"sgd\"",
            "optimizer.lr=0.1 optimizer={ type = \"adam\", lr = 0.5 }",
            "optimizer.lr=0.01 optimizer=\"sgd\"",
            "optimizer.lr=0.01 optimizer={ type = \"adam\", lr = 0.5 }",
        ]
    );
    assert_eq!(variants[1].recipe.settings().optimizer.lr(), 0.5);
}

#[test]
fn random_draws_depend_on_the_seed_alone_and_stay_in_range() {
    let axes = axes(&[
        "optimizer.lr={min = 1e-4, max = 0.1, log = true}",
        "training.batch_size={min = 4, max = 6}",
        "model.0.activation=[\"relu\", \"tanh\"]",
    ]);
    let draws = random(&recipe(), &axes, 200, 3).unwrap();
    let first = random(&recipe(), &axes, 20, 3).unwrap();
    assert!(first.iter().zip(&draws).all(|(a, b)| a.sets == b.sets && a.recipe == b.recipe));
    assert_ne!(random(&recipe(), &axes, 20, 4).unwrap()[0].sets, first[0].sets);
    let rates: Vec<f64> = draws.iter().map(|draw| draw.recipe.settings().optimizer.lr()).collect();
    assert!(rates.iter().all(|lr| (1e-4..=0.1).contains(lr)), "{rates:?}");
    // Half of the draws are below the geometric middle.
    let low = rates.iter().filter(|lr| **lr < 10f64.powf(-2.5)).count();
    assert!((70..=130).contains(&low), "{low} of 200 below the middle");
    for size in 4..=6 {
        let count = draws.iter().filter(|draw| draw.recipe.settings().training.batch_size == size).count();
        assert!(count > 40, "{count} of {size}");
    }
}

#[test]
fn sweeps_that_make_no_sense_are_refused() {
    for (text, error) in [
        ("lr", "sweep lr: takes path=[values] or path={min = 1, max = 2}"),
        ("lr=3", "sweep lr=3: takes path=[values] or path={min = 1, max = 2}"),
        ("lr=[]", "sweep lr=[]: the list is empty"),
        ("lr={min=1}", "sweep lr={min=1}: `max` takes a number"),
        (
            "lr={min=1, max=1}",
            "sweep lr={min=1, max=1}: `min` must be below `max`, and above 0 where `log` is true",
        ),
        (
            "lr={min=0, max=1, log=true}",
            "sweep lr={min=0, max=1, log=true}: `min` must be below `max`, and above 0 where `log` is true",
        ),
        (
            "lr={min=0, max=1, step=2}",
            "sweep lr={min=0, max=1, step=2}: unknown key `step`: there are min, max, log",
        ),
    ] {
        assert_eq!(Axis::parse(text).unwrap_err().to_string(), error);
    }
    let error = |result: Result<Vec<_>, anygrad_core::Error>| result.err().unwrap().to_string();
    let range = axes(&["optimizer.lr={min=0.1, max=1}"]);
    assert_eq!(
        error(grid(&recipe(), &range)),
        "sweep: `optimizer.lr` has a range, which only random draws take"
    );
    assert_eq!(error(random(&recipe(), &range, 0, 1)), "sweep: 0 draws: takes 1 to 10000");
    assert_eq!(error(grid(&recipe(), &[])), "sweep: no key is given whose value is to differ");
    let twice = axes(&["training.seed=[1]", "training.seed=[2]"]);
    assert_eq!(error(grid(&recipe(), &twice)), "sweep: `training.seed` is there twice");
    let hundreds: Vec<String> = (0..101).map(|i| i.to_string()).collect();
    let many = ["training.seed", "training.epochs"].map(|path| format!("{path}=[{}]", hundreds.join(", ")));
    let many = axes(&many.each_ref().map(String::as_str));
    assert_eq!(error(grid(&recipe(), &many)), "sweep: more than 10000 combinations");
    let bad = axes(&["training.epochs=[1, 0]"]);
    assert_eq!(
        error(grid(&recipe(), &bad)),
        "dense.toml: set training.epochs=0: training.epochs: 0 is out of range: takes a whole number, 1 or more"
    );
}
