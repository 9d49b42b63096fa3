//! Trainings whose device is lost on the way.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, Random};
use anygrad_gpu::{Choice, Device, Session};
use anygrad_nn::{
    Activation, Adam, Average, BatchNorm, Dense, Dropout, Epoch, FitOptions, Loss, Metric, Observer, Recover,
    Recovery, Sequential, Silent, Step, Trainer,
};
use pollster::block_on;

fn data() -> (Array, Array) {
    let mut random = Random::new(12);
    let numbers: Vec<f32> = (0..14 * 4).map(|_| random.normal() as f32).collect();
    let classes: Vec<i32> = (0..14).map(|row| row % 3).collect();
    (Array::f32(&[14, 4], numbers).unwrap(), Array::i32(&[14], classes).unwrap())
}

fn open() -> Device {
    block_on(Device::open(&Choice::from_env_or(Choice::Software))).unwrap()
}

fn trainer(device: &Device) -> Trainer {
    let model = Sequential::new()
        .add(Dense::new(8).activation(Activation::Relu))
        .add(Dropout::new(0.3))
        .add(BatchNorm::new())
        .add(Dense::new(3));
    Trainer::new(Session::on(device.clone()), model, Loss::sparse_cross_entropy(), Adam::new(0.01))
        .seed(5)
        .metrics(&[Metric::Accuracy, Metric::PrAuc(Average::Macro)])
}

fn options(recover: Option<Recover>) -> FitOptions {
    FitOptions { epochs: 3, batch_size: 4, accumulate: 2, recover, ..FitOptions::default() }
}

/// Destroys the device, which is the trainer's first one, after so many steps.
struct Destroyer {
    device: Device,
    after: usize,
    recoveries: Vec<(u64, u64)>,
    epochs: Vec<Epoch>,
}

impl Destroyer {
    fn new(device: &Device, after: usize) -> Self {
        Destroyer { device: device.clone(), after, recoveries: Vec::new(), epochs: Vec::new() }
    }
}

impl Observer for Destroyer {
    fn on_step(&mut self, _: &Step) {
        if self.after == 1 {
            self.device.destroy();
        }
        self.after = self.after.saturating_sub(1);
    }
    fn on_recovery(&mut self, recovery: &Recovery) {
        assert!(recovery.error.is_device_lost(), "{:?}", recovery.error);
        self.recoveries.push((recovery.steps, recovery.epochs));
    }
    fn on_epoch_end(&mut self, epoch: &Epoch) -> std::ops::ControlFlow<()> {
        self.epochs.push(epoch.clone());
        std::ops::ControlFlow::Continue(())
    }
}

#[test]
fn a_training_survives_its_device() {
    let (x, y) = data();
    let validation = Some((&x, &y));
    let mut quiet = trainer(&open());
    let want = block_on(quiet.fit((&x, &y), validation, &options(None), &mut Silent)).unwrap();
    let end = block_on(quiet.state()).unwrap();
    for (after, every) in [(1, None), (1, Some(1)), (6, None), (7, Some(2)), (8, Some(1)), (12, Some(3))] {
        let device = open();
        let mut shaken = trainer(&device);
        let mut observer = Destroyer::new(&device, after);
        let recover = Some(Recover { every, ..Recover::default() });
        let got = block_on(shaken.fit((&x, &y), validation, &options(recover), &mut observer)).unwrap();
        assert_eq!((got.recoveries, got.epochs.len()), (1, 3), "after step {after}");
        assert_eq!(got.epochs, want.epochs, "after step {after}");
        assert_eq!(block_on(shaken.state()).unwrap(), end, "after step {after}");
        let (steps, epochs) = observer.recoveries[0];
        // 4 batches and 2 updates in an epoch.
        assert_eq!(epochs as usize, (after - usize::from(after % 4 == 0)) / 4, "after step {after}");
        assert!(steps >= 2 * epochs && steps <= (after as u64).div_ceil(2), "{steps} after step {after}");
        assert!(every != Some(2) || steps > 2 * epochs || after % 4 < 3, "{steps} after step {after}");
        assert_eq!(observer.epochs.last(), want.epochs.last());
    }
}

/// Lost at any time: while kernels run, values are read, programs are made.
#[test]
fn at_any_time() {
    let (x, y) = data();
    let mut quiet = trainer(&open());
    let want = block_on(quiet.fit((&x, &y), Some((&x, &y)), &options(None), &mut Silent)).unwrap();
    let end = block_on(quiet.state()).unwrap();
    // Enough for some in the middle of it, on a slow machine too.
    let mut recoveries = 0;
    for tenths in [1, 100, 500, 1000, 2000, 3000, 4000] {
        let device = open();
        let mut shaken = trainer(&device);
        let recover = Some(Recover { every: Some(2), attempts: 1 });
        let got = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(std::time::Duration::from_micros(tenths * 100));
                device.destroy();
            });
            block_on(shaken.fit((&x, &y), Some((&x, &y)), &options(recover), &mut Silent)).unwrap()
        });
        recoveries += got.recoveries;
        assert_eq!(got.epochs, want.epochs, "after {tenths} tenths of a millisecond");
        if got.recoveries > 0 {
            assert_eq!(block_on(shaken.state()).unwrap(), end);
        }
    }
    assert!(recoveries > 0, "the device was never lost in time");
}

#[test]
fn without_the_option_the_loss_is_the_error() {
    let (x, y) = data();
    for round in 0..6 {
        let recover = (round % 2 == 1).then(|| Recover { attempts: 0, ..Recover::default() });
        let device = open();
        let mut shaken = trainer(&device);
        let mut observer = Destroyer::new(&device, 2);
        let error = block_on(shaken.fit((&x, &y), None, &options(recover), &mut observer)).unwrap_err();
        assert!(error.is_device_lost() && observer.recoveries.is_empty(), "{error:?}");
        assert_eq!(error.to_string().contains("lost 1 times after step 0"), recover.is_some(), "{error}");
    }
    // A trained model is lost with its device; one that was not built is not.
    let mut trained = trainer(&open());
    block_on(trained.fit((&x, &y), None, &options(None), &mut Silent)).unwrap();
    let device = open();
    let mut shaken = trainer(&device);
    device.destroy();
    let recover = options(Some(Recover::default()));
    assert_eq!(block_on(shaken.fit((&x, &y), None, &recover, &mut Silent)).unwrap().recoveries, 1);
    assert_eq!(block_on(shaken.state()).unwrap(), block_on(trained.state()).unwrap());
    let device = open();
    let mut shaken = trainer(&device);
    block_on(shaken.fit((&x, &y), None, &recover, &mut Silent)).unwrap();
    device.destroy();
    let error = block_on(shaken.fit((&x, &y), None, &recover, &mut Silent)).unwrap_err();
    assert!(error.is_device_lost(), "{error:?}");
}
