//! Reading device memory, at once or later.

use std::mem::ManuallyDrop;
use std::sync::{Arc, Condvar, Mutex};
#[cfg(not(target_arch = "wasm32"))]
use std::{sync::PoisonError, time::Duration};

use anygrad_core::{Context, Error, Result};
use anygrad_plan::staging::staged;

use crate::buffer::Buffer;
use crate::device::{Device, encode};
use crate::guard::{Handle, keep, lock};
use crate::usage::Counted;

/// Largest piece that one read moves at a time: what a read costs in memory besides its result.
const READ_PIECE_BYTES: u64 = 64 << 20;

/// Staging memory that is kept for later reads.
const MAX_POOLED_BYTES: u64 = 2 * READ_PIECE_BYTES;

impl Device {
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
        let mapped = self.read_mapped(buffer, offset, bytes, |view| result.extend_from_slice(view));
        if mapped.context(step)?.is_some() {
            return Ok(result);
        }
        let end = offset + bytes;
        let mut at = offset;
        while at < end {
            let piece = READ_PIECE_BYTES.min(end - at);
            let read = self.start_read(buffer, at, piece).context(step)?;
            read.finish(|view| result.extend_from_slice(view)).await.context(step)?;
            at += piece;
        }
        Ok(result)
    }

    /// Has a range of a buffer copied as it stands after all that was submitted before, without
    /// waiting for that. It was checked, and has bytes.
    pub(crate) fn start_read(&self, buffer: &Buffer, offset: u64, bytes: u64) -> Result<PendingRead> {
        let inner = self.inner();
        let (staging, counted) = match inner.staging.take(bytes) {
            Some(staging) => staging,
            None => {
                let size = staged(bytes);
                let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
                self.allocate("staging", size, usage, &inner.staging_bytes)?
            }
        };
        let copied = self.submit_with("copying", |device| {
            encode(device, |encoder| encoder.copy_buffer_to_buffer(buffer.raw(), offset, &staging, 0, bytes))
        })?;
        let mapped = Signal::default();
        let answer = mapped.clone();
        self.call("mapping", || {
            staging.map_async(wgpu::MapMode::Read, ..bytes, move |mapped| answer.set(mapped));
        })?;
        Ok(PendingRead { device: self.clone(), staging, counted, bytes, mapped, copied })
    }
}

/// Bytes on their way from the device.
pub(crate) struct PendingRead {
    device: Device,
    staging: Handle<wgpu::Buffer>,
    counted: Counted,
    bytes: u64,
    mapped: Signal,
    #[cfg_attr(target_arch = "wasm32", allow(dead_code, reason = "nothing can wait in a browser"))]
    copied: wgpu::SubmissionIndex,
}

impl PendingRead {
    /// Whether the bytes have come; waits for nothing.
    pub(crate) fn is_ready(&self) -> Result<bool> {
        // A call looks for what has finished.
        self.device.call("looking for finished copies", || ())?;
        Ok(self.mapped.is_set())
    }

    /// Waits for the bytes and shows them.
    pub(crate) async fn finish<T>(self, take: impl FnOnce(&[u8]) -> T) -> Result<T> {
        let PendingRead { device, staging, counted, bytes, mapped, .. } = self;
        let inner = device.inner();
        #[cfg(not(target_arch = "wasm32"))]
        let answer = {
            device
                .call("waiting for a copy", || crate::device::wait_for(&inner.device, Some(self.copied)))?;
            mapped.wait(|| inner.state.failed())
        };
        #[cfg(target_arch = "wasm32")]
        let answer = Some(mapped.arrival().await);
        if !matches!(answer, Some(Ok(()))) {
            // Beside the lost callback this is the only way in which a loss shows.
            inner.state.lose("a buffer could not be mapped");
        }
        let taken = device.call("taking the bytes", || take_mapped(&staging, 0, bytes, take))??;
        inner.staging.put((staging, counted));
        Ok(taken)
    }
}

/// Shows what a mapped buffer holds, and unmaps it.
pub(crate) fn take_mapped<T>(
    buffer: &wgpu::Buffer,
    offset: u64,
    bytes: u64,
    take: impl FnOnce(&[u8]) -> T,
) -> Result<T> {
    let view = keep(buffer.get_mapped_range(offset..offset + bytes).map_err(Error::internal)?);
    let taken = take(&view);
    drop(ManuallyDrop::into_inner(view));
    buffer.unmap();
    Ok(taken)
}

/// The answer of a callback, which may come on another thread.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<(Mutex<Answer>, Condvar)>);

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
    fn is_set(&self) -> bool {
        lock(&self.0.0).mapped.is_some()
    }

    pub(crate) fn set(&self, mapped: Result<(), wgpu::BufferAsyncError>) {
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
    pub(crate) fn wait(&self, failed: impl Fn() -> bool) -> Option<Result<(), wgpu::BufferAsyncError>> {
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

/// A buffer that the host maps to read, and its size in the count.
type Staging = (Handle<wgpu::Buffer>, Counted);

/// Staging buffers of finished reads, for later ones.
#[derive(Default)]
pub(crate) struct StagingPool(Mutex<Vec<Staging>>);

impl StagingPool {
    /// The smallest one that is large enough.
    fn take(&self, bytes: u64) -> Option<Staging> {
        let mut pool = lock(&self.0);
        let fitting = pool.iter().enumerate().filter(|(_, (buffer, _))| buffer.size() >= bytes);
        let (position, _) = fitting.min_by_key(|(_, (buffer, _))| buffer.size())?;
        Some(pool.swap_remove(position))
    }

    fn put(&self, staging: Staging) {
        let mut pool = lock(&self.0);
        let pooled: u64 = pool.iter().map(|(buffer, _)| buffer.size()).sum();
        if pooled + staging.0.size() <= MAX_POOLED_BYTES {
            pool.push(staging);
        }
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}
