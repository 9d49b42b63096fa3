//! Compiled kernels and their bindings.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex};

use anygrad_core::{Context, Error, Result};

use crate::buffer::Buffer;
use crate::device::Device;
use crate::guard::{Handle, State, lock};
use crate::region::Region;

/// A compiled kernel. Clones, and what is made again from the same text and overrides, are equal.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

struct Inner {
    handle: Handle<wgpu::ComputePipeline>,
    layout: Layout,
    name: String,
}

impl Pipeline {
    /// The kernel's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    pub(crate) fn raw(&self) -> &wgpu::ComputePipeline {
        &self.0.handle
    }

    pub(crate) fn belongs_to(&self, state: &Arc<State>) -> bool {
        self.0.handle.belongs_to(state)
    }
}

impl PartialEq for Pipeline {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pipeline {}", self.name())
    }
}

/// The buffers of one dispatch. It keeps them alive.
#[derive(Clone)]
pub struct BindGroup(Arc<Bound>);

struct Bound {
    handle: Handle<wgpu::BindGroup>,
    /// Counted for as long as the bindings keep them alive.
    _buffers: Vec<Buffer>,
}

impl BindGroup {
    pub(crate) fn raw(&self) -> &wgpu::BindGroup {
        &self.0.handle
    }

    pub(crate) fn belongs_to(&self, state: &Arc<State>) -> bool {
        self.0.handle.belongs_to(state)
    }
}

/// What the bindings of a kernel look like, shared by all kernels that agree on it.
#[derive(Clone)]
struct Layout(Arc<LayoutInner>);

struct LayoutInner {
    /// For each storage binding, whether kernels write it.
    storage_writes: Vec<bool>,
    bindings: Handle<wgpu::BindGroupLayout>,
    pipeline: Handle<wgpu::PipelineLayout>,
}

/// What a device has compiled so far.
#[derive(Default)]
pub(crate) struct PipelineCache(Mutex<Compiled>);

#[derive(Default)]
struct Compiled {
    pipelines: HashMap<Key, Pipeline>,
    /// By WGSL text: one text is often compiled with several overrides.
    modules: HashMap<String, Arc<Handle<wgpu::ShaderModule>>>,
    /// By what is written.
    layouts: HashMap<Vec<bool>, Layout>,
}

#[derive(PartialEq, Eq, Hash)]
struct Key {
    wgsl: String,
    storage_writes: Vec<bool>,
    /// Name and bits of each value.
    overrides: Vec<(String, u64)>,
}

impl Device {
    /// Compiles a kernel, or finds it compiled already.
    ///
    /// `wgsl` has one compute entry point. Its bindings are all in group 0: binding 0 the uniform
    /// buffer of parameters, then one storage buffer for each of `storage_writes`, which tells
    /// whether the kernel writes it (`read_write`) or not (`read`). `overrides` sets its `override`
    /// constants by name.
    ///
    /// # Errors
    /// More storage buffers than the adapter binds, WGSL that does not compile, or a device that
    /// failed.
    pub fn pipeline(
        &self,
        name: &str,
        wgsl: &str,
        storage_writes: &[bool],
        overrides: &[(&str, f64)],
    ) -> Result<Pipeline> {
        let step = || format!("compiling kernel {name}");
        self.check().context(step)?;
        let key = Key {
            wgsl: wgsl.to_owned(),
            storage_writes: storage_writes.to_vec(),
            overrides: overrides.iter().map(|(name, value)| ((*name).to_owned(), value.to_bits())).collect(),
        };
        let cache = &self.inner().pipelines.0;
        if let Some(pipeline) = lock(cache).pipelines.get(&key) {
            return Ok(pipeline.clone());
        }
        let pipeline = self.compile(name, wgsl, storage_writes, overrides).context(step)?;
        // Another thread may have been faster: keep the first, so that equal kernels stay equal.
        Ok(lock(cache).pipelines.entry(key).or_insert(pipeline).clone())
    }

    fn compile(
        &self,
        name: &str,
        wgsl: &str,
        storage_writes: &[bool],
        overrides: &[(&str, f64)],
    ) -> Result<Pipeline> {
        let inner = self.inner();
        let layout = self.layout(storage_writes)?;
        let module = self.module(name, wgsl)?;
        let descriptor = wgpu::ComputePipelineDescriptor {
            label: Some(name),
            layout: Some(&layout.0.pipeline),
            module: &module,
            entry_point: None,
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: overrides,
                // Our kernels write workgroup memory before they read it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        };
        let pipeline =
            self.call("making the pipeline", || inner.device.create_compute_pipeline(&descriptor))?;
        let handle = Handle::new(pipeline, &inner.state);
        Ok(Pipeline(Arc::new(Inner { handle, layout, name: name.to_owned() })))
    }

    fn module(&self, name: &str, wgsl: &str) -> Result<Arc<Handle<wgpu::ShaderModule>>> {
        let inner = self.inner();
        if let Some(module) = lock(&inner.pipelines.0).modules.get(wgsl) {
            return Ok(Arc::clone(module));
        }
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: Some(name), source: wgpu::ShaderSource::Wgsl(wgsl.into()) };
        // The safe call, with bounds checks: without them a fault of a kernel ends the process.
        let module = self.call("reading the WGSL", || inner.device.create_shader_module(descriptor))?;
        let module = Arc::new(Handle::new(module, &inner.state));
        lock(&inner.pipelines.0).modules.insert(wgsl.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    fn layout(&self, storage_writes: &[bool]) -> Result<Layout> {
        let inner = self.inner();
        let limit = self.caps().max_storage_buffers;
        if storage_writes.len() > limit as usize {
            return Err(Error::unsupported(format!(
                "{} storage buffers, the adapter binds {limit}",
                storage_writes.len()
            )));
        }
        if let Some(layout) = lock(&inner.pipelines.0).layouts.get(storage_writes) {
            return Ok(layout.clone());
        }
        let storage =
            storage_writes.iter().map(|writes| wgpu::BufferBindingType::Storage { read_only: !writes });
        let kinds = std::iter::once(wgpu::BufferBindingType::Uniform).chain(storage);
        let entries: Vec<_> = kinds.zip(0..).map(|(kind, binding)| layout_entry(binding, kind)).collect();
        let bindings = self.call("making the binding layout", || {
            inner
                .device
                .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries })
        })?;
        let bindings = Handle::new(bindings, &inner.state);
        let pipeline = self.call("making the pipeline layout", || {
            inner.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&*bindings)],
                immediate_size: 0,
            })
        })?;
        let pipeline = Handle::new(pipeline, &inner.state);
        let layout =
            Layout(Arc::new(LayoutInner { storage_writes: storage_writes.to_vec(), bindings, pipeline }));
        lock(&inner.pipelines.0).layouts.insert(storage_writes.to_vec(), layout.clone());
        Ok(layout)
    }

    /// Binds buffers for dispatches of a kernel: `uniform` is the buffer of parameters with the
    /// offset and size of this dispatch's block, `storage` the buffers of bindings 1, 2, ...
    ///
    /// # Errors
    /// A number of buffers that is not the kernel's, a buffer larger than the adapter can bind or
    /// bound both read and written, an offset that is not aligned, or a device that failed.
    pub fn bind(
        &self,
        pipeline: &Pipeline,
        uniform: (&Buffer, u64, u64),
        storage: &[&Buffer],
    ) -> Result<BindGroup> {
        let storage: Vec<Region> = storage.iter().map(|&buffer| Region::from(buffer.clone())).collect();
        self.bind_regions(pipeline, uniform, &storage)
    }

    /// As [`Device::bind`], where a buffer may be shown in part: offsets and sizes are multiples of what
    /// the adapter asks for.
    ///
    /// # Errors
    /// As [`Device::bind`]; also if a region is not inside its buffer.
    pub fn bind_regions(
        &self,
        pipeline: &Pipeline,
        uniform: (&Buffer, u64, u64),
        storage: &[Region],
    ) -> Result<BindGroup> {
        let step = || format!("binding the buffers of {}", pipeline.name());
        self.check().context(step)?;
        let uniform_bytes = self.check_uniform(uniform).context(step)?;
        self.check_storage(pipeline, storage).context(step)?;
        let (uniform, offset, _) = uniform;
        let inner = self.inner();
        let parameters = wgpu::BufferBinding { buffer: uniform.raw(), offset, size: Some(uniform_bytes) };
        let buffers = storage.iter().map(|region| &region.buffer).chain([uniform]).cloned().collect();
        let storage = storage.iter().map(|region| wgpu::BufferBinding {
            buffer: region.buffer.raw(),
            offset: region.offset,
            size: NonZeroU64::new(region.bytes),
        });
        let entries: Vec<_> = std::iter::once(parameters)
            .chain(storage)
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer),
            })
            .collect();
        let descriptor = wgpu::BindGroupDescriptor {
            label: Some(pipeline.name()),
            layout: &pipeline.0.layout.0.bindings,
            entries: &entries,
        };
        let group = self.call("binding", || inner.device.create_bind_group(&descriptor)).context(step)?;
        Ok(BindGroup(Arc::new(Bound { handle: Handle::new(group, &inner.state), _buffers: buffers })))
    }

    fn check_uniform(&self, (buffer, offset, bytes): (&Buffer, u64, u64)) -> Result<NonZeroU64> {
        buffer.check_range(&self.inner().state, offset, bytes)?;
        let alignment = u64::from(self.caps().uniform_alignment);
        if !offset.is_multiple_of(alignment) {
            return Err(Error::internal(format!(
                "parameters at {offset} of buffer {}, offsets must be multiples of {alignment}",
                buffer.label()
            )));
        }
        NonZeroU64::new(bytes).ok_or_else(|| Error::internal("a block of parameters has no bytes"))
    }

    fn check_storage(&self, pipeline: &Pipeline, storage: &[Region]) -> Result<()> {
        let state = &self.inner().state;
        let writes = &pipeline.0.layout.0.storage_writes;
        if !pipeline.belongs_to(state) {
            return Err(Error::internal("the kernel belongs to another device"));
        }
        if storage.len() != writes.len() {
            return Err(Error::internal(format!(
                "{} storage buffers, the kernel has {}",
                storage.len(),
                writes.len()
            )));
        }
        let limit = self.caps().max_binding_bytes;
        for (index, Region { buffer, offset, bytes }) in storage.iter().enumerate() {
            let bytes = *bytes;
            buffer.check_range(state, *offset, bytes)?;
            if bytes == 0 || bytes > limit {
                return Err(Error::unsupported(format!(
                    "{bytes} bytes of buffer {}, the adapter binds 1 to {limit}",
                    buffer.label()
                )));
            }
            let clash =
                (0..index).any(|other| storage[other].buffer == *buffer && writes[other] != writes[index]);
            if clash {
                return Err(Error::internal(format!(
                    "buffer {} is bound both to read and to write",
                    buffer.label()
                )));
            }
        }
        Ok(())
    }
}

fn layout_entry(binding: u32, kind: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty: kind, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}
