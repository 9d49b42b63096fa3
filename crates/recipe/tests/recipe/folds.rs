//! Folds in the place of the parts for training and validation.

use std::collections::BTreeSet;

use anygrad_data::Dataset;
use anygrad_recipe::{Loaded, Recipe};

fn folds(files: &[(&str, &str)], data: &str, count: usize) -> Vec<Loaded> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("r.toml");
    std::fs::write(&path, format!("model = [\"flatten\"]\n[data]\n{data}\n")).unwrap();
    let recipe = Recipe::read(&path, &[]).unwrap();
    (0..count).map(|fold| recipe.fold(fold, count).unwrap().load().unwrap()).collect()
}

/// `id,y`, 30 rows, a third of them of one class.
fn table() -> String {
    let row = |id: usize| format!("{id},{}\n", if id.is_multiple_of(3) { "x" } else { "y" });
    "id,y\n".to_owned() + &(0..30).map(row).collect::<String>()
}

fn ids(part: &Dataset) -> Vec<u32> {
    part.features().as_f32().unwrap().iter().map(|&id| id as u32).collect()
}

const CLASSES: &str = "format = \"csv\"\npath = \"t.csv\"\ntask = \"multiclass\"\n";
const SHARES: &str = "train = 0.6, validation = 0.2, test = 0.2";

#[test]
fn every_row_but_those_of_the_test_part_is_held_out_once() {
    let data = format!("{CLASSES}split = {{ by = \"fraction\", {SHARES} }}");
    let found = folds(&[("t.csv", &table())], &data, 4);
    let test: BTreeSet<u32> = ids(found[0].test.as_ref().unwrap()).into_iter().collect();
    let mut held_once = BTreeSet::new();
    for fold in &found {
        let (trained, held) = (ids(&fold.training), ids(fold.validation.as_ref().unwrap()));
        assert_eq!((trained.len(), held.len()), (18, 6));
        let both: BTreeSet<u32> = trained.iter().chain(&held).copied().collect();
        assert_eq!(both.len(), 24, "no row is in both");
        assert!(both.is_disjoint(&test));
        assert!(held.iter().all(|&id| held_once.insert(id)), "a row is held out once");
        // Each fold has its share of the classes: to less than one row.
        let all = both.iter().filter(|id| id.is_multiple_of(3)).count() as f64;
        let own = held.iter().filter(|id| id.is_multiple_of(3)).count() as f64;
        assert!((own - all / 4.0).abs() < 1.0, "{own} of {all}");
        assert_eq!(ids(fold.test.as_ref().unwrap()).len(), 6);
    }
    assert_eq!(held_once.len(), 24);
    let again = folds(&[("t.csv", &table())], &data, 4);
    let same =
        found.iter().zip(&again).all(|(a, b)| a.training == b.training && a.validation == b.validation);
    assert!(same, "the seed decides");
    let other = folds(&[("t.csv", &table())], &format!("{data}\n[training]\nseed = 9"), 4);
    assert_ne!(ids(other[0].validation.as_ref().unwrap()), ids(found[0].validation.as_ref().unwrap()));
}

#[test]
fn scales_are_learned_from_the_training_part_of_each_fold() {
    let rows: String = (0..20).map(|i| format!("{},{}\n", i * i, 2 * i)).collect();
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"\nnormalize = \"standard\"\n\
                normalize_targets = true\nsplit = { by = \"fraction\", train = 0.8, validation = 0.2, test = 0 }";
    let found = folds(&[("t.csv", &format!("a,y\n{rows}"))], data, 4);
    let mut means = BTreeSet::new();
    for fold in &found {
        assert_eq!(fold.training.len() + fold.validation.as_ref().unwrap().len(), 20);
        for part in [fold.training.features(), fold.training.targets()] {
            let numbers = part.to_f64();
            assert!(numbers.iter().sum::<f64>().abs() < 1e-4 * numbers.len() as f64);
        }
        let held = fold.validation.as_ref().unwrap().features().to_f64();
        assert!(held.iter().sum::<f64>().abs() > 1e-3, "it is not the scale of the rows held out");
        means.insert(format!("{:?}", fold.preprocessing.features));
    }
    assert_eq!(means.len(), 4, "each fold has a scale of its own");
}

#[test]
fn a_series_is_trained_on_what_lies_before_what_is_held_out() {
    let rows: String = (0..60).map(|i| format!("{i}\n")).collect();
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"forecasting\"\nwindow = 4\nhorizon = 3\n\
                split = { by = \"time\", train = 0.7, validation = 0.1, test = 0.2 }";
    let found = folds(&[("t.csv", &format!("y\n{rows}"))], data, 3);
    let mut last = 0.0;
    for (number, fold) in found.iter().enumerate() {
        // 48 values in 4 blocks; a target that reaches into what is held out is not trained on.
        let begin = 12.0 * (number + 1) as f64;
        let ends = |x: &Dataset| {
            let targets = x.targets().to_f64();
            let least = targets.iter().copied().fold(f64::MAX, f64::min);
            (least, targets.into_iter().fold(f64::MIN, f64::max))
        };
        assert_eq!(ends(&fold.training), (4.0, begin - 1.0));
        let held = fold.validation.as_ref().unwrap();
        assert_eq!(ends(held), (begin, begin + 11.0));
        assert_eq!(held.features().to_f64()[0], begin - 4.0, "a forecast looks back");
        assert!(begin > last);
        last = begin;
    }
    assert_eq!(found[2].test.as_ref().unwrap().targets().to_f64()[0], 48.0);
}

#[test]
fn a_text_is_cut_in_order() {
    let data = "format = \"text\"\npath = \"t.txt\"\ntask = \"language\"\nsequence_length = 3\n\
                split = { by = \"time\", train = 0.5, validation = 0.5, test = 0 }";
    let found = folds(&[("t.txt", &"abcdefghij".repeat(3))], data, 2);
    let rows: Vec<usize> = found.iter().map(|fold| fold.training.len()).collect();
    assert_eq!(rows, [7, 17]);
    assert_eq!(found[0].sizes.vocabulary, Some(10));
    assert_eq!(found[1].validation.as_ref().unwrap().len(), 7);
}

#[test]
fn what_cannot_be_folded_is_refused() {
    let recipe = |split: &str| {
        let text = format!("model = [\"flatten\"]\n[data]\n{CLASSES}{split}");
        Recipe::parse(&text, "r.toml").unwrap()
    };
    let plain = recipe("");
    assert!(plain.fold(0, 1).is_err() && plain.fold(3, 3).is_err());
    let folder = tempfile::tempdir().unwrap();
    for name in ["t.csv", "v.csv"] {
        std::fs::write(folder.path().join(name), table()).unwrap();
    }
    let path = folder.path().join("r.toml");
    let text = |split: &str| format!("model = [\"flatten\"]\n[data]\n{CLASSES}{split}");
    let error = |split: &str, count: usize| {
        std::fs::write(&path, text(split)).unwrap();
        Recipe::read(&path, &[]).unwrap().fold(0, count).unwrap().load().unwrap_err().to_string()
    };
    let of_file = error("split = { by = \"file\", validation = \"v.csv\" }", 3);
    assert!(
        of_file.contains("line 6") && of_file.contains("folds are cut from the training file"),
        "{of_file}"
    );
    let many = error("split = { by = \"fraction\", train = 1, validation = 0, test = 0 }", 31);
    assert!(many.contains("30 rows cannot make 31 folds"), "{many}");
    // Settings keep the fold.
    let fold = plain.fold(1, 3).unwrap().with(&["training.seed=4".to_owned()]).unwrap();
    assert!(fold.fold(2, 3).is_ok());
}
