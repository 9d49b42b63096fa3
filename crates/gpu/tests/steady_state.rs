//! Thousands of training steps allocate nothing: neither on the device, nor objects of wgpu, nor memory
//! of the host. A test binary of its own, because it measures the process.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType, Random};
use anygrad_gpu::{Choice, Device, Session};
use anygrad_graph::Graph;
use pollster::block_on;

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    PAGE_BYTES * statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}

fn noise(sizes: &[usize], random: &mut Random) -> Array {
    let count = sizes.iter().product();
    Array::f32(sizes, (0..count).map(|_| random.normal() as f32).collect::<Vec<_>>()).unwrap()
}

#[test]
fn ten_thousand_steps_allocate_nothing() {
    const STEPS: usize = 10_000;
    const WARM_UP: usize = 1_000;
    /// What an allocator may keep of what was freed; the uploads of all steps sum up to 41 MB.
    const LIMIT: u64 = 2 << 20;

    let device = block_on(Device::open(&Choice::Software)).expect("this test needs a software adapter");
    let session = Session::on(device.clone());
    let graph = Graph::new();
    let (x, y) = (graph.input("x", &[32, 30], DType::F32), graph.input("y", &[32, 2], DType::F32));
    let w = graph.state("w", &[30, 2]);
    let error = x.matmul(w) - y;
    let loss = (error * error).mean_all();
    let slope = graph.gradients(loss, &[w])[0];
    graph.update(w, w - slope * 0.01);
    let mut program = session.compile(&graph, &[loss]).unwrap();

    let mut random = Random::new(3);
    let batches: Vec<(Array, Array)> = (0..4)
        .map(|_| {
            let x = noise(&[32, 30], &mut random);
            let first_two: Vec<f32> =
                x.as_f32().unwrap().chunks(30).flat_map(|row| [row[0] - row[1], 2.0 * row[2]]).collect();
            (x, Array::f32(&[32, 2], first_two).unwrap())
        })
        .collect();
    let mut asked = None;
    let mut losses = Vec::new();
    let mut run = |steps: usize| {
        for step in 0..steps {
            let (x, y) = &batches[step % batches.len()];
            program.write("x", x).unwrap();
            program.write("y", y).unwrap();
            program.run().unwrap();
            if step % 50 == 0 && asked.is_none() {
                asked = Some(program.read_later(0).unwrap());
            }
            let is_ready = asked.as_ref().is_some_and(|loss| loss.is_ready().unwrap());
            if let Some(loss) = asked.take_if(|_| is_ready) {
                losses.push(block_on(loss.take()).unwrap().to_f64()[0]);
            }
        }
        session.wait().unwrap();
    };
    run(WARM_UP);
    let (before, host) = (device.usage().unwrap(), resident());
    run(STEPS);
    let (after, grown) = (device.usage().unwrap(), resident().saturating_sub(host));
    println!("{before:?}\n{after:?}\nhost: {host} + {grown} bytes");
    assert_eq!(after, before);
    assert!(grown < LIMIT, "{grown} bytes of the host in {STEPS} steps");
    // Reports came while steps went on, and something was learned.
    assert!(losses.len() > STEPS / 100, "{} reports", losses.len());
    assert!(losses[losses.len() - 1] < 1e-3 * losses[0], "{losses:?}");
}
