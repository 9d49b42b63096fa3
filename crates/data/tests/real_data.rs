//! Published data sets, through everything that loads and splits.
//!
//! They are not part of this repository: `ANYGRAD_SHARED` names the folder whose `data` folder holds
//! them. Without the variable there is one ignored trial.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anygrad_core::Array;
use anygrad_data::series::Windows;
use anygrad_data::{
    Augment, Augmentation, Dataset, Encoder, Header, Layout, Missing, Standardizer, Table, TableSpec, Task,
    images, load_mnist, numpy, split,
};
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = match std::env::var_os("ANYGRAD_SHARED") {
        None => vec![Trial::test("ANYGRAD_SHARED is not set", || Ok(())).with_ignored_flag(true)],
        Some(folder) => {
            let folder = PathBuf::from(folder).join("data");
            let trial = |name: &str, run: fn(&Path)| {
                let folder = folder.clone();
                Trial::test(name, move || {
                    run(&folder);
                    Ok(())
                })
            };
            vec![
                trial("iris is split by class", iris),
                trial("pima's zeros are gaps", pima),
                trial("temperatures are cut into windows", temperatures),
                trial("digits survive NumPy's files and a folder of images", digits),
            ]
        }
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn iris(folder: &Path) {
    let table = Table::read(folder.join("tabular/iris.csv"), Header::Absent).unwrap();
    let spec = TableSpec { targets: vec!["4".into()], task: Task::Multiclass, ..TableSpec::default() };
    let data = Encoder::fit(&table, &spec, &[0]).unwrap().dataset(&table).unwrap();
    assert_eq!(data, table.dataset(None, Task::Multiclass).unwrap());
    let parts = data.split_stratified(&[0.6, 0.2, 0.2], 3).unwrap();
    for (part, each) in parts.iter().zip([30, 10, 10]) {
        let classes = part.class_of_rows().unwrap();
        assert!((0..3).all(|class| classes.iter().filter(|&&other| other == class).count() == each));
    }
    let folds = split::stratified_folds(&data.class_of_rows().unwrap(), 5, 1).unwrap();
    assert!(folds.iter().all(|(train, held)| (train.len(), held.len()) == (120, 30)));
    assert_eq!(data.fingerprint(), data.take(&(0..150).collect::<Vec<_>>()).unwrap().fingerprint());
    assert_ne!(data.fingerprint(), data.shuffle(1).unwrap().fingerprint());
}

/// The study wrote 0 where pressure, skin, insulin or weight were not measured.
fn pima(folder: &Path) {
    let path = folder.join("tabular/pima-indians-diabetes.csv");
    let table = Table::read(path, Header::Absent).unwrap();
    let spec = TableSpec {
        targets: vec!["8".into()],
        task: Task::Binary,
        // No column but these has a 0 that is a number; the counts of pregnancies stay out.
        ignore: vec!["0".into()],
        missing: Missing::Mean,
        markers: vec!["0".into()],
        ..TableSpec::default()
    };
    let (_, report) = spec.without_missing(&table).unwrap();
    let insulin = report.columns.iter().find(|(name, _)| name == "4").unwrap();
    assert_eq!((report.rows, insulin.1), (768, 374));
    let training: Vec<usize> = (0..600).collect();
    let data = Encoder::fit(&table, &spec, &training).unwrap().dataset(&table).unwrap();
    let insulin: Vec<f32> = data.features().as_f32().unwrap().iter().skip(3).step_by(7).copied().collect();
    let known: Vec<f32> = table.numbers(4).unwrap()[..600].iter().copied().filter(|&x| x > 0.0).collect();
    let mean = known.iter().sum::<f32>() / known.len() as f32;
    // A sum of 300 numbers about 150 in f32 is off by up to 150 x 300 x 6e-8.
    assert!(insulin.iter().filter(|&&x| (x - mean).abs() < 0.01).count() >= 374, "{mean}");
    assert_eq!(data.targets().to_f64().iter().sum::<f64>(), 268.0);
}

fn temperatures(folder: &Path) {
    let table = Table::read(folder.join("series/daily-min-temperatures.csv"), Header::Detect).unwrap();
    let sorted = table.sorted_by(&table.names()[0]).unwrap();
    let values = sorted.numbers(1).unwrap();
    assert_eq!(values, table.numbers(1).unwrap(), "the file is in order");
    let column = Array::f32(&[values.len(), 1], values).unwrap();
    let windows = Windows { width: 14, horizon: 7, stride: 1 };
    let parts = windows.split(&column, &[0], &[0.8, 0.2]).unwrap();
    assert_eq!(parts[0].targets().shape()[..], [2920 - 14 - 6, 7]);
    assert_eq!(parts[1].features().shape()[..], [730 - 6, 14, 1]);
}

fn digits(folder: &Path) {
    let data = load_mnist(folder.join("mnist")).unwrap().train;
    let data = data.take(&(0..200).collect::<Vec<_>>()).unwrap();
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("digits.npz");
    numpy::write_npz(&path, &[("x", data.features()), ("y", data.targets())]).unwrap();
    let [(_, x), (_, y)]: [(String, Array); 2] =
        numpy::read_npz(&path, &["x", "y"]).unwrap().try_into().unwrap();
    let again = Dataset::for_task(x, y, Task::Multiclass).unwrap();
    assert_eq!(again.fingerprint(), data.fingerprint());

    let names: Vec<PathBuf> = (0..200)
        .map(|row| files.path().join(format!("digits/{}/{row:03}.png", data.class_of_rows().unwrap()[row])))
        .collect();
    for (name, pixels) in names.iter().zip(data.features().as_f32().unwrap().chunks_exact(28 * 28)) {
        std::fs::create_dir_all(name.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(std::fs::File::create(name).unwrap(), 28, 28);
        encoder.set_color(png::ColorType::Grayscale);
        let bytes: Vec<u8> = pixels.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
        encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
    }
    let options = images::ImageOptions { color: images::Color::Gray, ..Default::default() };
    let read = images::read_image_folder(files.path().join("digits"), &options).unwrap();
    let order: Vec<usize> =
        read.files.iter().map(|file| names.iter().position(|name| name == file).unwrap()).collect();
    assert_eq!(read.data, data.take(&order).unwrap());

    let scale = Standardizer::fit_as(data.features(), Layout::Channels).unwrap();
    assert!((scale.mean[0] - 0.13).abs() < 0.02, "{scale:?}");
    let augmentation = Augmentation {
        steps: vec![
            Augment::Rotate { degrees: 10.0 },
            Augment::Shift { pixels: 2 },
            Augment::Mixup { alpha: 0.2 },
        ],
        ..Augmentation::default()
    };
    let (x, shares) = augmentation.select(&data, &[3, 1, 4], 0).unwrap();
    assert_eq!((&x.shape()[..], &shares.shape()[..]), (&[3, 1, 28, 28][..], &[3, 10][..]));
}
