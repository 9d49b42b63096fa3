//! Device time of single commands: timestamps before and after each, where the adapter's are of use.
//!
//! Adapters that write timestamps inside a pass run commands as always, with marks in between. Others
//! write them where passes begin and end, so there each command has a pass of its own.

use std::mem::ManuallyDrop;

use anygrad_core::{Context, Result};

use crate::buffer::Buffer;
use crate::device::{Command, Device, dispatch, encode};
use crate::guard::{Handle, keep};

/// What adapters that can write timestamps anywhere must offer.
pub(crate) const MARKS: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY_INSIDE_ENCODERS.union(wgpu::Features::TIMESTAMP_QUERY_INSIDE_PASSES);

/// Most commands with one query set: two timestamps each, within WebGPU's 4,096 of a set, and one more.
const COMMANDS_OF_A_SET: usize = 2_047;

/// Bytes of the timestamps of one set; WebGPU wants them at multiples of 256.
const BYTES_OF_A_SET: u64 = 32 << 10;

/// Timestamps on their way; [`Device::read_timings`] waits for them.
pub(crate) struct Timings {
    sets: Vec<Handle<wgpu::QuerySet>>,
    buffer: Buffer,
    commands: usize,
    /// Whether the end of a command is the start of the next one.
    shared: bool,
}

impl Device {
    /// As [`Device::submit`], with timestamps.
    pub(crate) fn submit_timed(&self, commands: &[Command]) -> Result<Timings> {
        let shared = self.call("asking for features", || self.inner().device.features().contains(MARKS))?;
        self.submit_timed_as(commands, shared)
    }

    fn submit_timed_as(&self, commands: &[Command], shared: bool) -> Result<Timings> {
        const STEP: &str = "submitting commands with timestamps";
        self.check_commands(commands).context(|| STEP)?;
        let count = commands.len().div_ceil(COMMANDS_OF_A_SET);
        let buffer = self.make_buffer(
            "timestamps",
            count as u64 * BYTES_OF_A_SET,
            wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC,
        )?;
        let mut sets = Vec::with_capacity(count);
        for part in commands.chunks(COMMANDS_OF_A_SET) {
            let descriptor = wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count: timestamps(part.len(), shared),
            };
            let set = self.call(STEP, || self.inner().device.create_query_set(&descriptor))?;
            sets.push(Handle::new(set, &self.inner().state));
        }
        self.submit_with(STEP, |device| {
            encode(device, |encoder| {
                for (place, part) in commands.chunks(COMMANDS_OF_A_SET).enumerate() {
                    let set = &sets[place];
                    if shared {
                        record_marked(encoder, part, set)
                    } else {
                        record_apart(encoder, part, set)
                    }
                    let all = 0..timestamps(part.len(), shared);
                    encoder.resolve_query_set(set, all, buffer.raw(), place as u64 * BYTES_OF_A_SET);
                }
            })
        })?;
        Ok(Timings { sets, buffer, commands: commands.len(), shared })
    }

    /// Start and end of each command in nanoseconds of the device's clock, none before the one that
    /// it follows; waits for the device.
    pub(crate) async fn read_timings(&self, timings: Timings) -> Result<Vec<(u64, u64)>> {
        let Timings { sets, buffer, commands, shared } = timings;
        let bytes = self.read(&buffer, 0, sets.len() as u64 * BYTES_OF_A_SET).await?;
        let period = self.call("asking for the clock", || self.inner().queue.get_timestamp_period())?;
        let mut latest = 0;
        let mut ns = |ticks: &[u8]| {
            let ticks = ticks.try_into().map_or(0, u64::from_le_bytes);
            // A clock that goes back is one that did not move; the probe sees to the rest.
            latest = ((ticks as f64 * f64::from(period)) as u64).max(latest);
            latest
        };
        let mut spans = Vec::with_capacity(commands);
        for (place, set) in bytes.chunks(BYTES_OF_A_SET as usize).enumerate() {
            let here = (commands - place * COMMANDS_OF_A_SET).min(COMMANDS_OF_A_SET);
            let times: Vec<u64> =
                set.chunks(8).take(timestamps(here, shared) as usize).map(&mut ns).collect();
            if shared {
                spans.extend(times.windows(2).map(|pair| (pair[0], pair[1])));
            } else {
                spans.extend(times.chunks(2).map(|pair| (pair[0], pair[1])));
            }
        }
        Ok(spans)
    }

    /// Whether timestamps tell what single dispatches take. Drivers may offer timestamps and write
    /// them when it suits them, so this is measured once: among short dispatches the one long one must
    /// stand out, and all together may take no longer than the host's clock says.
    pub(crate) async fn has_timestamps(&self, now: fn() -> u64) -> Result<bool> {
        if let Some(known) = self.inner().has_timestamps.get() {
            return Ok(*known);
        }
        let useful = self.caps().timestamps && self.probe(now).await.context(|| "probing timestamps")?;
        if self.caps().timestamps && !useful {
            log::warn!("{}: its timestamps do not tell what a dispatch takes", self.caps());
        }
        Ok(*self.inner().has_timestamps.get_or_init(|| useful))
    }

    async fn probe(&self, now: fn() -> u64) -> Result<bool> {
        const SHORT: u32 = 16;
        // Fewer than an adapter in software takes in one invocation.
        const LONG: u32 = 60_000;
        // Other work on the machine may hold up a short dispatch, so the least of each counts.
        const TRIES: usize = 8;
        let alignment = self.caps().uniform_alignment.max(16) as usize;
        let mut bytes = vec![0; 2 * alignment];
        bytes[..4].copy_from_slice(&SHORT.to_le_bytes());
        bytes[alignment..alignment + 4].copy_from_slice(&LONG.to_le_bytes());
        let uniform = self.uniform("steps", &bytes)?;
        let y = self.buffer("y", 64 * 4)?;
        let pipeline = self.pipeline("timestamps_probe", PROBE, &[true], &[])?;
        let mut commands = Vec::new();
        for place in 0..PROBED {
            let offset = if place == PLACE_OF_LONG { alignment as u64 } else { 0 };
            let bindings = self.bind(&pipeline, (&uniform, offset, 4), &[&y])?;
            commands.push(Command::Dispatch { pipeline: pipeline.clone(), bindings, workgroups: [1, 1, 1] });
        }
        self.warm_up(&commands)?;
        let mut least = [u64::MAX; PROBED];
        for _ in 0..TRIES {
            let start = now();
            let timings = self.submit_timed(&commands)?;
            let spans = self.read_timings(timings).await?;
            let wall = now() - start;
            for (least, (start, end)) in least.iter_mut().zip(&spans) {
                *least = (*least).min(end - start);
            }
            if tell_apart(least) && least.iter().sum::<u64>() <= wall {
                return Ok(true);
            }
            log::debug!("timestamps of a long dispatch among short ones: {spans:?} in {wall} ns");
        }
        Ok(false)
    }
}

/// Dispatches of the probe, and which of them is the long one.
const PROBED: usize = 5;
const PLACE_OF_LONG: usize = 2;

/// Whether the long one of the probe's dispatches stands out. It has thousands of times the work, and
/// what a dispatch costs by itself is in all of them.
fn tell_apart(took: [u64; PROBED]) -> bool {
    const AT_LEAST: u64 = 4;
    (0..PROBED).all(|place| place == PLACE_OF_LONG || AT_LEAST * took[place] < took[PLACE_OF_LONG])
}

/// y = so many steps of a generator of random numbers.
const PROBE: &str = "
    struct Params { steps: u32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> y: array<u32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
        var x = id.x;
        for (var step = 0u; step < params.steps; step++) { x = (x ^ (x >> 7u)) * 1664525u + 1013904223u; }
        y[id.x] = x;
    }
";

fn timestamps(commands: usize, shared: bool) -> u32 {
    (if shared { commands + 1 } else { 2 * commands }) as u32
}

/// Records commands with a mark before the first and after each.
fn record_marked(encoder: &mut wgpu::CommandEncoder, commands: &[Command], set: &wgpu::QuerySet) {
    encoder.write_timestamp(set, 0);
    let mut mark = 0;
    for part in commands.chunk_by(|a, b| a.is_dispatch() && b.is_dispatch()) {
        if !part[0].is_dispatch() {
            part[0].copy(encoder);
            mark += 1;
            encoder.write_timestamp(set, mark);
            continue;
        }
        let mut pass = keep(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
        for command in part {
            dispatch(&mut pass, command, None);
            mark += 1;
            pass.write_timestamp(set, mark);
        }
        drop(ManuallyDrop::into_inner(pass));
    }
}

/// Records each command in a pass of its own; a copy between two empty ones.
fn record_apart(encoder: &mut wgpu::CommandEncoder, commands: &[Command], set: &wgpu::QuerySet) {
    for (command, mark) in commands.iter().zip((0..).step_by(2)) {
        let pass = |encoder: &mut wgpu::CommandEncoder, begin: bool, end: bool, command: Option<&Command>| {
            let timestamp_writes = wgpu::ComputePassTimestampWrites {
                query_set: set,
                beginning_of_pass_write_index: begin.then_some(mark),
                end_of_pass_write_index: end.then_some(mark + 1),
            };
            let descriptor =
                wgpu::ComputePassDescriptor { label: None, timestamp_writes: Some(timestamp_writes) };
            let mut pass = keep(encoder.begin_compute_pass(&descriptor));
            command.into_iter().for_each(|command| dispatch(&mut pass, command, None));
            drop(ManuallyDrop::into_inner(pass));
        };
        if command.is_dispatch() {
            pass(encoder, true, true, Some(command));
        } else {
            pass(encoder, true, false, None);
            command.copy(encoder);
            pass(encoder, false, true, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::OnceLock;
    use std::time::Instant;

    use anygrad_core::{Array, DType};
    use anygrad_graph::Graph;
    use pollster::block_on;

    use super::*;
    use crate::{Choice, Session, Source};

    fn now() -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        START.get_or_init(Instant::now).elapsed().as_nanos() as u64
    }

    fn device() -> Device {
        let choice = Choice::from_env_or(Choice::Software);
        block_on(Device::open(&choice)).expect("these tests need an adapter")
    }

    /// Increments of a counter by kernels, and at last a copy of it.
    fn counting(device: &Device, kernels: usize) -> (Vec<Command>, Buffer) {
        const COUNT: &str = "
            struct Params { by: u32 }
            @group(0) @binding(0) var<uniform> params: Params;
            @group(0) @binding(1) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(1)
            fn main() { y[0] += params.by; }
        ";
        let uniform = device.uniform("by", &1u32.to_le_bytes()).unwrap();
        let (y, copy) = (device.buffer("y", 4).unwrap(), device.buffer("copy", 4).unwrap());
        let pipeline = device.pipeline("count", COUNT, &[true], &[]).unwrap();
        let bindings = device.bind(&pipeline, (&uniform, 0, 4), &[&y]).unwrap();
        let command = Command::Dispatch { pipeline, bindings, workgroups: [1, 1, 1] };
        let mut commands = vec![command; kernels];
        commands.push(Command::Copy { from: y.into(), to: copy.clone().into(), bytes: 4 });
        (commands, copy)
    }

    #[test]
    fn all_commands_run_and_have_times_in_order_either_way() {
        let device = device();
        if !device.caps().timestamps {
            return assert!(!block_on(device.has_timestamps(now)).unwrap());
        }
        for (kernels, shared) in
            [(3, true), (3, false), (COMMANDS_OF_A_SET + 1, true), (COMMANDS_OF_A_SET, false)]
        {
            let (commands, copy) = counting(&device, kernels);
            let start = now();
            let timings = device.submit_timed_as(&commands, shared).unwrap();
            let spans = block_on(device.read_timings(timings)).unwrap();
            let wall = now() - start;
            assert_eq!(spans.len(), kernels + 1);
            let all: Vec<u64> = spans.iter().flat_map(|&(start, end)| [start, end]).collect();
            assert!(all.is_sorted(), "{shared}: {spans:?}");
            assert!(all[all.len() - 1] - all[0] <= wall, "{shared}: {spans:?} in {wall} ns");
            let counted = block_on(device.read(&copy, 0, 4)).unwrap();
            assert_eq!(counted, (kernels as u32).to_le_bytes(), "{shared}");
        }
    }

    #[test]
    fn timestamps_that_tell_nothing_are_found_out() {
        assert!(tell_apart([40_000, 50_000, 1_500_000, 45_000, 60_000]) && tell_apart([0, 0, 1000, 0, 0]));
        // All written at once, all at the end, or those of another dispatch.
        assert!(
            !tell_apart([0; 5])
                && !tell_apart([0, 0, 0, 0, 1_700_000])
                && !tell_apart([0, 1_500_000, 40_000, 0, 0])
        );
        // Spread evenly over the submit.
        assert!(!tell_apart([340_000; 5]));
    }

    #[test]
    fn without_timestamps_actions_are_timed_alone_with_the_same_result() {
        let device = device();
        device.inner().has_timestamps.set(false).unwrap();
        let graph = Graph::new();
        let x = graph.input("x", &[8, 16], DType::F32);
        let y = x.matmul(x.permute(&[1, 0])).softmax(-1);
        let mut program = Session::on(device).compile(&graph, &[y]).unwrap();
        program
            .write("x", &Array::f32(&[8, 16], (0..128).map(|i| (i % 7) as f32).collect::<Vec<_>>()).unwrap())
            .unwrap();
        program.run().unwrap();
        let plain = block_on(program.read(0)).unwrap();
        let profile = block_on(program.run_profiled(now)).unwrap();
        assert_eq!(profile.source, Source::EachAlone);
        assert!(profile.total() > 0 && profile.total() <= profile.run.length());
        assert_eq!(block_on(program.read(0)).unwrap(), plain);
    }
}
