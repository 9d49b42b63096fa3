//! Plans of recipes and graphs: what they say, as text and as a page, and that it is what a run takes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use anygrad_core::DType;
use anygrad_gpu::{Choice, Device, Session};
use anygrad_graph::{Graph, Tensor};
use anygrad_nn::Silent;
use anygrad_recipe::Recipe;
use anygrad_run::forecast::{Inference, Prediction, Target, Training, plan};
use anygrad_run::{RunOptions, train};
use pollster::block_on;

fn recipe(batch: usize, accumulation: usize) -> Recipe {
    let text = format!(
        r#"
        model = [
            {{ type = "conv2d", filters = 4, kernel_size = 3, activation = "relu" }},
            {{ type = "batch_norm", axis = 1 }},
            {{ type = "max_pool2d", pool_size = 2 }},
            {{ type = "flatten" }},
            {{ type = "dense", units = 16, activation = "relu" }},
            {{ type = "dropout", rate = 0.2 }},
            {{ type = "dense", units = "outputs" }},
        ]
        [data]
        format = "generated"
        set = "digits"
        rows = 500
        task = "multiclass"
        split = {{ by = "fraction", train = 0.8, validation = 0.1, test = 0.1 }}
        [training]
        epochs = 2
        batch_size = {batch}
        gradient_accumulation = {accumulation}
        "#
    );
    Recipe::parse(&text, "digits.toml").unwrap()
}

#[test]
fn a_plan_as_text() {
    let recipe = recipe(64, 1);
    let mut source = Training::new("digits.toml", &recipe, &recipe.load().unwrap()).unwrap();
    let mut text =
        plan(&mut source, &Target::webgpu().with_memory(1 << 30, "a test"), None, false).unwrap().to_string();
    // Lines of the layers move with the code.
    while let Some(at) = text.find(".rs:") {
        let digits = text[at + 4..].chars().take_while(char::is_ascii_digit).count();
        text.replace_range(at..at + 4 + digits, ".rs");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/plan.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(known == text, "{text}\nis not what stands in plan.txt; UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn a_run_takes_what_its_plan_says() {
    for accumulation in [1, 2] {
        let recipe = recipe(64, accumulation);
        let device = block_on(Device::open(&Choice::Best)).expect("this test needs an adapter");
        let target = Target { caps: device.caps().clone(), ..Target::webgpu() };
        let mut source = Training::new("digits.toml", &recipe, &recipe.load().unwrap()).unwrap();
        let forecast = plan(&mut source, &target, None, false).unwrap().forecast;
        let folder = tempfile::tempdir().unwrap();
        let session = Session::on(device.clone());
        let run = folder.path().join("run");
        block_on(train(&recipe, &session, &run, RunOptions::default(), &mut Silent)).unwrap();
        let usage = device.usage().unwrap();
        assert_eq!(usage.peak, forecast.peak, "accumulation {accumulation}");
        assert!(usage.staging <= forecast.reads.max(1 << 20), "{usage:?} {}", forecast.reads);
    }
}

#[test]
fn predictions_take_less_than_the_training() {
    let recipe = recipe(64, 1);
    let loaded = recipe.load().unwrap();
    let mut training = Training::new("digits.toml", &recipe, &loaded).unwrap();
    let mut prediction = Prediction::new("digits.toml", &recipe, &loaded.sizes).unwrap();
    let target = Target::webgpu();
    let trained = plan(&mut training, &target, None, false).unwrap();
    let predicted = plan(&mut prediction, &target, None, false).unwrap();
    assert!(predicted.forecast.peak < trained.forecast.peak);
    assert_eq!(predicted.forecast.memory.parameters, trained.forecast.memory.parameters);
    assert_eq!(predicted.forecast.memory.gradients, 0);
}

/// y = relu(x w)
fn dense<'g>(graph: &'g Graph, rows: usize) -> anygrad_core::Result<Vec<Tensor<'g>>> {
    let x = graph.input("x", &[rows, 1000], DType::F32);
    Ok(vec![x.matmul(graph.state("w", &[1000, 10])).relu()])
}

#[test]
fn any_graph_can_be_planned_and_its_largest_batch_found() {
    let mut source = Inference::new("dense", dense);
    let target = Target::webgpu();
    let planned = plan(&mut source, &target, Some(100), true).unwrap();
    assert_eq!(planned.forecast.memory.parameters, 40_000);
    assert_eq!(planned.forecast.memory.inputs, 400_000);
    assert_eq!(planned.forecast.batch, 100);
    // 256 MiB in rows of 4000 bytes, shown to a product in windows.
    assert_eq!(planned.max_batch, Some(Some((256 << 20) / 4000)));
    let large = plan(&mut source, &target, Some((256 << 20) / 4000), false).unwrap();
    assert!(
        !large.forecast.cuts.is_empty() && large.forecast.cuts[0].windows == 2,
        "{:?}",
        large.forecast.cuts
    );
    assert!(large.to_string().contains("Larger than a binding"), "{large}");
    let error = plan(&mut source, &target, Some(100_000), false).unwrap_err().to_string();
    assert!(error.contains("batches of 67108 rows would fit"), "{error}");

    let memory = Target::webgpu().with_memory(5_000_000, "a test");
    let planned = plan(&mut source, &memory, None, true).unwrap();
    let batch = planned.max_batch.flatten().unwrap();
    assert!(planned.fits == Some(true) && planned.forecast.batch == batch);
    let more = plan(&mut source, &memory, Some(batch + 1), false).unwrap();
    assert_eq!(more.fits, Some(false), "{batch}");
    // Nearly all of it is taken.
    assert!(planned.forecast.warnings.iter().any(|text| text.contains("% of the memory")), "{planned}");
}

#[test]
fn a_dispatch_longer_than_a_watchdog_is_warned_of() {
    let limits = "kind = \"discrete\"\ngflops = 0.0001\ngbytes = 100.0\ndispatch_us = 5.0\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slow.toml");
    std::fs::write(&path, limits).unwrap();
    let target = Target::file(&path).unwrap();
    let planned = plan(&mut Inference::new("dense", dense), &target, Some(1000), false).unwrap();
    // 2 * 1000 * 1000 * 10 operations at 100,000 a second.
    assert!(planned.forecast.update.seconds.unwrap() > 200.0);
    let warned = planned.forecast.warnings.iter().any(|text| text.contains("TDR") && text.contains("matmul"));
    assert!(warned, "{:?}", planned.forecast.warnings);
    std::fs::write(&path, limits.replace("0.0001", "1000.0")).unwrap();
    let planned =
        plan(&mut Inference::new("dense", dense), &Target::file(&path).unwrap(), Some(1000), false).unwrap();
    assert!(planned.forecast.warnings.is_empty() && planned.forecast.update.seconds.unwrap() < 0.1);
}

#[test]
fn a_page_needs_nothing_else() {
    let recipe = recipe(64, 1);
    let mut source = Training::new("<digits>", &recipe, &recipe.load().unwrap()).unwrap();
    let page = plan(&mut source, &Target::mobile(), None, false).unwrap().html().unwrap();
    assert!(page.contains("<title>&lt;digits&gt;: training</title>") && page.contains("class=\"room\""));
    assert!(page.contains("compatibility mode") && !page.contains("<script"));
    // One path for each purpose that is there, each closed.
    let paths = page.matches("<path class=\"c").count();
    assert!((5..=7).contains(&paths) && page.matches("Z\"><title>").count() == paths, "{paths}");
}
