//! Data in parts, normalized by the training part alone.

use anygrad_core::{Array, DType};
use anygrad_data::Scaling;
use anygrad_recipe::{Loaded, Recipe};

fn load(files: &[(&str, &str)], head: &str, data: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let path = folder.path().join("r.toml");
    std::fs::write(&path, format!("model = [\"flatten\"]\n{head}\n[data]\n{data}\n")).unwrap();
    Recipe::read(&path, &[]).unwrap().load().unwrap()
}

const INORDER: &str =
    "split = { by = \"fraction\", train = 0.5, validation = 0.25, test = 0.25, shuffle = false }";

#[test]
fn scales_are_those_of_the_training_part() {
    let table = "id,a,b,y\n1,0,5,10\n2,4,5,30\n3,100,6,0\n4,8,4,50\n";
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"\ndrop = \"id\"\nnormalize_targets = true\n";
    let loaded = load(&[("t.csv", table)], "", &format!("{data}normalize = \"min_max\"\n{INORDER}"));
    let x = |part: &anygrad_data::Dataset| part.features().as_f32().unwrap().to_vec();
    assert_eq!(x(&loaded.training), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(x(&loaded.validation.unwrap()), [25.0, 1.0]);
    assert_eq!(x(loaded.test.as_ref().unwrap()), [2.0, -1.0]);
    assert_eq!(loaded.training.targets().as_f32().unwrap(), [-1.0, 1.0]);
    let test = loaded.test.unwrap();
    assert_eq!(test.targets().as_f32().unwrap(), [3.0]);
    // A prediction goes back to the units of the data.
    assert_eq!(loaded.preprocessing.invert(test.targets()).unwrap().as_f32().unwrap(), [50.0]);
    let row = Array::f32(&[1, 2], [4.0, 5.0]).unwrap();
    assert_eq!(loaded.preprocessing.apply(&row).unwrap().as_f32().unwrap(), [1.0, 0.0]);
    assert_eq!((loaded.sizes.features, loaded.sizes.outputs), (vec![2], 1));
}

#[test]
fn inputs_and_targets_are_the_columns_that_are_named() {
    let table = "y,a,b,c\n1,2,3,4\n5,6,7,8\n";
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"\ntarget = \"y\"\ninputs = [\"c\", \"a\"]\n\
                split = { by = \"time\", train = 1, validation = 0, test = 0 }";
    let loaded = load(&[("t.csv", table)], "", data);
    // In the order of the file.
    assert_eq!(loaded.training.features().as_f32().unwrap(), [2.0, 4.0, 6.0, 8.0]);
    assert_eq!(loaded.training.targets().as_f32().unwrap(), [1.0, 5.0]);
    assert!(loaded.validation.is_none() && loaded.test.is_none());
    // Without a header columns go by number, those that are left out do not change it.
    let data = data.replace("\"y\"", "1").replace("[\"c\", \"a\"]", "[2, 3]");
    let loaded = load(&[("t.csv", "1,2,3,4\n5,6,7,8\n")], "", &data);
    assert_eq!(loaded.training.features().as_f32().unwrap(), [3.0, 4.0, 7.0, 8.0]);
    assert_eq!(loaded.training.targets().as_f32().unwrap(), [2.0, 6.0]);
}

#[test]
fn files_of_their_own_have_the_class_numbers_of_the_training_file() {
    let files = [("t.csv", "1,x\n2,z\n3,w\n"), ("v.csv", "4,w\n5,x\n"), ("u.csv", "6,z\n7,w\n")];
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"multiclass\"\n\
                split = { by = \"file\", validation = \"v.csv\", test = \"u.csv\" }";
    let loaded = load(&files, "", data);
    assert_eq!(loaded.preprocessing.classes, ["x", "z", "w"]);
    assert_eq!(loaded.training.targets(), &Array::i32(&[3], [0, 1, 2]).unwrap());
    assert_eq!(loaded.validation.unwrap().targets(), &Array::i32(&[2], [2, 0]).unwrap());
    assert_eq!(loaded.test.unwrap().targets(), &Array::i32(&[2], [1, 2]).unwrap());
    assert_eq!(loaded.sizes.outputs, 3);
}

#[test]
fn targets_have_the_form_that_the_loss_takes() {
    let split = "split = { by = \"time\", train = 1, validation = 0, test = 0 }";
    let data = format!("format = \"csv\"\npath = \"t.csv\"\ntask = \"multiclass\"\n{split}");
    let loaded = load(&[("t.csv", "1,x\n2,z\n3,x\n")], "loss = \"focal\"", &data);
    assert_eq!(loaded.training.targets(), &Array::f32(&[3, 2], [1., 0., 0., 1., 1., 0.]).unwrap());
    assert_eq!(loaded.preprocessing.classes, ["x", "z"]);
    let data = data.replace("multiclass", "binary");
    let loaded = load(&[("t.csv", "1,x\n2,z\n3,x\n")], "loss = \"hinge\"", &data);
    assert_eq!(loaded.training.targets(), &Array::f32(&[3, 1], [-1., 1., -1.]).unwrap());
}

#[test]
fn windows_of_a_later_part_look_back_and_predict_no_earlier_value() {
    let series: String = (0..10).map(|i| format!("{i}\n")).collect();
    let data = "format = \"csv\"\npath = \"s.csv\"\ntask = \"forecasting\"\nwindow = 2\nhorizon = 2\n\
                split = { by = \"time\", train = 0.5, validation = 0.2, test = 0.3 }";
    let loaded = load(&[("s.csv", &series)], "", data);
    let rows = |part: &anygrad_data::Dataset| {
        (part.features().to_f64(), part.targets().to_f64(), part.targets().shape().to_vec())
    };
    assert_eq!(rows(&loaded.training), (vec![0., 1., 1., 2.], vec![2., 3., 3., 4.], vec![2, 2]));
    assert_eq!(rows(&loaded.validation.unwrap()), (vec![3., 4.], vec![5., 6.], vec![1, 2]));
    assert_eq!(rows(&loaded.test.unwrap()), (vec![5., 6., 6., 7.], vec![7., 8., 8., 9.], vec![2, 2]));
    assert_eq!((loaded.sizes.features, loaded.sizes.outputs), (vec![2, 1], 2));
    // The scale is that of the values 0 to 4, and predictions come back by it.
    let loaded = load(&[("s.csv", &series)], "", &format!("{data}\nnormalize = \"standard\""));
    let Some(Scaling::Standardize(scale)) = &loaded.preprocessing.targets else { panic!("no scale") };
    assert_eq!(scale.mean, [2.0, 2.0]);
    let back = loaded.preprocessing.invert(loaded.test.unwrap().targets()).unwrap().to_f64();
    assert!(back.iter().zip([7.0, 8.0, 8.0, 9.0]).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
}

#[test]
fn sequences_of_a_text_predict_the_next_character_or_each() {
    let data = "format = \"text\"\npath = \"t.txt\"\ntask = \"language\"\nsequence_length = 3\nstride = 2\n\
                split = { by = \"time\", train = 0.6, validation = 0.4, test = 0 }";
    let loaded = load(&[("t.txt", "abcabcabdd")], "", data);
    assert_eq!(loaded.training.features(), &Array::i32(&[2, 3], [0, 1, 2, 2, 0, 1]).unwrap());
    assert_eq!(loaded.training.targets(), &Array::i32(&[2], [0, 2]).unwrap());
    assert_eq!(loaded.validation.as_ref().unwrap().features(), &Array::i32(&[1, 3], [0, 1, 3]).unwrap());
    assert_eq!((loaded.sizes.dtype, loaded.sizes.vocabulary), (DType::I32, Some(4)));
    assert_eq!(loaded.preprocessing.vocabulary().unwrap().encode("dab").unwrap(), [3, 0, 1]);
    let every = load(&[("t.txt", "abcabcabdd")], "", &format!("{data}\npredict = \"every\""));
    assert_eq!(every.training.targets(), &Array::i32(&[2, 3], [1, 2, 0, 0, 1, 2]).unwrap());
}

#[test]
fn a_recipe_that_is_kept_elsewhere_finds_its_data() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for (name, text) in [("t.csv", "1,2\n3,4\n"), ("u.csv", "5,6\n")] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"\n\
                split = { by = \"file\", validation = 0, test = \"u.csv\" }";
    let path = folder.path().join("r.toml");
    std::fs::write(&path, format!("model = [\"flatten\"]\n[data]\n{data}\n")).unwrap();
    let recipe = Recipe::read(&path, &[]).unwrap();
    let kept = other.path().join("recipe.toml");
    std::fs::write(&kept, recipe.to_toml()).unwrap();
    assert!(Recipe::read(&kept, &[]).unwrap().load().is_err());
    std::fs::write(&kept, recipe.to_toml_elsewhere().unwrap()).unwrap();
    let (here, there) = (recipe.load().unwrap(), Recipe::read(&kept, &[]).unwrap().load().unwrap());
    assert_eq!((here.training, here.test), (there.training, there.test));
}
