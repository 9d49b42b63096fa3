//! Trains three small models on made data, explains what they do, and draws it:
//! `cargo run --release -p anygrad-explain --example pictures FOLDER`.

use std::path::{Path, PathBuf};

use anygrad_core::{Array, Error, Random, Result};
use anygrad_data::generate;
use anygrad_data::series;
use anygrad_explain::{
    Explainer, GradCamOptions, IntegratedGradients, Occlusion, Permutation, SmoothGrad, Target, score,
};
use anygrad_gpu::{Choice, Session};
use anygrad_nn::{
    Activation, Adam, Conv2d, Dense, FitOptions, Flatten, GlobalAvgPool, Loss, Lstm, MaxPool2d, Sequential,
    Silent, Trainer,
};
use anygrad_plot::{Bars, HeatMap, MarkedSeries, Picture};

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).map_or_else(|| PathBuf::from("pictures"), PathBuf::from);
    std::fs::create_dir_all(&folder).map_err(|error| unwritten(&folder, &error))?;
    pollster::block_on(async {
        digits(&folder).await?;
        table(&folder).await?;
        forecast(&folder).await
    })
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::input(format!("{}: cannot be written: {error}", path.display()))
}

fn save(folder: &Path, name: &str, picture: &Picture) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, picture.png()?).map_err(|error| unwritten(&path, &error))
}

async fn session() -> Result<Session> {
    Session::open_or_interpreter(&Choice::Best).await
}

/// A convolutional network that reads digits, and what it sees in one of them.
async fn digits(folder: &Path) -> Result<()> {
    let data = generate::digits(1200, 1)?;
    let parts = data.split(&[0.9, 0.1])?;
    let model = Sequential::new()
        .add(Conv2d::new(8, 3).activation(Activation::Relu))
        .add(MaxPool2d::new(2))
        .add(Conv2d::new(16, 3).activation(Activation::Relu))
        .add(Conv2d::new(32, 3).activation(Activation::Relu))
        .add(GlobalAvgPool)
        .add(Flatten)
        .add(Dense::new(10));
    let mut trainer =
        Trainer::new(session().await?, model, Loss::sparse_cross_entropy(), Adam::new(5e-3)).seed(1);
    let options = FitOptions { epochs: 12, batch_size: 36, ..FitOptions::default() };
    trainer.fit((parts[0].features(), parts[0].targets()), None, &options, &mut Silent).await?;

    let test = trainer.predict(parts[1].features(), 120).await?;
    println!("digits: accuracy {:.3}", score::accuracy(&test, parts[1].targets())?);

    let x = parts[1].features().take_rows(&[0, 1, 2, 3])?;
    let explainer = Explainer::of(&trainer);
    let target = Target::Predicted;
    let path = explainer.integrated_gradients(&x, &target, &IntegratedGradients::default()).await?;
    for (row, complete) in path.rows.iter().enumerate() {
        println!(
            "digit {row}: class {}, attributions add up to {:.4} of {:.4}, within {:.4}: {}",
            path.attribution.targets[row],
            complete.sum,
            complete.difference,
            complete.tolerance,
            complete.holds()
        );
    }
    let saliency = explainer.saliency(&x, &target).await?;
    let smooth = explainer.smooth_grad(&x, &target, &SmoothGrad::default()).await?;
    let hidden = explainer.occlusion(&x, &target, &Occlusion::new(&[1, 5, 5]).stride(&[1, 2, 2])).await?;
    let cam = explainer.grad_cam(&x, &target, &GradCamOptions::default()).await?;
    // The one that is drawn.
    const SHOWN: usize = 2;
    let class = path.attribution.targets[SHOWN];
    let image = x.take_rows(&[SHOWN])?.reshape(&x.shape()[1..])?;
    let draw = |method: &str, legend: &str, map: &Array| -> Result<HeatMap> {
        HeatMap::new(&format!("{method}: class {class}"), legend, &image, map)
    };
    save(
        folder,
        "gradients.png",
        &Picture::of(draw("Saliency", "gradient", &saliency.row(SHOWN)?)?).beside(draw(
            "SmoothGrad",
            "mean gradient",
            &smooth.row(SHOWN)?,
        )?),
    )?;
    save(
        folder,
        "integrated_gradients.png",
        &Picture::of(draw("Integrated gradients", "attribution", &path.attribution.row(SHOWN)?)?.overlaid()),
    )?;
    save(
        folder,
        "occlusion.png",
        &Picture::of(draw("Occlusion", "loss of the logit", &hidden.row(SHOWN)?)?.overlaid()),
    )?;
    let title = format!("Grad-CAM of {}", cam.layer);
    save(folder, "grad_cam.png", &Picture::of(draw(&title, "weight", &cam.row(SHOWN)?)?.overlaid()))
}

/// A table of five columns, of which three decide the class.
async fn table(folder: &Path) -> Result<()> {
    const NAMES: [&str; 5] = ["income", "age", "debt", "shoe size", "postcode"];
    let mut random = Random::new(7);
    let x: Vec<f32> = (0..600 * NAMES.len()).map(|_| random.normal() as f32).collect();
    let class = |row: &[f32]| i32::from(1.5 * row[0] - row[2] + 0.5 * row[1] * row[1] > 0.3);
    let classes: Vec<i32> = x.chunks(NAMES.len()).map(class).collect();
    let (x, y) = (Array::f32(&[600, NAMES.len()], x)?, Array::i32(&[600], classes)?);
    let model = Sequential::new().add(Dense::new(24).activation(Activation::Relu)).add(Dense::new(2));
    let mut trainer =
        Trainer::new(session().await?, model, Loss::sparse_cross_entropy(), Adam::new(1e-2)).seed(1);
    let options = FitOptions { epochs: 15, batch_size: 40, ..FitOptions::default() };
    trainer.fit((&x, &y), None, &options, &mut Silent).await?;

    let explainer = Explainer::of(&trainer).batch_size(600);
    let how = Permutation { repeats: 10, ..Permutation::default() };
    let importance = explainer.permutation_importance(&x, &y, &score::accuracy, &how).await?;
    println!("table: accuracy {:.3}", importance.score);
    let columns = NAMES.iter().zip(&importance.columns);
    let bars =
        columns.fold(Bars::new("Permutation importance", "loss of accuracy"), |bars, (name, change)| {
            println!("  {name}: {:.3} ± {:.3}", change.mean, change.deviation);
            bars.bar_with_deviation(*name, change.mean, change.deviation)
        });
    let one = x.take_rows(&[0])?;
    let path =
        explainer.integrated_gradients(&one, &Target::Predicted, &IntegratedGradients::default()).await?;
    let title = format!("Integrated gradients of row 0, class {}", path.attribution.targets[0]);
    let values = path.attribution.values.as_f32()?.iter().zip(NAMES).zip(one.as_f32()?);
    let shares = values
        .fold(Bars::new(&title, "attribution to the logit"), |bars, ((share, name), value)| {
            bars.bar(format!("{name} = {value:.2}"), f64::from(*share))
        });
    save(folder, "table.png", &Picture::of(bars.sorted()).beside(shares.sorted_by_size()))
}

/// An LSTM that forecasts a wave, and which steps of its window it looks at.
async fn forecast(folder: &Path) -> Result<()> {
    let values = generate::sine_series(400, 3)?;
    let windows = series::windows(&values, 24)?;
    let model = Sequential::new().add(Lstm::new(16)).add(Dense::new(1));
    let mut trainer = Trainer::new(session().await?, model, Loss::mse(), Adam::new(1e-2)).seed(1);
    let options = FitOptions { epochs: 10, batch_size: 47, ..FitOptions::default() };
    trainer.fit((windows.features(), windows.targets()), None, &options, &mut Silent).await?;

    let x = windows.features().take_rows(&[100])?;
    let path = Explainer::of(&trainer)
        .integrated_gradients(&x, &Target::Output(0), &IntegratedGradients::default())
        .await?;
    println!("forecast: {:?}", path.rows[0]);
    let picture = MarkedSeries::new("What the forecast of step 124 rests on", "attribution")
        .starting_at(100)
        .series("value", x.as_f32()?, path.attribution.values.as_f32()?)?;
    save(folder, "forecast.png", &Picture::of(picture))
}
