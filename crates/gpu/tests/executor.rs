//! Several steps in flight: inputs, outputs and late reads keep their order, on the software adapter
//! (or `ANYGRAD_ADAPTER`) and on the interpreter alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType};
use anygrad_gpu::{Choice, Device, Program, Session};
use anygrad_graph::Graph;
use pollster::block_on;

const SIZE: usize = 1000;

fn open() -> Device {
    block_on(Device::open(&Choice::from_env_or(Choice::Software))).expect("these tests need an adapter")
}

fn sessions() -> [Session; 2] {
    [Session::on(open()), Session::interpreter()]
}

/// Output 2 x; the state `total` grows by x.
fn program(session: &Session) -> Program {
    let graph = Graph::new();
    let x = graph.input("x", &[SIZE], DType::F32);
    let total = graph.state("total", &[SIZE]);
    graph.update(total, total + x);
    session.compile(&graph, &[x * 2.0]).unwrap()
}

fn all(value: usize) -> Array {
    Array::f32(&[SIZE], vec![value as f32; SIZE]).unwrap()
}

#[test]
fn steps_in_flight_keep_their_inputs_and_outputs() {
    for session in sessions() {
        let mut program = program(&session);
        let mut pending = Vec::new();
        for step in 0..300 {
            program.write("x", &all(step)).unwrap();
            program.run().unwrap();
            pending.push(program.read_later(0).unwrap());
            if step % 50 == 0 {
                // The next write finds the device idle.
                session.wait().unwrap();
            }
        }
        for (step, pending) in pending.into_iter().enumerate() {
            assert_eq!(block_on(pending.take()).unwrap(), all(2 * step), "step {step}");
        }
        assert_eq!(block_on(session.read_state("total")).unwrap(), all(299 * 300 / 2));
    }
}

#[test]
fn a_write_waits_neither_for_a_step_nor_changes_it() {
    for session in sessions() {
        let mut program = program(&session);
        for step in 1..100 {
            session.wait().unwrap();
            program.write("x", &all(step)).unwrap();
            program.run().unwrap();
            // Most likely the step is still on its way.
            program.write("x", &all(7000)).unwrap();
            assert_eq!(block_on(program.read(0)).unwrap(), all(2 * step));
        }
        program.run().unwrap();
        assert_eq!(block_on(program.read(0)).unwrap(), all(14_000));
    }
}

#[test]
fn late_reads_are_ready_after_a_wait_and_may_be_dropped() {
    for session in sessions() {
        let mut program = program(&session);
        assert!(program.read_later(0).err().unwrap().is_input(), "nothing was run");
        program.write("x", &all(3)).unwrap();
        program.run().unwrap();
        drop(program.read_later(0).unwrap());
        let pending = session.read_state_later("total").unwrap();
        program.run().unwrap();
        session.wait().unwrap();
        assert!(pending.is_ready().unwrap());
        assert_eq!(block_on(pending.take()).unwrap(), all(3));
        assert!(program.read_later(1).err().unwrap().is_input());
        assert!(session.read_state_later("other").err().unwrap().is_input());
    }
}

#[test]
fn a_value_without_elements_is_there_at_once() {
    let session = Session::on(open());
    let graph = Graph::new();
    let nothing = graph.input("x", &[0, 3], DType::F32) * 2.0;
    let mut program = session.compile(&graph, &[nothing]).unwrap();
    program.write("x", &Array::f32(&[0, 3], vec![]).unwrap()).unwrap();
    program.run().unwrap();
    assert_eq!(block_on(program.read_later(0).unwrap().take()).unwrap().shape().to_vec(), [0, 3]);
}

#[test]
fn a_late_read_of_a_lost_device_says_so() {
    let device = open();
    let session = Session::on(device.clone());
    let mut program = program(&session);
    program.write("x", &all(1)).unwrap();
    program.run().unwrap();
    let pending = program.read_later(0).unwrap();
    device.destroy();
    assert!(block_on(pending.take()).unwrap_err().is_device_lost());
    assert!(program.write("x", &all(1)).unwrap_err().is_device_lost());
}

#[test]
fn shared_buffers_take_ranges_as_others_do() {
    let device = open();
    let buffer = device.shared_buffer("x", 64).unwrap();
    assert_eq!(block_on(device.read(&buffer, 0, 64)).unwrap(), [0; 64]);
    let bytes: Vec<u8> = (0..64).collect();
    device.write(&buffer, 0, &bytes).unwrap();
    // Neither a mapping nor a copy begins at just any byte.
    device.write(&buffer, 4, &[100; 4]).unwrap();
    device.write(&buffer, 8, &[200; 4]).unwrap();
    let mut expected = bytes;
    expected[4..8].fill(100);
    expected[8..12].fill(200);
    for (offset, count) in [(0, 64), (8, 4), (4, 8), (60, 4), (8, 0)] {
        let read = block_on(device.read(&buffer, offset, count)).unwrap();
        assert_eq!(read, expected[offset as usize..(offset + count) as usize], "{count} at {offset}");
    }
    assert!(device.write(&buffer, 64, &[0; 4]).unwrap_err().is_input());
    assert!(block_on(device.read(&buffer, 2, 4)).unwrap_err().is_input());
}

/// Threads that share a device map its buffers and submit to it at the same time.
#[test]
fn threads_that_share_a_device_have_programs_of_their_own() {
    let device = open();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let session = Session::on(device.clone());
            scope.spawn(move || {
                let mut program = program(&session);
                for step in 0..50 {
                    program.write("x", &all(thread * 100 + step)).unwrap();
                    program.run().unwrap();
                    let later = program.read_later(0).unwrap();
                    assert_eq!(block_on(program.read(0)).unwrap(), all(2 * (thread * 100 + step)));
                    assert_eq!(block_on(later.take()).unwrap(), all(2 * (thread * 100 + step)));
                }
            });
        }
    });
}

#[test]
fn usage_counts_what_is_alive() {
    let device = open();
    let before = device.usage().unwrap();
    let buffers: Vec<_> = (0..3).map(|_| device.buffer("x", 1000).unwrap()).collect();
    let usage = device.usage().unwrap();
    assert_eq!((usage.buffers - before.buffers, device.allocated()), (3 * 1008, usage.buffers));
    assert_eq!(usage.objects, before.objects.map(|objects| objects + 3));
    assert!(usage.driver.zip(before.driver).is_none_or(|(now, before)| now >= before + 3 * 1008));
    drop(buffers);
    let after = device.usage().unwrap();
    assert_eq!((after.buffers, after.objects, after.peak), (before.buffers, before.objects, usage.peak));
    let x = device.buffer("x", 64).unwrap();
    block_on(device.read(&x, 0, 64)).unwrap();
    let staging = device.usage().unwrap().staging;
    assert!(staging >= 64);
    block_on(device.read(&x, 0, 64)).unwrap();
    assert_eq!(device.usage().unwrap().staging, staging, "kept for the next read");
}
