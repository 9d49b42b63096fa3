//! What an adapter can do at most, measured: multiply-adds in registers, bytes through memory, and what
//! an empty dispatch costs.

use std::time::Instant;

use anygrad_core::Result;
use anygrad_gpu::{Command, Device};
use anygrad_plan::Roofline;
use serde::Serialize;

/// The most that an adapter was seen to do.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rooflines {
    /// Billions of additions and multiplications a second, in `f32`.
    pub gflops: f64,
    /// Billions of bytes a second, read and written together, by a copy.
    pub gbytes: f64,
    /// Microseconds of one dispatch of a tiny kernel among many.
    pub dispatch_us: f64,
    /// Microseconds from submitting a tiny kernel until the device is done.
    pub submit_us: f64,
}

impl From<Rooflines> for Roofline {
    fn from(measured: Rooflines) -> Self {
        Roofline {
            operations: 1e9 * measured.gflops,
            bytes: 1e9 * measured.gbytes,
            // A tiny dispatch among many may take no time that can be told.
            dispatch: 1e-6 * measured.dispatch_us.max(0.0),
            submit: 1e-6 * measured.submit_us,
        }
    }
}

/// Independent chains in each invocation, so that no multiply-add waits for the one before.
const CHAINS: usize = 8;
/// Steps of each chain on software adapters; GPUs take eight times as many.
const STEPS: u32 = 4096;

/// Turns that are written out in one of the loop, which itself costs as much as a few multiply-adds.
const UNROLLED: usize = 8;
const TURN: &str = "
            c0 = fma(c0, a, b); c1 = fma(c1, a, b); c2 = fma(c2, a, b); c3 = fma(c3, a, b);
            c4 = fma(c4, a, b); c5 = fma(c5, a, b); c6 = fma(c6, a, b); c7 = fma(c7, a, b);";

/// y = eight chains of x = x * a + b, each of so many steps on vectors of four.
const MULTIPLY_ADD: &str = "
    struct Params { steps: u32, a: f32, b: f32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
        let a = vec4<f32>(params.a);
        let b = vec4<f32>(params.b);
        var c0 = vec4<f32>(f32(id.x)); var c1 = c0 + b; var c2 = c1 + b; var c3 = c2 + b;
        var c4 = c3 + b; var c5 = c4 + b; var c6 = c5 + b; var c7 = c6 + b;
        for (var step = 0u; step < params.steps; step += UNROLLED) {
            TURNS
        }
        y[id.x] = c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7;
    }
";

/// y[i] = x[i] in vectors of four, four for each invocation: a workgroup's width apart, or neighbours.
const COPY: &str = "
    struct Params { count: u32 }
    override CONTIGUOUS: bool;
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
    @group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;
    @compute @workgroup_size(64)
    fn main(
        @builtin(workgroup_id) group: vec3u,
        @builtin(num_workgroups) groups: vec3u,
        @builtin(local_invocation_index) lane: u32,
    ) {
        let block = group.y * groups.x + group.x;
        let first = select(block * 256u + lane, (block * 64u + lane) * 4u, CONTIGUOUS);
        let step = select(64u, 1u, CONTIGUOUS);
        if first + 3u * step < params.count {
            y[first] = x[first]; y[first + step] = x[first + step];
            y[first + 2u * step] = x[first + 2u * step]; y[first + 3u * step] = x[first + 3u * step];
        }
    }
";

/// Copies in a row, so that the way to the device and back does not count.
const COPIES: u64 = 8;
/// Bytes to copy on a GPU.
const LARGE: u64 = 512 << 20;

/// Measures an adapter.
///
/// # Errors
/// The device failed.
pub fn rooflines(device: &Device) -> Result<Rooflines> {
    let is_cpu = device.caps().is_cpu();
    // A software adapter needs few invocations to be busy.
    let groups: u32 = if is_cpu { 64 } else { 4096 };
    let steps = if is_cpu { STEPS } else { 8 * STEPS };
    let invocations = u64::from(groups) * 64;
    let y = device.buffer("y", invocations * 16)?;
    let params = [steps.to_le_bytes(), 0.5f32.to_le_bytes(), 0.25f32.to_le_bytes()].concat();
    let shader =
        MULTIPLY_ADD.replace("TURNS", &TURN.repeat(UNROLLED)).replace("UNROLLED", &format!("{UNROLLED}u"));
    let multiply_add = device.pipeline("multiply_add", &shader, &[true], &[])?;
    let uniform = device.uniform("params", &params)?;
    let bindings = device.bind(&multiply_add, (&uniform, 0, params.len() as u64), &[&y])?;
    let chains = [Command::Dispatch { pipeline: multiply_add, bindings, workgroups: [groups, 1, 1] }];
    let operations = 2.0 * 4.0 * CHAINS as f64 * f64::from(steps) * invocations as f64;

    // More than any cache holds.
    let bytes = if is_cpu { 64 << 20 } else { LARGE.min(device.caps().max_binding_bytes) };
    let (from, to) = (device.buffer("from", bytes)?, device.buffer("to", bytes)?);
    let count = (bytes / 16) as u32;
    let contiguous = [("CONTIGUOUS", f64::from(u8::from(is_cpu)))];
    let copy = device.pipeline("copy", COPY, &[false, true], &contiguous)?;
    let counted = device.uniform("count", &count.to_le_bytes())?;
    let copying = |count: u32| -> Result<Command> {
        let bindings = device.bind(&copy, (&counted, 0, 4), &[&from, &to])?;
        let groups = count / 256;
        let rows = groups.div_ceil(device.caps().max_workgroups).next_power_of_two();
        Ok(Command::Dispatch { pipeline: copy.clone(), bindings, workgroups: [groups / rows, rows, 1] })
    };
    let copies: Vec<Command> = (0..COPIES).map(|_| copying(count)).collect::<Result<_>>()?;
    let tiny: Vec<Command> = (0..256).map(|_| copying(256)).collect::<Result<_>>()?;
    let one = time(device, &tiny[..1])?;
    Ok(Rooflines {
        gflops: operations / time(device, &chains)? / 1e9,
        gbytes: 2.0 * (COPIES * bytes) as f64 / time(device, &copies)? / 1e9,
        dispatch_us: (time(device, &tiny)? - one) / (tiny.len() - 1) as f64 * 1e6,
        submit_us: one * 1e6,
    })
}

/// The fastest of some submits, in seconds.
fn time(device: &Device, commands: &[Command]) -> Result<f64> {
    const RUNS: usize = 9;
    /// Until a GPU runs as fast as it can: idle ones slow down.
    const TIME: f64 = 0.3;
    let (mut best, mut runs, first) = (f64::INFINITY, 0, Instant::now());
    while runs < RUNS || first.elapsed().as_secs_f64() < TIME {
        runs += 1;
        let start = Instant::now();
        device.submit(commands)?;
        device.wait()?;
        best = best.min(start.elapsed().as_secs_f64());
    }
    Ok(best)
}
