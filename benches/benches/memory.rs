//! What saving memory costs: steps of training with each saver beside those without any, in turns, on the software
//! adapter or the one that `ANYGRAD_ADAPTER` names. The figures of `docs/memory.md`.

use std::time::Instant;

use anygrad::core::{Array, DType, Random};
use anygrad::nn::{
    Activation, Adam, Conv2d, Dense, Dropout, Flatten, Loss, Lstm, MaxPool2d, MemoryOptions, Recompute,
    Sequential, Trainer, TransformerBlock,
};
use anygrad_benches::session;
use pollster::block_on;

/// Steps with each saver; the first few compile shaders.
const ROUNDS: usize = 20;
const WARM_UP: usize = 3;

/// Two rounds of convolution and pooling, as on MNIST.
fn cnn() -> Sequential {
    let conv = |filters| Conv2d::new(filters, 3).activation(Activation::Relu);
    let model = Sequential::new().add(conv(32)).add(MaxPool2d::new(2)).add(conv(64)).add(MaxPool2d::new(2));
    let model = model.add(Flatten).add(Dense::new(128).activation(Activation::Relu));
    model.add(Dropout::new(0.3)).add(Dense::new(10))
}

fn lstms() -> Sequential {
    let layer = || Lstm::new(16).return_sequences(true);
    let model = Sequential::new().add(layer()).add(layer()).add(layer()).add(Dropout::new(0.2)).add(layer());
    model.add(Lstm::new(16)).add(Dense::new(3))
}

fn transformer() -> Sequential {
    (0..6).fold(Sequential::new(), |model, _| model.add(TransformerBlock::new(2).causal(true).dropout(0.1)))
}

fn noise(sizes: &[usize]) -> Array {
    let mut random = Random::new(1);
    let numbers: Vec<f32> = (0..sizes.iter().product()).map(|_| random.normal() as f32).collect();
    Array::f32(sizes, numbers).expect("as many as there are")
}

fn classes(rows: usize, count: usize) -> Array {
    let numbers: Vec<i32> = (0..rows).map(|row| (row * 7 % count) as i32).collect();
    Array::i32(&[rows], numbers).expect("as many as there are")
}

fn compare(name: &str, model: fn() -> Sequential, loss: Loss, x: &Array, y: &Array) {
    let halves = MemoryOptions { activations: DType::F16, ..MemoryOptions::default() };
    let computing = |recompute| MemoryOptions { recompute, ..MemoryOptions::default() };
    let ways = [
        ("plain", MemoryOptions::default()),
        ("cheap", computing(Recompute::Cheap)),
        ("auto", computing(Recompute::Auto)),
        ("f16", halves),
        ("auto and f16", MemoryOptions { recompute: Recompute::Auto, ..halves }),
    ];
    let trainer = |options: MemoryOptions| {
        // Parameters are states of the session.
        Trainer::new(session(), model(), loss.clone(), Adam::new(1e-3)).memory(options)
    };
    let mut trainers = ways.map(|(_, options)| trainer(options));
    // The fastest round, as others may run on the machine.
    let mut fastest = [f64::INFINITY; 5];
    for round in 0..ROUNDS {
        for (trainer, fastest) in trainers.iter_mut().zip(&mut fastest) {
            let begun = Instant::now();
            block_on(trainer.step_loss(x, y)).expect("the step runs");
            if round >= WARM_UP {
                *fastest = fastest.min(begun.elapsed().as_secs_f64());
            }
        }
    }
    for (((way, _), trainer), seconds) in ways.iter().zip(&trainers).zip(fastest) {
        let (ms, ratio) = (1e3 * seconds, seconds / fastest[0]);
        println!("{name}, {way}: {ms:.1} ms, {ratio:.2} times; {}", trainer.savings().join("; "));
    }
}

fn main() {
    let classed = Loss::sparse_cross_entropy;
    compare("MNIST CNN", cnn, classed(), &noise(&[64, 1, 28, 28]), &classes(64, 10));
    compare("5 LSTMs", lstms, classed(), &noise(&[32, 50, 16]), &classes(32, 3));
    let rows = noise(&[8, 128, 64]);
    compare("6 transformer blocks", transformer, Loss::mse(), &rows, &rows);
}
