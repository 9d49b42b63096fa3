//! The way from nothing to the first training step of a CNN: each run is a process of its own, which
//! is this program with another argument. On the software adapter or the one that `ANYGRAD_ADAPTER`
//! names.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use anygrad::perf::{Caches, first_step};
use anygrad_benches::session;
use criterion::{Criterion, criterion_group};

/// Makes this program do a first step, and nothing else.
const FIRST_STEP: &str = "first-step";

fn seconds(caches: &Caches) -> f64 {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.arg(FIRST_STEP);
    caches.seconds_to_line(command).expect("the process does a step")
}

fn cold_start(criterion: &mut Criterion) {
    let caches = || Caches::new().expect("there is room for temporary files");
    let mut group = criterion.benchmark_group("cold start");
    group.bench_function("nothing cached", |bencher| {
        bencher.iter_custom(|runs| Duration::from_secs_f64((0..runs).map(|_| seconds(&caches())).sum()));
    });
    let filled = caches();
    seconds(&filled);
    group.bench_function("driver cache warm", |bencher| {
        bencher.iter_custom(|runs| Duration::from_secs_f64((0..runs).map(|_| seconds(&filled)).sum()));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = cold_start
}

fn main() {
    if std::env::args().any(|argument| argument == FIRST_STEP) {
        let loss = pollster::block_on(first_step(&session())).expect("the device works");
        writeln!(std::io::stdout(), "{loss}").expect("somebody reads it");
        return;
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
