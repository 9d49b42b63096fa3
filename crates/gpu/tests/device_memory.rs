//! Memory of the host stays flat, however long a program runs. A test binary of its own, because
//! it measures the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_gpu::{Choice, Command, Device};
use pollster::block_on;

const FILL: &str = "
    struct Params { value: f32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
        if id.x < arrayLength(&y) { y[id.x] = params.value; }
    }
";

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    PAGE_BYTES * statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

fn open() -> Device {
    block_on(Device::open(&Choice::Software)).expect("this test needs a software adapter")
}

/// Growth of resident memory over `rounds` rounds, after some to warm up.
fn growth(name: &str, rounds: u32, mut round: impl FnMut(u32)) -> u64 {
    (0..rounds / 10).for_each(&mut round);
    let before = resident();
    (0..rounds).for_each(&mut round);
    let grown = resident().saturating_sub(before);
    println!("{rounds} {name}: {grown} bytes");
    grown
}

// One test, so that nothing else runs meanwhile.
#[test]
fn memory_stays_flat() {
    const LIMIT: u64 = 4 << 20;
    let device = open();
    let y = device.buffer("y", 4096).unwrap();
    let uniform = device.uniform("params", &7_f32.to_le_bytes()).unwrap();
    let pipeline = device.pipeline("fill", FILL, &[true], &[]).unwrap();
    let bindings = device.bind(&pipeline, (&uniform, 0, 4), &[&y]).unwrap();
    let command =
        Command::Dispatch { pipeline: pipeline.clone(), bindings: bindings.clone(), workgroups: [16, 1, 1] };

    let grown = growth("submits and reads", 10_000, |_| {
        device.submit(std::slice::from_ref(&command)).unwrap();
        let bytes = block_on(device.read(&y, 0, 16)).unwrap();
        assert_eq!(bytes[..4], 7_f32.to_le_bytes());
    });
    assert!(grown < LIMIT, "submits and reads: {grown} bytes");

    let grown = growth("submits without a read", 10_000, |_| {
        device.submit(std::slice::from_ref(&command)).unwrap();
    });
    assert!(grown < LIMIT, "submits without a read: {grown} bytes");

    let grown = growth("buffers and bind groups", 2_000, |_| {
        let buffer = device.buffer("short-lived", 4096).unwrap();
        device.bind(&pipeline, (&uniform, 0, 4), &[&buffer]).unwrap();
        assert_eq!(device.pipeline("fill", FILL, &[true], &[]).unwrap(), pipeline);
    });
    assert!(grown < LIMIT, "buffers and bind groups: {grown} bytes");

    // Uploads that nothing waits for are bounded by what may be in flight, not by their sum: 4 GB.
    let large = device.buffer("large", 1 << 20).unwrap();
    let bytes = vec![1; 1 << 20];
    let grown = growth("uploads of 1 MiB", 4_000, |_| device.write(&large, 0, &bytes).unwrap());
    assert!(grown < 600 << 20, "uploads: {grown} bytes");
    device.wait().unwrap();

    // Threads of the driver may make an allocator's arena once; a leak grows every time.
    let grown = (0..3).map(|_| growth("devices", 40, |_| drop(open()))).min().unwrap();
    assert!(grown < LIMIT, "devices: {grown} bytes");
}
