//! Device memory: making and writing buffers.

use std::fmt;
use std::sync::Arc;

use anygrad_core::{Context, Error, Result};

use crate::device::{Device, FLUSH_BYTES};
use crate::guard::{Handle, State};
use crate::usage::{Counted, Tally};

/// Sizes are rounded up to this, so that kernels may view any buffer as `vec4<f32>`.
const SIZE_STEP: u64 = 16;

/// Offsets and sizes of writes, reads and copies are multiples of this, by WebGPU's rules.
const COPY_STEP: u64 = 4;

/// A buffer in the device's memory. Clones are the same buffer.
#[derive(Clone)]
pub struct Buffer(Arc<Inner>);

struct Inner {
    handle: Handle<wgpu::Buffer>,
    label: String,
    bytes: u64,
    /// Whether the host can map it.
    is_shared: bool,
    _counted: Counted,
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

    pub(crate) fn is_shared(&self) -> bool {
        self.0.is_shared
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

/// Read and written by kernels, and by copies.
const STORAGE: wgpu::BufferUsages =
    wgpu::BufferUsages::STORAGE.union(wgpu::BufferUsages::COPY_SRC).union(wgpu::BufferUsages::COPY_DST);

impl Device {
    /// A storage buffer of at least so many bytes, filled with zeros. The size is rounded up to a
    /// multiple of 16 and is never 0.
    ///
    /// # Errors
    /// The adapter allows no such size, memory is used up even after caches were freed, or the
    /// device failed.
    pub fn buffer(&self, label: &str, bytes: u64) -> Result<Buffer> {
        self.make_buffer(label, bytes, STORAGE)
    }

    /// As [`Device::buffer`], for what the host writes or reads often. Where the device's memory is the
    /// host's, as on software and integrated adapters, that takes no copy in between.
    ///
    /// # Errors
    /// As for [`Device::buffer`].
    pub fn shared_buffer(&self, label: &str, bytes: u64) -> Result<Buffer> {
        let mapped = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::MAP_WRITE;
        self.make_buffer(label, bytes, if self.inner().shares_memory { STORAGE | mapped } else { STORAGE })
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
        let (handle, counted) =
            self.allocate(label, size, usage, &self.inner().buffer_bytes).context(step)?;
        let is_shared = usage.contains(wgpu::BufferUsages::MAP_WRITE);
        Ok(Buffer(Arc::new(Inner {
            handle,
            label: label.to_owned(),
            bytes: size,
            is_shared,
            _counted: counted,
        })))
    }

    /// Makes a buffer; when there is no memory, once more after freeing what nobody holds.
    pub(crate) fn allocate(
        &self,
        label: &str,
        size: u64,
        usage: wgpu::BufferUsages,
        tally: &Arc<Tally>,
    ) -> Result<(Handle<wgpu::Buffer>, Counted)> {
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
        Ok((Handle::new(buffer, &inner.state), tally.count(size)))
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
        if self.write_mapped(buffer, offset, bytes).context(step)? {
            return Ok(());
        }
        let mut at = offset;
        for piece in bytes.chunks(FLUSH_BYTES as usize) {
            self.call("uploading", || self.upload(buffer.raw(), at, piece)).context(step)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}
