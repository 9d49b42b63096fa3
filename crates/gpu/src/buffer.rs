//! Device memory: making, writing and reading buffers.

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::{Arc, Condvar, Mutex};
#[cfg(not(target_arch = "wasm32"))]
use std::{sync::PoisonError, time::Duration};

use anygrad_core::{Context, Error, Result};

use crate::device::{Device, FLUSH_BYTES, encode};
use crate::guard::{Handle, State, keep, lock};

/// Sizes are rounded up to this, so that kernels may view any buffer as `vec4<f32>`.
const SIZE_STEP: u64 = 16;

/// Offsets and sizes of writes, reads and copies are multiples of this, by WebGPU's rules.
const COPY_STEP: u64 = 4;

/// Largest piece that one read moves at a time: what a read costs in memory besides its result.
const READ_PIECE_BYTES: u64 = 64 << 20;

/// Smallest staging buffer, so that small reads of different sizes share one.
const MIN_STAGING_BYTES: u64 = 4 << 10;

/// Staging memory that is kept for later reads.
const MAX_POOLED_BYTES: u64 = 2 * READ_PIECE_BYTES;

/// A buffer in the device's memory. Clones are the same buffer.
#[derive(Clone)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    handle: Handle<wgpu::Buffer>,
    label: String,
    bytes: u64,
}

impl Buffer {
    /// Size in bytes: what was asked for, rounded up to a multiple of 16.
    pub fn bytes(&self) -> u64 {
        self.0.bytes
    }

    /// The name it was made with.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    pub(crate) fn raw(&self) -> &wgpu::Buffer {
        &self.0.handle
    }

    pub(crate) fn check_device(&self, state: &Arc<State>) -> Result<()> {
        if self.0.handle.belongs_to(state) {
            Ok(())
        } else {
            Err(Error::internal(format!("buffer {} belongs to another device", self.label())))
        }
    }

    /// Checks what a write, read or copy may touch.
    pub(crate) fn check_range(&self, state: &Arc<State>, offset: u64, bytes: u64) -> Result<()> {
        self.check_device(state)?;
        if !offset.is_multiple_of(COPY_STEP) || !bytes.is_multiple_of(COPY_STEP) {
            return Err(Error::input(format!(
                "buffer {}: {bytes} bytes at {offset}; both must be multiples of {COPY_STEP}",
                self.label()
            )));
        }
        if offset.checked_add(bytes).is_none_or(|end| end > self.bytes()) {
            return Err(Error::input(format!(
                "buffer {}: {bytes} bytes at {offset}, it has {}",
                self.label(),
                self.bytes()
            )));
        }
        Ok(())
    }
}

impl PartialEq for Buffer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "buffer {} ({} bytes)", self.label(), self.bytes())
    }
}

impl Device {
    /// A storage buffer of at least so many bytes, filled with zeros. The size is rounded up to a
    /// multiple of 16 and is never 0.
    ///
    /// # Errors
    /// The adapter allows no such size, memory is used up even after caches were freed, or the
    /// device failed.
    pub fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer> {
        use wgpu::BufferUsages as Usages;
        self.make_buffer(label, bytes, Usages::STORAGE | Usages::COPY_SRC | Usages::COPY_DST)
    }

    /// A uniform buffer that holds these bytes: the parameters of many dispatches, each at an
    /// offset that is a multiple of [`uniform_alignment`](anygrad_core::Caps::uniform_alignment).
    ///
    /// # Errors
    /// As for [`Device::buffer`]; also if the number of bytes is no multiple of 4.
    pub fn uniform(&self, label: &str, bytes: &[u8]) -> Result<Buffer> {
        use wgpu::BufferUsages as Usages;
        let buffer = self.make_buffer(label, bytes.len() as u64, Usages::UNIFORM | Usages::COPY_DST)?;
        self.write(&buffer, 0, bytes)?;
        Ok(buffer)
    }

    pub(crate) fn make_buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<Buffer> {
        let step = || format!("making buffer {label} of {bytes} bytes");
        let limit = self.caps().max_buffer_bytes;
        let size = bytes.max(1).checked_next_multiple_of(SIZE_STEP).filter(|size| *size <= limit);
        let size = size
            .ok_or_else(|| Error::unsupported(format!("the adapter's largest buffer has {limit} bytes")))
            .context(step)?;
        let handle = self.allocate(label, size, usage).context(step)?;
        Ok(Buffer(Arc::new(Inner { handle, label: label.to_owned(), bytes: size })))
    }

    /// Makes a buffer; when there is no memory, once more after freeing what nobody holds.
    fn allocate(&self, label: &str, size: u64, usage: wgpu::BufferUsages) -> Result<Handle<wgpu::Buffer>> {
        let inner = self.inner();
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let create = || self.call("allocating", || inner.device.create_buffer(&descriptor));
        let buffer = create().or_else(|error| {
            if !error.is_out_of_memory() {
                return Err(error);
            }
            inner.staging.clear();
            // What finished work held comes back with the wait.
            self.wait()?;
            create()
        })?;
        Ok(Handle::new(buffer, &inner.state))
    }

    /// Writes bytes into a buffer, ahead of all commands that are submitted later. The bytes are
    /// taken at once; offset and length must be multiples of 4.
    ///
    /// # Errors
    /// The range is not inside the buffer or not aligned, or the device failed.
    pub fn write(&self, buffer: &Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        let step = || format!("writing {} bytes to buffer {}", bytes.len(), buffer.label());
        self.check().context(step)?;
        buffer.check_range(&self.inner().state, offset, bytes.len() as u64).context(step)?;
        let mut at = offset;
        for piece in bytes.chunks(FLUSH_BYTES as usize) {
            self.call("uploading", || self.upload(buffer.raw(), at, piece)).context(step)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    /// The bytes of a range of a buffer, after all that was submitted before. Offset and length
    /// must be multiples of 4.
    ///
    /// Outside browsers the future is ready when it is first polled: it waits for the device.
    ///
    /// # Errors
    /// The range is not inside the buffer or not aligned, memory is used up, or the device failed.
    pub async fn read(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        let step = || format!("reading {bytes} bytes of buffer {}", buffer.label());
        self.check().context(step)?;
        buffer.check_range(&self.inner().state, offset, bytes).context(step)?;
        let mut result = Vec::new();
        let room = usize::try_from(bytes).ok().and_then(|room| result.try_reserve_exact(room).ok());
        if room.is_none() {
            return Err(Error::out_of_memory("the host has no memory for them")).context(step);
        }
        let end = offset + bytes;
        let mut at = offset;
        while at < end {
            let piece = READ_PIECE_BYTES.min(end - at);
            self.read_piece(buffer, at, piece, &mut result).await.context(step)?;
            at += piece;
        }
        Ok(result)
    }

    async fn read_piece(&self, buffer: &Buffer, offset: u64, bytes: u64, result: &mut Vec<u8>) -> Result<()> {
        let inner = self.inner();
        let staging = match inner.staging.take(bytes) {
            Some(staging) => staging,
            None => {
                let size = bytes.next_power_of_two().max(MIN_STAGING_BYTES);
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                self.allocate("staging", size, usage)?
            }
        };
        let copied = self.submit_with("copying", |device| {
            encode(device, |encoder| encoder.copy_buffer_to_buffer(buffer.raw(), offset, &staging, 0, bytes))
        })?;
        let mapped = Signal::default();
        let answer = mapped.clone();
        self.call("mapping", || {
            staging.map_async(wgpu::MapMode::Read, ..bytes, move |mapped| answer.set(mapped));
            #[cfg(not(target_arch = "wasm32"))]
            crate::device::wait_for(&inner.device, Some(copied));
            #[cfg(target_arch = "wasm32")]
            let _ = copied;
        })?;
        #[cfg(not(target_arch = "wasm32"))]
        let mapped = mapped.wait(|| inner.state.failed());
        #[cfg(target_arch = "wasm32")]
        let mapped = Some(mapped.arrival().await);
        if !matches!(mapped, Some(Ok(()))) {
            // Beside the lost callback this is the only way in which a loss shows.
            inner.state.lose("a buffer could not be mapped");
        }
        self.call("taking the bytes", || {
            let view = keep(staging.get_mapped_range(..bytes)?);
            result.extend_from_slice(&view);
            drop(ManuallyDrop::into_inner(view));
            staging.unmap();
            Ok(())
        })?
        .map_err(|error: wgpu::MapRangeError| Error::internal(error))?;
        inner.staging.put(staging);
        Ok(())
    }
}

/// The answer of a callback, which may come on another thread.
#[derive(Clone, Default)]
struct Signal(Arc<(Mutex<Answer>, Condvar)>);

#[derive(Default)]
struct Answer {
    mapped: Option<Result<(), wgpu::BufferAsyncError>>,
    #[cfg(target_arch = "wasm32")]
    waker: Option<std::task::Waker>,
}

/// How long an answer may be on its way on another thread, after the copy is done. That thread has
/// only to be given the processor; a minute without it is a device that will never answer.
#[cfg(not(target_arch = "wasm32"))]
const LONGEST_WAIT: Duration = Duration::from_secs(60);

impl Signal {
    fn set(&self, mapped: Result<(), wgpu::BufferAsyncError>) {
        let mut answer = lock(&self.0.0);
        answer.mapped = Some(mapped);
        self.0.1.notify_all();
        #[cfg(target_arch = "wasm32")]
        if let Some(waker) = answer.waker.take() {
            waker.wake();
        }
    }

    /// The answer, after a poll that found the copy done. When threads share a device, another
    /// thread's poll may have collected this callback and not called it yet. None where the
    /// device fails or no answer comes.
    #[cfg(not(target_arch = "wasm32"))]
    fn wait(&self, failed: impl Fn() -> bool) -> Option<Result<(), wgpu::BufferAsyncError>> {
        const STEP: Duration = Duration::from_millis(10);
        let (answer, arrived) = &*self.0;
        let mut answer = lock(answer);
        let mut waited = Duration::ZERO;
        while answer.mapped.is_none() && waited < LONGEST_WAIT && !failed() {
            answer = arrived.wait_timeout(answer, STEP).unwrap_or_else(PoisonError::into_inner).0;
            waited += STEP;
        }
        answer.mapped.take()
    }

    #[cfg(target_arch = "wasm32")]
    async fn arrival(&self) -> Result<(), wgpu::BufferAsyncError> {
        std::future::poll_fn(|context| {
            let mut answer = lock(&self.0.0);
            match answer.mapped.take() {
                Some(mapped) => std::task::Poll::Ready(mapped),
                None => {
                    answer.waker = Some(context.waker().clone());
                    std::task::Poll::Pending
                }
            }
        })
        .await
    }
}

/// Staging buffers of finished reads, for later ones.
#[derive(Default)]
pub(crate) struct StagingPool(Mutex<Vec<Handle<wgpu::Buffer>>>);

impl StagingPool {
    /// The smallest one that is large enough.
    fn take(&self, bytes: u64) -> Option<Handle<wgpu::Buffer>> {
        let mut pool = lock(&self.0);
        let fitting = pool.iter().enumerate().filter(|(_, buffer)| buffer.size() >= bytes);
        let (position, _) = fitting.min_by_key(|(_, buffer)| buffer.size())?;
        Some(pool.swap_remove(position))
    }

    fn put(&self, buffer: Handle<wgpu::Buffer>) {
        let mut pool = lock(&self.0);
        let pooled: u64 = pool.iter().map(|buffer| buffer.size()).sum();
        if pooled + buffer.size() <= MAX_POOLED_BYTES {
            pool.push(buffer);
        }
    }

    fn clear(&self) {
        lock(&self.0).clear();
    }
}
