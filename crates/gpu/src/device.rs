//! An open device: what it can do, whether it still works, and the queue that commands go to.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Mutex, OnceLock};

use anygrad_core::{Caps, Context, DeviceKind, Error, Result};
use anygrad_plan::staging::{MAX_SUBMITS, MAX_UPLOAD_BYTES};

use crate::adapter::{Choice, Found, wanted_features};
use crate::guard::{Handle, State, contain, contain_future, guard, keep, lock};
use crate::pipeline::{BindGroup, Pipeline, PipelineCache};
use crate::read::StagingPool;
use crate::region::Region;
use crate::usage::Tally;

/// Uploads that may pile up before they are submitted without waiting for commands.
pub(crate) const FLUSH_BYTES: u64 = 64 << 20;

/// One thing for the device to do; see [`Device::submit`].
#[derive(Clone)]
pub enum Command {
    /// Run a kernel.
    Dispatch {
        /// The compiled kernel.
        pipeline: Pipeline,
        /// Its buffers, made with [`Device::bind`] for this pipeline.
        bindings: BindGroup,
        /// Workgroups in each dimension; nothing runs if one of them is 0.
        workgroups: [u32; 3],
    },
    /// Copy the first bytes of one range to the start of another.
    Copy {
        /// Where the bytes come from.
        from: Region,
        /// Where they go; a range of another buffer than `from`.
        to: Region,
        /// How many, a multiple of 4.
        bytes: u64,
    },
}

/// An open device. Clones are the same device; it may be used from several threads.
///
/// A device fails once: after a loss or a fault of its driver every call returns that error
/// ([`Error::is_device_lost`], [`Error::is_device_fault`]). Open another one then; buffers and
/// pipelines of the failed one are of no use any more and their memory is not given back. Running
/// out of memory is no such failure.
///
/// wgpu reports some faults of drivers by panicking. The panics are caught here, which needs
/// `panic = "unwind"`; the program's panic hook still runs and by default prints them to stderr.
#[derive(Clone)]
pub struct Device(Arc<Inner>);

// Fields are dropped from top to bottom: the queue goes before its device, the instance goes last.
pub(crate) struct Inner {
    pub(crate) staging: StagingPool,
    pub(crate) pipelines: PipelineCache,
    pub(crate) in_flight: Mutex<InFlight>,
    pub(crate) buffer_bytes: Arc<Tally>,
    pub(crate) staging_bytes: Arc<Tally>,
    pub(crate) queue: Handle<wgpu::Queue>,
    pub(crate) device: Handle<wgpu::Device>,
    pub(crate) instance: Handle<wgpu::Instance>,
    /// Whether timestamps are of use, once that was probed.
    pub(crate) has_timestamps: OnceLock<bool>,
    caps: Caps,
    /// Whether the host can map any buffer.
    pub(crate) shares_memory: bool,
    pub(crate) state: Arc<State>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.state.failed() {
            self.state.close();
        }
    }
}

/// What was submitted and may not have finished, oldest first.
#[derive(Default)]
pub(crate) struct InFlight {
    /// Each submit with the bytes of uploads that went along.
    submits: VecDeque<(wgpu::SubmissionIndex, u64)>,
    /// Sum of the bytes in `submits`.
    bytes: u64,
    /// Bytes written since the last submit.
    pending_bytes: u64,
}

impl Device {
    /// Opens the chosen adapter, with all it can do.
    ///
    /// # Errors
    /// There is no such adapter, or its driver failed.
    pub async fn open(choice: &Choice) -> Result<Self> {
        if *choice == Choice::Interpreter {
            return Err(Error::input("the interpreter is not a device; a session runs it"));
        }
        let state = Arc::new(State::default());
        let found = Found::list(&state).await?;
        Device::open_found(found, choice, state).await
    }

    /// Opens the best adapter; none on a machine without adapters.
    pub(crate) async fn open_if_any() -> Result<Option<Self>> {
        let state = Arc::new(State::default());
        let found = Found::list(&state).await?;
        if found.adapters.is_empty() {
            return Ok(None);
        }
        Device::open_found(found, &Choice::Best, state).await.map(Some)
    }

    async fn open_found(found: Found, choice: &Choice, state: Arc<State>) -> Result<Self> {
        let (caps, adapter, instance) = found.choose(choice)?;
        let opening = || format!("opening {caps}");
        let mut features = contain(&state, || wanted_features(&adapter)).context(opening)?;
        if matches!(caps.kind, DeviceKind::Cpu | DeviceKind::IntegratedGpu) {
            let mappable = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;
            features |= contain(&state, || adapter.features()).context(opening)? & mappable;
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("anygrad"),
            required_features: features,
            required_limits: contain(&state, || adapter.limits()).context(opening)?,
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let opened = contain_future(&state, || adapter.request_device(&descriptor)).await.context(opening)?;
        let (device, queue) = opened.map_err(Error::device_fault).context(opening)?;
        let (device, queue) = (Handle::new(device, &state), Handle::new(queue, &state));
        contain(&state, || watch(&device, &state)).context(opening)?;
        Ok(Device(Arc::new(Inner {
            staging: StagingPool::default(),
            pipelines: PipelineCache::default(),
            in_flight: Mutex::default(),
            buffer_bytes: Arc::default(),
            staging_bytes: Arc::default(),
            queue,
            device,
            instance,
            has_timestamps: OnceLock::new(),
            caps,
            shares_memory: features.contains(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
            state,
        })))
    }

    /// What the device can do.
    pub fn caps(&self) -> &Caps {
        &self.0.caps
    }

    /// Whether the device still works, as far as is known without asking it. Every other call
    /// checks this too.
    ///
    /// # Errors
    /// The device is lost or has failed.
    pub fn check(&self) -> Result<()> {
        self.0.state.check()
    }

    /// Runs commands in order, in one submit; consecutive dispatches share one compute pass. Comes
    /// back before the device is done, unless much work is waiting already.
    ///
    /// # Errors
    /// More workgroups than the device can dispatch, a copy that leaves its buffers, or a device
    /// that failed.
    pub fn submit(&self, commands: &[Command]) -> Result<()> {
        const STEP: &str = "submitting commands";
        self.check_commands(commands).context(|| STEP)?;
        self.submit_with(STEP, |device| encode(device, |encoder| record(encoder, commands, None))).map(|_| ())
    }

    /// Makes the driver compile the kernels of these commands, without running them: drivers do
    /// that when a kernel is first dispatched, so here each is dispatched with no workgroups.
    ///
    /// # Errors
    /// The device failed.
    pub fn warm_up(&self, commands: &[Command]) -> Result<()> {
        let none = Some([0; 3]);
        self.submit_with("warming up kernels", |device| {
            encode(device, |encoder| record(encoder, commands, none))
        })?;
        self.wait()
    }

    /// Waits until the device has done all that was submitted. In a browser nothing can wait, and
    /// this only checks the device; read a buffer there.
    ///
    /// # Errors
    /// The device failed.
    pub fn wait(&self) -> Result<()> {
        let inner = &*self.0;
        let mut in_flight = lock(&inner.in_flight);
        guard(&inner.state, &inner.device, "waiting for the device", || wait_for(&inner.device, None))?;
        in_flight.finish_all();
        Ok(())
    }

    /// Gives the device up now: its memory is freed, and all later calls fail as after a loss.
    pub fn destroy(&self) {
        // A failure here is that of every later call.
        let _ = guard(&self.0.state, &self.0.device, "destroying the device", || self.0.device.destroy());
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    /// Runs `call`, guarded, and asks the device afterwards whether it is still there: wgpu makes
    /// things on a lost device without a word.
    pub(crate) fn call<T>(&self, step: impl std::fmt::Display, call: impl FnOnce() -> T) -> Result<T> {
        guard(&self.0.state, &self.0.device, step, || {
            let value = keep(call());
            let _ = self.0.device.poll(wgpu::PollType::Poll);
            ManuallyDrop::into_inner(value)
        })
    }

    /// Submits what `make` encodes, and keeps the work in flight within bounds.
    pub(crate) fn submit_with(
        &self,
        step: impl std::fmt::Display,
        make: impl FnOnce(&wgpu::Device) -> wgpu::CommandBuffer,
    ) -> Result<wgpu::SubmissionIndex> {
        let inner = &*self.0;
        let mut in_flight = lock(&inner.in_flight);
        guard(&inner.state, &inner.device, step, || {
            let index = inner.queue.submit([make(&inner.device)]);
            in_flight.submitted(&inner.device, &index);
            index
        })
    }

    /// Uploads through the queue, ahead of the next submit. `write` is told to wgpu as is.
    pub(crate) fn upload(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        let inner = &*self.0;
        let mut in_flight = lock(&inner.in_flight);
        inner.queue.write_buffer(buffer, offset, bytes);
        in_flight.pending_bytes += bytes.len() as u64;
        if in_flight.pending_bytes >= FLUSH_BYTES {
            let index = inner.queue.submit([]);
            in_flight.submitted(&inner.device, &index);
        }
    }

    /// Checks the device, and what commands ask of it.
    pub(crate) fn check_commands(&self, commands: &[Command]) -> Result<()> {
        self.check()?;
        commands.iter().try_for_each(|command| self.check_command(command))
    }

    fn check_command(&self, command: &Command) -> Result<()> {
        let state = &self.0.state;
        match command {
            Command::Dispatch { pipeline, bindings, workgroups } => {
                let limit = self.0.caps.max_workgroups;
                if !pipeline.belongs_to(state) || !bindings.belongs_to(state) {
                    return Err(Error::internal(format!("{} belongs to another device", pipeline.name())));
                }
                if workgroups.iter().any(|count| *count > limit) {
                    return Err(Error::unsupported(format!(
                        "{}: {workgroups:?} workgroups, the adapter takes {limit} per dimension",
                        pipeline.name()
                    )));
                }
            }
            Command::Copy { from, to, bytes } => {
                from.check_first(state, *bytes)?;
                to.check_first(state, *bytes)?;
                if from.buffer == to.buffer {
                    return Err(Error::internal("a buffer cannot be copied to itself"));
                }
            }
        }
        Ok(())
    }
}

impl InFlight {
    /// Notes a submit, drops what has finished, and waits for the oldest while there is too much.
    fn submitted(&mut self, device: &wgpu::Device, index: &wgpu::SubmissionIndex) {
        let bytes = std::mem::take(&mut self.pending_bytes);
        self.submits.push_back((index.clone(), bytes));
        self.bytes += bytes;
        self.is_idle(device);
        while self.submits.len() > MAX_SUBMITS || self.bytes > MAX_UPLOAD_BYTES {
            let Some((oldest, bytes)) = self.submits.pop_front() else { break };
            wait_for(device, Some(oldest));
            self.bytes -= bytes;
        }
    }

    /// Whether all that was submitted is done. Runs inside a guard.
    pub(crate) fn is_idle(&mut self, device: &wgpu::Device) -> bool {
        let is_idle = device.poll(wgpu::PollType::Poll).is_ok_and(|status| status.is_queue_empty());
        if is_idle {
            self.finish_all();
        }
        is_idle
    }

    fn finish_all(&mut self) {
        self.submits.clear();
        self.bytes = 0;
    }
}

/// Waits for one submit, or for all. Runs inside a guard, which sees a panic or a loss.
pub(crate) fn wait_for(device: &wgpu::Device, submission_index: Option<wgpu::SubmissionIndex>) {
    // The only error is a timeout, and there is none.
    let _ = device.poll(wgpu::PollType::Wait { submission_index, timeout: None });
}

/// Has losses, and errors outside of all scopes, noted in the state.
fn watch(device: &wgpu::Device, state: &Arc<State>) {
    let lost = Arc::clone(state);
    device.set_device_lost_callback(move |reason, message| {
        let message = message.trim();
        if message.is_empty() {
            lost.lose(format_args!("{reason:?}"));
        } else {
            lost.lose(message);
        }
    });
    let failed = Arc::clone(state);
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| failed.fault(error)));
}

/// Encodes commands. The encoder is leaked if `body` panics.
pub(crate) fn encode(
    device: &wgpu::Device,
    body: impl FnOnce(&mut wgpu::CommandEncoder),
) -> wgpu::CommandBuffer {
    let mut encoder = keep(device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default()));
    body(&mut encoder);
    ManuallyDrop::into_inner(encoder).finish()
}

/// Records commands, each with its own workgroups or all with the given ones.
fn record(encoder: &mut wgpu::CommandEncoder, commands: &[Command], workgroups_of_all: Option<[u32; 3]>) {
    for part in commands.chunk_by(|a, b| a.is_dispatch() && b.is_dispatch()) {
        if part[0].is_dispatch() {
            let mut pass = keep(encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            part.iter().for_each(|command| dispatch(&mut pass, command, workgroups_of_all));
            drop(ManuallyDrop::into_inner(pass));
        } else if workgroups_of_all.is_none() {
            part[0].copy(encoder);
        }
    }
}

/// Records a dispatch, with its own workgroups or others.
pub(crate) fn dispatch(pass: &mut wgpu::ComputePass<'_>, command: &Command, workgroups: Option<[u32; 3]>) {
    let Command::Dispatch { pipeline, bindings, workgroups: own } = command else { return };
    let [x, y, z] = workgroups.unwrap_or(*own);
    if workgroups.is_none() && (x == 0 || y == 0 || z == 0) {
        return;
    }
    pass.set_pipeline(pipeline.raw());
    pass.set_bind_group(0, bindings.raw(), &[]);
    pass.dispatch_workgroups(x, y, z);
}

impl Command {
    pub(crate) fn is_dispatch(&self) -> bool {
        matches!(self, Command::Dispatch { .. })
    }

    /// Records a copy.
    pub(crate) fn copy(&self, encoder: &mut wgpu::CommandEncoder) {
        if let Command::Copy { from, to, bytes } = self
            && *bytes > 0
        {
            let (source, target) = (from.buffer.raw(), to.buffer.raw());
            encoder.copy_buffer_to_buffer(source, from.offset, target, to.offset, *bytes);
        }
    }
}
