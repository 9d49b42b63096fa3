//! Every format and every split, and new data read as those that were learned.

use std::path::Path;

use anygrad_core::{Array, DType};
use anygrad_data::{Scaling, numpy};
use anygrad_recipe::{Loaded, Preprocessing, Recipe};

/// A folder with some text files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
    folder
}

fn load(folder: &Path, data: &str) -> Loaded {
    let text = format!("model = [\"flatten\"]\n[data]\n{data}\n");
    let path = folder.join("r.toml");
    std::fs::write(&path, text).unwrap();
    Recipe::read(&path, &[]).unwrap().load().unwrap()
}

const ALL: &str = "split = { by = \"time\", train = 1, validation = 0, test = 0 }";

/// What a file holds comes back as it was.
fn reread(preprocessing: &Preprocessing) -> Preprocessing {
    let text = serde_json::to_string(preprocessing).unwrap();
    let read: Preprocessing = serde_json::from_str(&text).unwrap();
    assert_eq!(&read, preprocessing, "{text}");
    read
}

#[test]
fn a_table_with_gaps_words_and_another_separator() {
    let table = "size;city;grade;y\n1;Oslo;low;a\n?;Rome;high;b\n5;;low;a\n9;Rome;high;b\n";
    let new = "grade;size;city\nhigh;NA;Oslo\nlow;2;Rome\n";
    let bad = "grade;size;city\nhigh;7;Oslo\nlow;two;Rome\n";
    let folder = folder(&[("t.csv", table), ("new.csv", new), ("bad.csv", bad)]);
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"binary\"\nseparator = \";\"\none_hot = \"city\"\n\
         ordinal = { grade = [\"low\", \"high\"] }\nmissing = \"mean\"\n\
         split = { by = \"time\", train = 0.75, validation = 0.25, test = 0 }";
    let loaded = load(folder.path(), data);
    let x = loaded.training.features().as_f32().unwrap();
    // The mean is that of the training part, 1 and 5.
    assert_eq!(x, [1.0, 1.0, 0.0, 0.0, 3.0, 0.0, 1.0, 1.0, 5.0, 0.0, 0.0, 0.0]);
    assert_eq!(loaded.validation.unwrap().features().as_f32().unwrap(), [9.0, 0.0, 1.0, 1.0]);
    let learned = reread(&loaded.preprocessing);
    assert_eq!(learned.feature_names(), ["size", "city=Oslo", "city=Rome", "grade"]);
    assert_eq!(learned.classes, ["a", "b"]);
    // New data have other columns in another order, and no target.
    let x = learned.features(folder.path().join("new.csv")).unwrap();
    assert_eq!(x, Array::f32(&[2, 4], [3.0, 1.0, 0.0, 1.0, 2.0, 0.0, 1.0, 0.0]).unwrap());
    let error = learned.features(folder.path().join("bad.csv")).unwrap_err().to_string();
    assert!(error.ends_with("bad.csv: line 3, column 1 (size): \"two\" is not a number"), "{error}");
    let error = learned.labelled(folder.path().join("new.csv")).unwrap_err().to_string();
    assert!(error.ends_with("new.csv: no column \"y\" among the 3 columns grade, size, city"), "{error}");
    let all = learned.labelled(folder.path().join("t.csv")).unwrap();
    assert_eq!(all.targets().as_f32().unwrap(), [0.0, 1.0, 0.0, 1.0]);

    let dropped = load(folder.path(), &data.replace("\"mean\"", "\"drop\"").replace("0.75", "0.5"));
    assert_eq!(dropped.training.len(), 1);
    let constant = data.replace("\"mean\"", "{ type = \"constant\", value = -1 }");
    assert_eq!(load(folder.path(), &constant).training.features().as_f32().unwrap()[4], -1.0);
}

#[test]
fn several_targets_and_several_files() {
    let folder = folder(&[("a.csv", "x,u,v\n1,2,3\n"), ("b.csv", "x,u,v\n4,5,6\n7,8,9\n")]);
    let data = format!(
        "format = \"csv\"\npath = [\"a.csv\", \"b.csv\"]\ntask = \"regression\"\ntargets = [\"u\", \"v\"]\n{ALL}"
    );
    let loaded = load(folder.path(), &format!("{data}\nnormalize_targets = true"));
    assert_eq!((loaded.training.len(), loaded.sizes.outputs), (3, 2));
    let back = loaded.preprocessing.invert(loaded.training.targets()).unwrap().to_f64();
    let wanted = [2.0, 3.0, 5.0, 6.0, 8.0, 9.0];
    assert!(back.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-5), "{back:?}");
    let data = data.replace(ALL, "split = { by = \"file\", validation = 0, test = \"b.csv\" }");
    let loaded = load(folder.path(), &data.replace("[\"a.csv\", \"b.csv\"]", "\"a.csv\""));
    assert_eq!((loaded.training.len(), loaded.test.unwrap().len()), (1, 2));
}

#[test]
fn parts_by_class_by_column_and_by_time() {
    let rows: String = (0..40).map(|i| format!("{},{}\n", i, if i % 4 == 0 { "p" } else { "q" })).collect();
    let table = "day,x,part,y\n3,30,test,1\n1,10,train,2\n2,20,train,3\n4,40,watch,4\n";
    let folder = folder(&[("c.csv", &rows), ("t.csv", table)]);
    let split = "split = { by = \"stratified\", train = 0.5, validation = 0.25, test = 0.25 }";
    let loaded =
        load(folder.path(), &format!("format = \"csv\"\npath = \"c.csv\"\ntask = \"binary\"\n{split}"));
    let parts = [loaded.training, loaded.validation.unwrap(), loaded.test.unwrap()];
    for (part, (p, q)) in parts.iter().zip([(5, 15), (3, 7), (2, 8)]) {
        let yes = part.targets().to_f64().iter().filter(|&&class| class == 1.0).count();
        // To less than one row.
        assert!((part.len() - yes).abs_diff(p) <= 1 && yes.abs_diff(q) <= 1, "{yes} of {}", part.len());
    }
    let data = "format = \"csv\"\npath = \"t.csv\"\ntask = \"regression\"\n";
    let split = "drop = \"day\"\nsplit = { by = \"column\", column = \"part\", validation = \"watch\", test = \"test\" }";
    let loaded = load(folder.path(), &format!("{data}{split}"));
    assert_eq!(loaded.training.features().as_f32().unwrap(), [10.0, 20.0]);
    assert_eq!(loaded.validation.unwrap().features().as_f32().unwrap(), [40.0]);
    assert_eq!(loaded.test.unwrap().targets().as_f32().unwrap(), [1.0]);
    let split =
        "drop = \"part\"\ntime = \"day\"\nsplit = { by = \"time\", train = 0.5, validation = 0, test = 0.5 }";
    let loaded = load(folder.path(), &format!("{data}{split}"));
    assert_eq!(loaded.training.features().as_f32().unwrap(), [10.0, 20.0]);
    assert_eq!(loaded.test.unwrap().features().as_f32().unwrap(), [30.0, 40.0]);
}

#[test]
fn a_series_of_several_columns() {
    let rows: String = (0..8).rev().map(|i| format!("{i},{},{}\n", 10 * i, 100 * i)).collect();
    let folder = folder(&[("s.csv", &format!("t,a,b\n{rows}")), ("new.csv", "t,b,a\n0,7,1\n1,8,2\n2,9,3\n")]);
    let data = "format = \"csv\"\npath = \"s.csv\"\ntask = \"forecasting\"\ntime = \"t\"\nwindow = 2\nhorizon = 2\n\
                stride = 2\ninputs = [\"a\", \"b\"]\ntarget = \"b\"\n\
                split = { by = \"time\", train = 0.75, validation = 0, test = 0.25 }";
    let loaded = load(folder.path(), data);
    let (x, y) = (loaded.training.features(), loaded.training.targets());
    assert_eq!(x.shape()[..], [2, 2, 2]);
    assert_eq!(x.as_f32().unwrap(), [0.0, 0.0, 10.0, 100.0, 20.0, 200.0, 30.0, 300.0]);
    assert_eq!(y, &Array::f32(&[2, 2], [200.0, 300.0, 400.0, 500.0]).unwrap());
    assert_eq!(loaded.test.unwrap().targets().as_f32().unwrap(), [600.0, 700.0]);
    let both = load(folder.path(), &data.replace("target = \"b\"", "targets = [\"a\", \"b\"]"));
    assert_eq!(both.sizes.outputs, 4);

    let scaled = load(folder.path(), &format!("{data}\nnormalize = \"min_max\""));
    let Some(Scaling::MinMax(scale)) = &scaled.preprocessing.targets else { panic!("no scale") };
    assert_eq!((&scale.low[..], &scale.high[..]), (&[0.0, 0.0][..], &[500.0, 500.0][..]));
    // New data have every window that fits: the last ends with their last row.
    let learned = reread(&loaded.preprocessing);
    let x = learned.features(folder.path().join("new.csv")).unwrap();
    assert_eq!(x, Array::f32(&[2, 2, 2], [1.0, 7.0, 2.0, 8.0, 2.0, 8.0, 3.0, 9.0]).unwrap());
    let error = learned.labelled(folder.path().join("new.csv")).unwrap_err().to_string();
    assert!(error.ends_with("a window of 2 rows and the 2 after it do not fit in 3 rows"), "{error}");
}

#[test]
fn arrays_of_numpy() {
    let folder = folder(&[]);
    let path = |name: &str| folder.path().join(name);
    let x = Array::i32(&[4, 2], [1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let y = Array::i32(&[4], [0, 2, 1, 0]).unwrap();
    numpy::write_npz(path("t.npz"), &[("images", &x), ("labels", &y)]).unwrap();
    numpy::write_npy(path("x.npy"), &x).unwrap();
    numpy::write_npy(path("y.npy"), &y).unwrap();
    let data = format!(
        "format = \"npz\"\npath = \"t.npz\"\nfeatures = \"images\"\ntargets = \"labels\"\ntask = \"multiclass\"\n\
         normalize = \"min_max\"\n{ALL}"
    );
    let loaded = load(folder.path(), &data);
    assert_eq!((loaded.sizes.outputs, loaded.sizes.dtype), (3, DType::F32));
    assert_eq!(loaded.preprocessing.classes, ["0", "1", "2"]);
    let learned = reread(&loaded.preprocessing);
    assert_eq!(&learned.features(path("x.npy")).unwrap(), loaded.training.features());
    assert_eq!(&learned.features(path("t.npz")).unwrap(), loaded.training.features());
    assert_eq!(learned.labelled(path("t.npz")).unwrap(), loaded.training);
    let error = learned.labelled(path("x.npy")).unwrap_err().to_string();
    assert!(
        error.ends_with("features with targets stand in one .npz archive, as images and labels"),
        "{error}"
    );

    let split = "split = { by = \"file\", validation = 0, test = \"t.npz\" }";
    let by_file = load(folder.path(), &data.replace(ALL, split));
    assert_eq!(by_file.test.as_ref(), Some(&by_file.training));
    let data =
        format!("format = \"npy\"\nfeatures = \"x.npy\"\ntargets = \"y.npy\"\ntask = \"regression\"\n{ALL}");
    let loaded = load(folder.path(), &data);
    assert_eq!(loaded.training.targets(), &Array::f32(&[4, 1], [0.0, 2.0, 1.0, 0.0]).unwrap());
    assert_eq!(loaded.training.features().as_f32().unwrap()[7], 8.0);
}

/// A PNG of one colour.
fn image(path: &Path, size: u32, rgb: [u8; 3]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), size, size);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&rgb.repeat((size * size) as usize)).unwrap();
}

#[test]
fn folders_of_images() {
    let folder = folder(&[]);
    let path = |name: &str| folder.path().join(name);
    image(&path("pets/cat/1.png"), 2, [255, 0, 0]);
    image(&path("pets/dog/1.png"), 4, [0, 51, 102]);
    image(&path("more/cat/1.png"), 2, [0, 0, 0]);
    image(&path("more/dog/2.png"), 2, [0, 0, 0]);
    image(&path("new.png"), 3, [255, 0, 0]);
    let data = format!(
        "format = \"images\"\npath = \"pets\"\ntask = \"binary\"\nsize = 2\nnormalize = \"min_max\"\n{ALL}"
    );
    let loaded = load(folder.path(), &data);
    assert_eq!(loaded.sizes.features, [3, 2, 2]);
    assert_eq!(loaded.training.targets(), &Array::f32(&[2, 1], [0.0, 1.0]).unwrap());
    // A channel has its own scale.
    let x = loaded.training.features().as_f32().unwrap();
    assert_eq!((x[0], x[4], x[12], x[16]), (1.0, 0.0, 0.0, 1.0));
    let learned = reread(&loaded.preprocessing);
    assert_eq!(learned.classes, ["cat", "dog"]);
    let x = learned.features(path("new.png")).unwrap();
    assert_eq!((&x.shape()[..], x.as_f32().unwrap()[0]), (&[1, 3, 2, 2][..], 1.0));
    assert_eq!(learned.features(path("pets/dog")).unwrap().shape()[0], 1);
    let error = learned.features(path("pets")).unwrap_err().to_string();
    assert!(error.ends_with("pets: no .png or .jpg stands in the folder"), "{error}");
    let split = "split = { by = \"file\", validation = \"more\", test = \"pets\" }";
    let data = data.replace(ALL, split).replace("\"binary\"", "\"multiclass\"\ncolor = \"gray\"");
    let loaded = load(folder.path(), &data);
    assert_eq!(loaded.validation.unwrap().targets(), &Array::i32(&[2], [0, 1]).unwrap());
    assert_eq!((loaded.sizes.features, loaded.test.unwrap().len()), (vec![1, 2, 2], 2));
}

#[test]
fn new_texts_have_the_numbers_of_the_text_that_was_learned() {
    let folder = folder(&[("t.txt", "abcabcab"), ("new.txt", "cba"), ("bad.txt", "abx"), ("short.txt", "a")]);
    let data = format!(
        "format = \"text\"\npath = \"t.txt\"\ntask = \"language\"\nsequence_length = 2\nstride = 1\n{ALL}"
    );
    let learned = reread(&load(folder.path(), &data).preprocessing);
    let path = |name: &str| folder.path().join(name);
    assert_eq!(learned.features(path("new.txt")).unwrap(), Array::i32(&[2, 2], [2, 1, 1, 0]).unwrap());
    assert_eq!(learned.labelled(path("new.txt")).unwrap().targets(), &Array::i32(&[1], [0]).unwrap());
    let error = learned.features(path("bad.txt")).unwrap_err().to_string();
    assert!(error.ends_with("bad.txt: character 2, 'x', is none of the 3 in the vocabulary"), "{error}");
    let error = learned.features(path("short.txt")).unwrap_err().to_string();
    assert!(error.ends_with("short.txt: 1 characters, the model takes 2"), "{error}");
    let generated = load(folder.path(), "format = \"generated\"\nset = \"line\"\ntask = \"regression\"");
    let error = generated.preprocessing.features(path("t.txt")).unwrap_err().to_string();
    assert_eq!(error, "the data were generated: no file is like them");
}
