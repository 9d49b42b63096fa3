//! One picture of each kind, made of numbers invented here, to look at:
//! `cargo run -p anygrad-plot --example gallery FOLDER`.

use std::path::{Path, PathBuf};

use anygrad_core::{Array, Error, Random, Result};
use anygrad_plot::{Bars, Chart, HeatMap, MarkedSeries, Matrix, Picture, Roc};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("gallery"), PathBuf::from);
    let failed = |error: std::io::Error| Error::input(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (name, picture) in pictures()? {
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), picture.png()?).map_err(failed)?;
    }
    Ok(())
}

fn pictures() -> Result<Vec<(&'static str, Picture)>> {
    let mut pictures = vec![
        ("curves", curves()),
        ("roc", roc()?),
        ("forecast", forecast()),
        ("bars", Picture::of(importance()).beside(signed())),
        ("image", Picture::of(image(true)?)),
        ("cam", Picture::of(image(false)?)),
        ("marked", marked()?),
        ("attention", attention()?),
    ];
    for (name, classes) in [("confusion_2", 2), ("confusion_10", 10), ("confusion_30", 30)] {
        pictures.push((name, confusion(classes)?));
    }
    Ok(pictures)
}

fn curves() -> Picture {
    let epochs = || (0..40).map(f64::from);
    let training: Vec<f64> = epochs().map(|e| 2.3 * (-0.15 * e).exp() + 0.01).collect();
    let validation: Vec<f64> = epochs().map(|e| 2.3 * (-0.15 * e).exp() + 0.05 + 0.0004 * e * e).collect();
    let accuracy = |loss: &[f64]| loss.iter().map(|loss| 1.0 - loss / 3.0).collect::<Vec<f64>>();
    Picture::of(Chart::losses(&training, &validation).best_epoch(23))
        .beside(Chart::metric("accuracy", &accuracy(&training), &accuracy(&validation)).best_epoch(23))
}

fn roc() -> Result<Picture> {
    let mut random = Random::new(1);
    let mut curve = |name: &str, distance: f64| {
        let truth: Vec<bool> = (0..300).map(|i| i % 3 == 0).collect();
        let score = |yes: &bool| (random.normal() + if *yes { distance } else { 0.0 }) as f32;
        let scores: Vec<f32> = truth.iter().map(score).collect();
        Roc::of(name, &scores, &truth)
    };
    let few = [curve("setosa", 3.0)?, curve("versicolor", 1.2)?, curve("virginica", 0.6)?];
    let many: Vec<Roc> =
        (0..10).map(|i| curve(&format!("class {i}"), 0.3 * f64::from(i))).collect::<Result<_>>()?;
    Ok(Picture::of(Chart::roc(&few)).beside(Chart::roc(&many)))
}

fn wave(step: usize) -> f32 {
    (step as f32 * 0.21).sin() * 20.0 + (step as f32 * 0.05).cos() * 9.0 + 60.0
}

fn forecast() -> Picture {
    let values: Vec<f32> = (0..200).map(wave).collect();
    let mut random = Random::new(2);
    let forecast: Vec<f32> = values[150..].iter().map(|x| x + 3.0 * random.normal() as f32).collect();
    Picture::of(Chart::forecast(&values, &forecast)).beside(Chart::agreement(&values[150..], &forecast))
}

fn importance() -> Bars {
    let columns = [
        ("petal length (cm)", 0.3312, 0.021),
        ("petal width (cm)", 0.2871, 0.034),
        ("sepal width (cm)", 0.0042, 0.006),
        ("sepal length (cm), measured along the longest side", 0.0173, 0.009),
        ("noise", -0.0011, 0.004),
    ];
    columns
        .into_iter()
        .fold(Bars::new("Permutation importance", "loss of accuracy"), |bars, (name, value, deviation)| {
            bars.bar_with_deviation(name, value, deviation)
        })
        .sorted()
}

fn signed() -> Bars {
    let mut random = Random::new(3);
    let bars = Bars::new("Integrated gradients of row 17, class 2", "attribution").most(12);
    (0..40).fold(bars, |bars, i| bars.bar(format!("column {i}"), random.normal())).sorted_by_size()
}

/// A ring with a stroke, and numbers of one sign or of both around it.
fn image(both_signs: bool) -> Result<HeatMap> {
    let n = 28;
    let at = |i: usize| ((i % n) as f32 - 13.5, (i / n) as f32 - 13.5);
    let light = |i: usize| {
        let (x, y) = at(i);
        (1.5 - ((x * x + y * y).sqrt() - 8.0).abs()).clamp(0.0, 1.0) * 255.0
    };
    let heat = |i: usize| {
        let (x, y) = at(i);
        let near = |cx: f32, cy: f32| (-((x - cx).powi(2) + (y - cy).powi(2)) / 18.0).exp();
        if both_signs { near(8.0, 0.0) - 0.7 * near(-8.0, 3.0) } else { near(6.0, -5.0) }
    };
    let image = Array::f32(&[1, n, n], (0..n * n).map(light).collect::<Vec<f32>>())?;
    let map = Array::f32(&[n, n], (0..n * n).map(heat).collect::<Vec<f32>>())?;
    let (title, legend) = match both_signs {
        true => ("Integrated gradients: class 0 (9.31)", "attribution"),
        false => ("Grad-CAM of conv2d_1: class 0 (9.31)", "weight of the region"),
    };
    Ok(HeatMap::new(title, legend, &image, &map)?.overlaid())
}

fn marked() -> Result<Picture> {
    let values: Vec<f32> = (0..48).map(wave).collect();
    let marks = |shift: f32| -> Vec<f32> {
        (0..48).map(|i| (i as f32 / 47.0).powi(4) * (i as f32 * 0.5 + shift).cos()).collect()
    };
    let one = MarkedSeries::new("What the forecast of step 148 rests on", "attribution")
        .starting_at(100)
        .series("passengers", &values, &marks(0.0))?;
    let three = MarkedSeries::new("Three columns of a window", "attribution")
        .series("temperature", &values, &marks(0.0))?
        .series("wind", &marks(2.0), &marks(2.0).iter().map(|x| x / 3.0).collect::<Vec<f32>>())?
        .series("pressure", &values.iter().map(|x| x * 10.0 + 400.0).collect::<Vec<f32>>(), &marks(3.0))?;
    Ok(Picture::of(one).beside(three))
}

fn attention() -> Result<Picture> {
    let words: Vec<String> =
        "the cat sat on the mat because it was tired".split(' ').map(str::to_owned).collect();
    let n = words.len();
    let score = |i: usize| if i % n <= i / n { (((i * 7919) % 13) as f32 / 3.0).exp() } else { 0.0 };
    let numbers: Vec<f32> =
        (0..n * n).map(|i| score(i) / (i / n * n..(i / n + 1) * n).map(score).sum::<f32>()).collect();
    let labels = ["from", "to", "weight"];
    Ok(Picture::of(Matrix::of("Attention, block 0, head 2", labels, [&words, &words], &numbers)?))
}

fn confusion(classes: usize) -> Result<Picture> {
    let names: Vec<String> = match classes {
        2 => ["no", "yes"].map(str::to_owned).to_vec(),
        10 => (0..10).map(|class| class.to_string()).collect(),
        _ => (0..classes).map(|class| format!("species {class}")).collect(),
    };
    let mut random = Random::new(4);
    let mut count = |i: usize, j: usize| match i.abs_diff(j) {
        0 => 900 + random.below(12_000 / classes) as u64,
        1 => random.below(60) as u64,
        _ if random.below(4) == 0 => random.below(9) as u64,
        _ => 0,
    };
    let counts: Vec<Vec<u64>> = (0..classes).map(|i| (0..classes).map(|j| count(i, j)).collect()).collect();
    Ok(Picture::of(Matrix::confusion("Confusion on the test part", &names, &counts)?))
}
