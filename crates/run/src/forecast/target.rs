//! For what is planned.

use std::path::Path;

use anygrad_core::{Caps, Error, Result};
use anygrad_gpu::{Choice, MeasuredRoofline, available_memory, planning_caps};
use anygrad_plan::Roofline;
use anygrad_recipe::AdapterLimits;
use serde::{Serialize, Serializer};

/// Something that is known, and from where.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Known<T> {
    /// What is known.
    pub value: T,
    /// Who says it.
    pub source: String,
}

/// Whose limits hold, and what is known beside them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Target {
    /// What the adapter can do.
    #[serde(serialize_with = "limits")]
    pub caps: Caps,
    /// Where its limits come from.
    pub source: String,
    /// Bytes for buffers.
    pub memory: Option<Known<u64>>,
    /// How fast it is.
    pub roofline: Option<Known<Roofline>>,
}

impl Target {
    /// A target by its name: `webgpu`, `mobile`, or the path of a TOML file.
    ///
    /// # Errors
    /// The name is neither, or the file holds a mistake.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "webgpu" => Ok(Target::webgpu()),
            "mobile" => Ok(Target::mobile()),
            path if path.ends_with(".toml") || Path::new(path).is_file() => Target::file(Path::new(path)),
            other => Err(Error::input(format!(
                "limits {other:?}: takes webgpu, mobile or the path of a TOML file"
            ))),
        }
    }

    /// What every implementation of WebGPU guarantees: the default limits of the specification.
    pub fn webgpu() -> Self {
        let source =
            "the default limits of the WebGPU specification, which every browser guarantees".to_owned();
        Target { caps: Caps::baseline(), source, memory: None, roofline: None }
    }

    /// What phones guarantee that have OpenGL ES 3.1 but not all of WebGPU: WebGPU's compatibility mode, in
    /// which a workgroup has 128 invocations and not 256.
    pub fn mobile() -> Self {
        let caps =
            Caps { name: "WebGPU compatibility mode".into(), max_invocations: 128, ..Caps::baseline() };
        let source =
            "the limits of WebGPU's compatibility mode (gpuweb, proposals/compatibility-mode.md), which \
                      phones with OpenGL ES 3.1 guarantee"
                .to_owned();
        Target { caps, source, memory: None, roofline: None }
    }

    /// What a file says; see [`AdapterLimits`].
    ///
    /// # Errors
    /// Those of [`AdapterLimits::read`].
    pub fn file(path: &Path) -> Result<Self> {
        let limits = AdapterLimits::read(path)?;
        let source = path.display().to_string();
        let known = |value| Known { value, source: source.clone() };
        let roofline = limits.gflops.zip(limits.gbytes).map(|(gflops, gbytes)| Known {
            value: Roofline {
                operations: 1e9 * gflops,
                bytes: 1e9 * gbytes,
                dispatch: 1e-6 * limits.dispatch_us,
                submit: 1e-6 * limits.submit_us,
            },
            source: source.clone(),
        });
        let memory = limits.memory_bytes.map(known);
        Ok(Target { caps: limits.caps(), source: format!("the limits in {source}"), memory, roofline })
    }

    /// An adapter of this machine, which is asked for its limits; no device is opened on it.
    ///
    /// # Errors
    /// Those of [`planning_caps`]; what is kept about its speed cannot be read.
    pub fn adapter(choice: &Choice) -> Result<Self> {
        let caps = planning_caps(choice)?;
        let memory = available_memory(&caps)
            .map(|value| Known { value, source: "what this machine has available now".to_owned() });
        let roofline = MeasuredRoofline::load(&caps)?.map(|known| Known {
            value: known.roofline,
            source: "what `anygrad bench` measured there".to_owned(),
        });
        Ok(Target { caps, source: "what the adapter tells".to_owned(), memory, roofline })
    }

    /// With so much memory.
    pub fn with_memory(mut self, bytes: u64, source: &str) -> Self {
        self.memory = Some(Known { value: bytes, source: source.to_owned() });
        self
    }
}

fn limits<S: Serializer>(caps: &Caps, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map([
        ("name", serde_json::json!(caps.name)),
        ("driver", serde_json::json!(caps.driver)),
        ("kind", serde_json::json!(format!("{:?}", caps.kind))),
        ("max_buffer_bytes", serde_json::json!(caps.max_buffer_bytes)),
        ("max_binding_bytes", serde_json::json!(caps.max_binding_bytes)),
        ("max_storage_buffers", serde_json::json!(caps.max_storage_buffers)),
        ("max_workgroups", serde_json::json!(caps.max_workgroups)),
        ("max_invocations", serde_json::json!(caps.max_invocations)),
        ("max_workgroup_bytes", serde_json::json!(caps.max_workgroup_bytes)),
    ])
}
