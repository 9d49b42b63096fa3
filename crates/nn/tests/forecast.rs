//! What a training takes is known before it starts: the forecast of each model here is, to the byte, what the
//! device counts when it is trained.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, Caps, DType, Random};
use anygrad_gpu::{Choice, Device, Session};
use anygrad_nn::{
    Activation, Adagrad, Adam, Adamax, BatchNorm, Clip, Conv1d, Conv2d, ConvTranspose2d, Dense, Dropout,
    Embedding, FitOptions, Flatten, Gru, Lambda, Layer, LayerNorm, Loss, Lstm, MaxPool2d, Metric, Observer,
    Optimizer, Outline, Recover, RmsProp, Schedule, Sequential, Sgd, Silent, SimpleRnn, Start, TestPart,
    Trainer, TransformerBlock,
};
use anygrad_plan::Purpose;
use pollster::block_on;

const ROWS: usize = 23;

fn device() -> Device {
    block_on(Device::open(&Choice::Best)).expect("this test needs an adapter")
}

/// Numbers, or with `below` whole numbers below it, for rows of these sizes.
fn features(rows: usize, sizes: &[usize], below: Option<i32>) -> Array {
    let mut random = Random::new(2);
    let sizes = [&[rows], sizes].concat();
    let count: usize = sizes.iter().product();
    match below {
        Some(below) => Array::i32(&sizes, (0..count).map(|i| i as i32 % below).collect::<Vec<_>>()).unwrap(),
        None => {
            let numbers: Vec<f32> = (0..count).map(|_| random.normal() as f32).collect();
            Array::f32(&sizes, numbers).unwrap()
        }
    }
}

fn classes(rows: usize) -> Array {
    Array::i32(&[rows], (0..rows).map(|row| row as i32 % 3).collect::<Vec<_>>()).unwrap()
}

/// Takes note of what the device has when the first step is about to run.
struct AtStart {
    device: Device,
    allocated: Option<u64>,
}

impl Observer for AtStart {
    fn on_epoch_start(&mut self, _: &Start) {
        self.allocated.get_or_insert(self.device.allocated());
    }
}

/// What is trained, and how.
struct Case {
    sizes: Vec<usize>,
    below: Option<i32>,
    validation: usize,
    test: Option<TestPart>,
    options: FitOptions,
    metrics: Vec<Metric>,
    schedule: Option<Schedule>,
}

fn case(sizes: &[usize]) -> Case {
    Case {
        sizes: sizes.to_vec(),
        below: None,
        validation: 0,
        test: None,
        options: FitOptions { epochs: 3, batch_size: 8, allow_nan: true, ..FitOptions::default() },
        metrics: Vec::new(),
        schedule: None,
    }
}

#[track_caller]
fn equal(model: impl Layer + 'static, optimizer: impl Optimizer + 'static, case: Case) {
    let device = device();
    let session = Session::on(device.clone());
    let (x, y) = (features(ROWS, &case.sizes, case.below), classes(ROWS));
    let mut trainer = Trainer::new(session.clone(), model, Loss::sparse_cross_entropy(), optimizer);
    trainer = trainer.metrics(&case.metrics).seed(4);
    if let Some(schedule) = case.schedule {
        trainer = trainer.schedule(schedule);
    }
    let watched = (features(case.validation, &case.sizes, case.below), classes(case.validation));
    let outline = Outline {
        features: case.sizes.clone(),
        features_dtype: x.dtype(),
        targets: Vec::new(),
        targets_dtype: DType::I32,
        rows: ROWS,
        validation: (case.validation > 0).then_some(case.validation),
        test: case.test,
    };
    let forecast = trainer.forecast(&outline, &case.options, device.caps(), None).unwrap();
    assert_eq!(device.allocated(), 0, "a forecast takes nothing");

    let mut observer = AtStart { device: device.clone(), allocated: None };
    let validation = (case.validation > 0).then_some((&watched.0, &watched.1));
    block_on(trainer.fit((&x, &y), validation, &case.options, &mut observer)).unwrap();
    if let Some(test) = case.test {
        let state = block_on(trainer.state()).unwrap();
        trainer.restore(&state).unwrap();
        let (x, y) = (features(test.rows, &case.sizes, case.below), classes(test.rows));
        block_on(trainer.evaluate((&x, &y), case.options.batch_size)).unwrap();
        if test.predicts {
            block_on(trainer.predict(&x, case.options.batch_size)).unwrap();
        }
    }
    let usage = device.usage().unwrap();
    assert_eq!((forecast.ready, forecast.peak), (observer.allocated.unwrap(), usage.peak));
    assert_eq!(forecast.memory.total(), forecast.peak);
    assert!(usage.staging <= forecast.reads.max(1 << 20), "{} {}", usage.staging, forecast.reads);
    for purpose in [Purpose::Parameters, Purpose::Activations, Purpose::Inputs] {
        assert!(forecast.memory.of(purpose) > 0, "{purpose:?}");
    }
    // What is in use in working memory is no more than there is of it.
    for program in &forecast.programs {
        assert!(program.steps.iter().all(|step| step.memory.total() <= program.working), "{}", program.name);
    }
}

fn head(model: Sequential) -> Sequential {
    model.add(Dense::new(3))
}

#[test]
fn logistic_regression() {
    equal(Dense::new(3), Sgd::new(0.1), case(&[5]));
}

#[test]
fn a_dense_network_with_momentum() {
    let model = Sequential::new().add(Dense::new(33).activation(Activation::Relu)).add(Dense::new(17));
    equal(head(model), Sgd::new(0.1).momentum(0.9), case(&[9]));
}

#[test]
fn a_dense_network_with_adam_and_validation() {
    let model = Sequential::new().add(Dense::new(20).activation(Activation::Gelu));
    let metrics = vec![Metric::Accuracy, Metric::ConfusionMatrix];
    equal(head(model), Adam::new(0.01), Case { validation: 11, metrics, ..case(&[6]) });
}

#[test]
fn a_dense_network_with_dropout_and_a_test_part() {
    let model = Sequential::new().add(Dense::new(20)).add(Dropout::new(0.5));
    let test = Some(TestPart { rows: 13, predicts: true });
    equal(head(model), Adam::new(0.01), Case { validation: 9, test, ..case(&[6]) });
}

#[test]
fn gathered_gradients() {
    let options = FitOptions { accumulate: 2, ..case(&[]).options };
    let model = Sequential::new().add(Dense::new(12).activation(Activation::Tanh));
    equal(head(model), Adam::new(0.01), Case { options, ..case(&[6]) });
}

#[test]
fn gathered_gradients_with_batch_norm_validation_and_test() {
    let options = FitOptions { accumulate: 3, batch_size: 4, ..case(&[]).options };
    let model = Sequential::new().add(Dense::new(12)).add(BatchNorm::new());
    let test = Some(TestPart { rows: 4, predicts: false });
    equal(head(model), Sgd::new(0.01).momentum(0.5), Case { options, validation: 5, test, ..case(&[6]) });
}

#[test]
fn clipping_by_the_global_norm() {
    let model = Sequential::new().add(Dense::new(12)).add(Dense::new(8));
    equal(head(model), Adam::new(0.01).clip(Clip::GlobalNorm(1.0)), case(&[6]));
}

#[test]
fn clipping_by_value_with_a_schedule() {
    let model = Sequential::new().add(Dense::new(12));
    let schedule = Some(Schedule::cosine(0.01, 20.0, 0.0));
    equal(head(model), RmsProp::new(0.01).clip(Clip::Value(0.1)), Case { schedule, ..case(&[6]) });
}

#[test]
fn a_cnn_with_batch_norm() {
    let model = Sequential::new()
        .add(Conv2d::new(6, 3).activation(Activation::Relu))
        .add(BatchNorm::new().axis(1))
        .add(MaxPool2d::new(2))
        .add(Flatten);
    equal(head(model), Adam::new(0.01), Case { validation: 8, ..case(&[1, 12, 12]) });
}

#[test]
fn a_convolution_along_one_axis() {
    let model = Sequential::new().add(Conv1d::new(5, 3)).add(Flatten);
    equal(head(model), Adagrad::new(0.01), case(&[2, 17]));
}

#[test]
fn a_transposed_convolution() {
    let model = Sequential::new().add(ConvTranspose2d::new(4, 3).stride(2)).add(Flatten);
    equal(head(model), Adamax::new(0.01), case(&[2, 5, 5]));
}

#[test]
fn an_lstm() {
    equal(
        head(Sequential::new().add(Lstm::new(9))),
        Adam::new(0.01),
        Case { validation: 8, ..case(&[7, 3]) },
    );
}

#[test]
fn a_stateful_lstm() {
    let options = FitOptions { shuffle: false, ..case(&[]).options };
    let model = Sequential::new().add(Lstm::new(9).stateful(true));
    equal(head(model), Adam::new(0.01), Case { options, ..case(&[7, 3]) });
}

#[test]
fn a_gru() {
    equal(head(Sequential::new().add(Gru::new(8))), Adam::new(0.01), case(&[6, 4]));
}

#[test]
fn a_simple_rnn_in_both_directions() {
    let model = Sequential::new().add(SimpleRnn::new(8).bidirectional());
    equal(head(model), Sgd::new(0.01), case(&[6, 4]));
}

#[test]
fn a_transformer() {
    let model = Sequential::new()
        .add(TransformerBlock::new(2).hidden(12).dropout(0.1))
        .add(LayerNorm::new())
        .add(Lambda::new("mean", |_scope, x| x.mean(&[1], false)));
    equal(head(model), Adam::adamw(0.01), Case { validation: 3, ..case(&[6, 8]) });
}

#[test]
fn an_embedding() {
    let model = Sequential::new().add(Embedding::new(50, 8)).add(Flatten);
    equal(head(model), Adam::new(0.01), Case { below: Some(50), ..case(&[7]) });
}

#[test]
fn activations_in_16_bits() {
    let narrow = |name: &str| Lambda::new(name, |_scope, x| x.cast(DType::F16));
    let wide = Lambda::new("wide", |_scope, x| x.cast(DType::F32));
    let model = Sequential::new()
        .add(Dense::new(40).activation(Activation::Relu))
        .add(narrow("narrow"))
        .add(wide)
        .add(Dense::new(10));
    equal(head(model), Adam::new(0.01), case(&[6]));
}

#[test]
fn one_batch_of_all_rows() {
    let options = FitOptions { batch_size: ROWS, ..case(&[]).options };
    equal(head(Sequential::new().add(Dense::new(30))), Adam::new(0.01), Case { options, ..case(&[6]) });
}

#[test]
fn a_training_that_recovers() {
    let options = FitOptions { recover: Some(Recover::default()), ..case(&[]).options };
    let metrics = vec![Metric::Accuracy];
    let model = Sequential::new().add(Dense::new(64)).add(BatchNorm::new());
    equal(head(model), Adam::new(0.01), Case { options, metrics, validation: 23, ..case(&[16]) });
}

#[test]
fn a_large_layer_that_stands_alone() {
    let model = Sequential::new().add(Dense::new(600)).add(Dense::new(400));
    equal(head(model), Adam::new(0.01), Case { validation: 5, ..case(&[300]) });
}

#[test]
fn gradients_and_optimizer_state_are_told_apart() {
    let mut trainer = Trainer::new(
        Session::interpreter(),
        Sequential::new().add(Dense::new(1000)).add(Dense::new(3)),
        Loss::sparse_cross_entropy(),
        Adam::new(0.01),
    );
    let outline = Outline {
        features: vec![100],
        features_dtype: DType::F32,
        targets: Vec::new(),
        targets_dtype: DType::I32,
        rows: 64,
        validation: None,
        test: None,
    };
    let options = FitOptions { batch_size: 32, ..FitOptions::default() };
    let forecast = trainer.forecast(&outline, &options, &Caps::baseline(), None).unwrap();
    let weights = 4 * (100 * 1000 + 1000 + 1000 * 3 + 3);
    let memory = forecast.memory;
    // Buffers are multiples of 16 bytes.
    assert!((weights..weights + 64).contains(&memory.parameters), "{memory:?}");
    // Two moments for each; and the learning rate, the step, and the sums of the loss.
    assert!((2 * weights..2 * weights + 2048).contains(&memory.optimizer), "{memory:?}");
    // The largest gradient is there at the fullest step.
    assert!((400_000..weights + 1024).contains(&memory.gradients), "{memory:?}");
    // The features of 32 rows and their classes.
    assert_eq!(memory.inputs, 4 * 32 * 100 + 4 * 32, "{memory:?}");
    let names: Vec<&str> = forecast.largest.iter().map(|held| held.name.as_str()).collect();
    assert!(names.contains(&"dense.kernel") && names.contains(&"optimizer.dense.kernel.m"), "{names:?}");
    assert!(forecast.update.dispatches > 5 && forecast.update.seconds.is_none(), "{:?}", forecast.update);

    // Twice the batch, twice the activations.
    let double = FitOptions { batch_size: 64, ..options.clone() };
    let larger = trainer.forecast(&outline, &double, &Caps::baseline(), None).unwrap();
    assert_eq!(larger.memory.inputs, 2 * memory.inputs);
    assert_eq!(larger.memory.parameters, memory.parameters);
}

#[test]
fn what_does_not_fit_is_refused_with_the_batch_that_would() {
    let device = device();
    let (x, y) = (features(ROWS, &[50], None), classes(ROWS));
    let model = || Sequential::new().add(Dense::new(2000)).add(Dense::new(3));
    let trainer = |memory: u64| {
        let session = Session::on(device.clone());
        Trainer::new(session, model(), Loss::sparse_cross_entropy(), Sgd::new(0.01)).memory_limit(memory)
    };
    let options = FitOptions { batch_size: ROWS, ..FitOptions::default() };
    let outline = |rows| Outline {
        features: vec![50],
        features_dtype: DType::F32,
        targets: Vec::new(),
        targets_dtype: DType::I32,
        rows,
        validation: None,
        test: None,
    };
    let total = |batch: usize| {
        let options = FitOptions { batch_size: batch, ..options.clone() };
        let mut trainer = trainer(0);
        trainer.forecast(&outline(ROWS), &options, device.caps(), None).unwrap().total()
    };
    let memory = total(ROWS) - 1;
    let error = block_on(trainer(memory).fit((&x, &y), None, &options, &mut Silent)).unwrap_err();
    assert!(error.is_out_of_memory());
    let text = error.to_string();
    let wanted = format!("training in batches of 23 rows takes {} bytes of device memory", total(ROWS));
    assert!(text.contains(&wanted) && text.contains(&format!("there are {memory}")), "{text}");
    assert_eq!(device.allocated(), 0, "nothing was made");

    let batch = text.strip_prefix("batches of ").unwrap();
    let batch: usize = batch.split_once(" rows would fit: ").unwrap().0.parse().unwrap();
    assert!(batch < ROWS && total(batch) <= memory && total(batch + 1) > memory, "{text}");
    let fitting = FitOptions { batch_size: batch, ..options.clone() };
    block_on(trainer(memory).fit((&x, &y), None, &fitting, &mut Silent)).unwrap();
    assert!(device.usage().unwrap().peak <= memory);
    let error = block_on(trainer(1000).fit((&x, &y), None, &options, &mut Silent)).unwrap_err().to_string();
    assert!(error.starts_with("not even batches of 1 row would fit: "), "{error}");
}

#[test]
fn a_value_that_no_buffer_holds_is_refused_with_the_batch_that_would() {
    let mut trainer = Trainer::new(Session::interpreter(), Dense::new(64), Loss::mse(), Sgd::new(0.01));
    let outline = Outline {
        features: vec![1000],
        features_dtype: DType::F32,
        targets: vec![64],
        targets_dtype: DType::F32,
        rows: 100_000,
        validation: None,
        test: None,
    };
    let options = FitOptions { batch_size: 100_000, ..FitOptions::default() };
    let error = trainer.forecast(&outline, &options, &Caps::baseline(), None).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("largest buffer"), "{error}");
    let batch = trainer.largest_batch(&outline, &options, &Caps::baseline(), None).unwrap().unwrap();
    // One binding shows 128 MiB, and the product for the gradient reads all rows of 4000 bytes.
    assert_eq!(batch, (128 << 20) / 4000);
}
