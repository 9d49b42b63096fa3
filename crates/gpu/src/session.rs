//! Sessions: graphs become programs, and programs run, on a device or on the interpreter.

mod choices;
mod debug;
mod pending;
mod profile;
mod program;
mod recorder;
mod states;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anygrad_core::{Array, Caps, Choices, Context, Error, Result};
use anygrad_graph::{Graph, Interpreter, Meta, Origin, Precision, Tensor};
use anygrad_plan::{Options, Plan, compile_with};

use crate::adapter::Choice;
use crate::device::Device;
use crate::guard::lock;
use crate::host::write_padded;
use crate::quarantine::Verdict;
use crate::region::Region;
use crate::tuned::Tuned;
use crate::usage::Usage;

pub use debug::NonFinite;
pub use pending::Pending;
pub use profile::{Clock, Profile, Source, Span, Work};
pub use program::Program;
use program::{Compiled, DeviceProgram};
use recorder::noted;
pub use recorder::{HostSpan, ProgramCost, Recorder, Recording};
use states::States;

/// Where programs run, and the state that they share: parameters and optimizer state, by name.
///
/// Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    caps: Caps,
    engine: Engine,
    /// The certificate of the adapter, if it was verified.
    certificate: Option<String>,
    change: Option<Arc<Change>>,
    recorder: Option<Recorder>,
    /// The state that programs have asked for.
    states: Mutex<HashMap<String, Meta>>,
    /// What the next program that is compiled goes by; see [`Session::choose`].
    choices: Mutex<Choices>,
}

/// What [`Session::with_fault`] does to a plan.
type Change = dyn Fn(&mut Plan) + Send + Sync;

enum Engine {
    Interpreter(Arc<Mutex<Interpreter>>),
    Device { device: Device, states: Arc<Mutex<States>> },
}

impl Inner {
    fn new(caps: Caps, engine: Engine) -> Self {
        Inner {
            caps,
            engine,
            certificate: None,
            change: None,
            recorder: None,
            states: Mutex::default(),
            choices: Mutex::default(),
        }
    }

    fn on(device: Device) -> Self {
        let caps = device.caps().clone();
        Inner::new(caps, Engine::Device { device, states: Arc::default() })
    }

    /// On the same device, with the same recorder; nothing else is the same.
    fn anew(&self) -> Self {
        let mut inner = match &self.engine {
            Engine::Device { device, .. } => Inner::on(device.clone()),
            Engine::Interpreter(_) => Inner::of_interpreter(),
        };
        inner.recorder = self.recorder.clone();
        inner
    }

    fn of_interpreter() -> Self {
        let caps = Caps { name: "built-in CPU interpreter".into(), ..Caps::baseline() };
        let interpreter = Interpreter::new(Precision::F32);
        Inner::new(caps, Engine::Interpreter(Arc::new(Mutex::new(interpreter))))
    }
}

impl From<Inner> for Session {
    fn from(inner: Inner) -> Self {
        Session(Arc::new(inner))
    }
}

impl Session {
    /// A session on the chosen adapter, or on the interpreter.
    ///
    /// # Errors
    /// There is no such adapter, or its driver failed.
    pub async fn open(choice: &Choice) -> Result<Self> {
        match choice {
            Choice::Interpreter => Ok(Session::interpreter()),
            _ => Session::as_verified(Device::open(choice).await?),
        }
    }

    /// A session on the best adapter, or on the interpreter where a machine has none.
    ///
    /// # Errors
    /// A driver failed.
    pub async fn open_or_interpreter(choice: &Choice) -> Result<Self> {
        match choice {
            Choice::Best => match Device::open_if_any().await? {
                Some(device) => Session::as_verified(device),
                None => Ok(Session::interpreter()),
            },
            _ => Session::open(choice).await,
        }
    }

    /// A session on an open device, with all of its kernels.
    pub fn on(device: Device) -> Self {
        Inner::on(device).into()
    }

    /// A session without the kernels that verification found to be wrong on this adapter, with what
    /// was measured there.
    fn as_verified(device: Device) -> Result<Self> {
        let verdict = Verdict::load(device.caps())?;
        // Choices are for speed: without them all is right.
        let tuned = Tuned::load(device.caps()).unwrap_or_else(|error| {
            log::warn!("what was tuned is left aside: {error}");
            None
        });
        let mut inner = Inner::on(device);
        inner.choices = Mutex::new(tuned.map_or(Choices::default(), |tuned| tuned.choices()));
        if let Some(verdict) = verdict {
            (inner.caps.excluded, inner.certificate) = (verdict.excluded, Some(verdict.certificate));
        }
        if !inner.caps.excluded.is_empty() {
            let excluded = inner.caps.excluded.join(", ");
            log::warn!("{} does without what gave wrong results there: {excluded}", inner.caps);
        }
        Ok(inner.into())
    }

    /// Another session on the same device, with state of its own, whose plans do without these
    /// kernels and functions; see [`Caps::excluded`]. Its choices are this session's. On the interpreter
    /// there is nothing to exclude.
    pub fn excluding(&self, excluded: &[String]) -> Self {
        let mut inner = self.0.anew();
        if !self.is_interpreter() {
            inner.caps.excluded = excluded.to_vec();
            inner.change = self.0.change.clone();
            inner.choices = Mutex::new(self.choices());
        }
        inner.into()
    }

    /// Another session like this one, with state of its own, that no recorder hears of.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn unrecorded(&self) -> Self {
        let mut inner = self.0.anew();
        inner.recorder = None;
        inner.caps.excluded = self.0.caps.excluded.clone();
        inner.change = self.0.change.clone();
        inner.choices = Mutex::new(self.choices());
        inner.into()
    }

    /// Another session on the same device, as if that had a fault: every plan is changed before it is
    /// loaded. For tests that break a kernel on purpose and see whether that is noticed. The
    /// interpreter has no plans to change.
    pub fn with_fault(&self, change: impl Fn(&mut Plan) + Send + Sync + 'static) -> Self {
        let mut inner = self.0.anew();
        inner.caps.excluded = self.0.caps.excluded.clone();
        inner.change = Some(Arc::new(change));
        inner.choices = Mutex::new(self.choices());
        inner.into()
    }

    /// A session like this one, with state of its own, on the same adapter opened anew: what goes on after
    /// the device was lost. Of several adapters with one description it is the first.
    ///
    /// # Errors
    /// The adapter is gone, or its driver failed.
    pub async fn reopened(&self) -> Result<Self> {
        let mut inner = match &self.0.engine {
            Engine::Interpreter(_) => Inner::of_interpreter(),
            Engine::Device { device, .. } => {
                Inner::on(Device::open(&Choice::Name(device.caps().to_string())).await?)
            }
        };
        inner.caps.excluded = self.0.caps.excluded.clone();
        inner.certificate = self.0.certificate.clone();
        inner.change = self.0.change.clone();
        inner.recorder = self.0.recorder.clone();
        inner.choices = Mutex::new(self.choices());
        Ok(inner.into())
    }

    /// The hash of the certificate that verification of this adapter ended with, if there is one.
    pub fn certificate(&self) -> Option<&str> {
        self.0.certificate.as_deref()
    }

    /// A session on the interpreter: slow, and available everywhere.
    pub fn interpreter() -> Self {
        Inner::of_interpreter().into()
    }

    /// What the session runs on; [`Session::choices`] stand apart from it.
    pub fn caps(&self) -> &Caps {
        &self.0.caps
    }

    /// Whether the session runs on the interpreter, not on a device.
    pub fn is_interpreter(&self) -> bool {
        matches!(self.0.engine, Engine::Interpreter(_))
    }

    /// The plan that [`Session::compile_with`] would load; of an interpreter, that of an adapter with the
    /// limits that all have. Nothing is allocated.
    ///
    /// # Errors
    /// The graph holds a mistake, or the adapter's limits do not allow it.
    pub fn plan(&self, graph: &Graph, outputs: &[Tensor<'_>], options: Options) -> Result<Plan> {
        compile_with(graph, outputs, &self.plan_caps(), options)
    }

    /// Compiles a graph for these outputs and all its updates. State keeps its value when another
    /// program of the session has used it before; new state holds zeros.
    ///
    /// # Errors
    /// The graph holds a mistake, the adapter's limits do not allow it, state of that name has
    /// another shape, or the device failed.
    pub fn compile(&self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<Program> {
        self.compile_with(graph, outputs, Options::default())
    }

    /// As [`Session::compile`], with options of the planner.
    ///
    /// # Errors
    /// As [`Session::compile`].
    pub fn compile_with(&self, graph: &Graph, outputs: &[Tensor<'_>], options: Options) -> Result<Program> {
        let size = || format!("{} nodes", graph.nodes().len());
        noted(&self.0.recorder, "compile", size, || self.compiled(graph, outputs, options))
    }

    fn compiled(&self, graph: &Graph, outputs: &[Tensor<'_>], options: Options) -> Result<Program> {
        graph.check()?;
        let mut inputs = HashMap::new();
        let mut states = Vec::new();
        for (name, id) in graph.named_values() {
            let meta = graph.meta(id);
            if !matches!(graph.origin(id), Origin::State(_)) {
                inputs.insert(name, (meta, false));
                continue;
            }
            match lock(&self.0.states).get(&name) {
                Some(known) if *known != meta => {
                    return Err(Error::shape(format!(
                        "state {name:?} is {known} in this session and was asked for as {meta}"
                    )));
                }
                _ => states.push((name, meta)),
            }
        }
        let mut layers = Vec::new();
        let compiled = match &self.0.engine {
            Engine::Interpreter(interpreter) => Compiled::Interpreter {
                interpreter: Arc::clone(interpreter),
                graph: graph.clone(),
                outputs: outputs.iter().map(|t| t.id()).collect(),
                results: None,
            },
            Engine::Device { device, states } => {
                let mut plan = compile_with(graph, outputs, &self.plan_caps(), options)?;
                if let Some(change) = &self.0.change {
                    change(&mut plan);
                }
                let layer = |node| graph.node(node).label;
                layers = plan.steps.iter().map(|step| step.node.and_then(layer)).collect();
                Compiled::Device(DeviceProgram::new(device, states, plan).context(|| "preparing a program")?)
            }
        };
        // Only now: a graph that does not compile leaves no state behind.
        lock(&self.0.states).extend(states);
        Ok(Program { inputs, compiled, layers, work: None, recorder: self.0.recorder.clone() })
    }

    /// Sets a piece of state that a program has.
    ///
    /// # Errors
    /// No program has it, it has another shape, or the device failed.
    pub fn write_state(&self, name: &str, array: &Array) -> Result<()> {
        let meta = self.state_meta(name)?;
        check_meta("state", name, meta, array)?;
        noted(
            &self.0.recorder,
            "upload",
            || format!("{name} {meta}"),
            || match &self.0.engine {
                Engine::Interpreter(interpreter) => {
                    lock(interpreter).write(name, array);
                    Ok(())
                }
                Engine::Device { device, states } => {
                    // States stay where they are until it is written.
                    let mut states = lock(states);
                    let region = states.get_or_make(device, name, meta.bytes())?;
                    write_padded(device, &region, array)
                }
            },
        )
    }

    /// Sets a piece of state that a program may ask for later; one that is there keeps its shape.
    ///
    /// # Errors
    /// There is state of that name with another shape, or the device failed.
    pub fn put_state(&self, name: &str, array: &Array) -> Result<()> {
        let meta = Meta { shape: array.shape(), dtype: array.dtype() };
        lock(&self.0.states).entry(name.into()).or_insert(meta);
        self.write_state(name, array)
    }

    /// A piece of state as it stands.
    ///
    /// # Errors
    /// No program has it, or the device failed.
    pub async fn read_state(&self, name: &str) -> Result<Array> {
        let meta = self.state_meta(name)?;
        let _noted = Recorder::note_until_dropped(&self.0.recorder, "read", || format!("{name} {meta}"));
        match &self.0.engine {
            Engine::Interpreter(interpreter) => {
                Ok(lock(interpreter).read(name).unwrap_or_else(|| Array::zeros(meta.shape, meta.dtype)))
            }
            Engine::Device { device, states } => {
                let region = lock(states).get_or_make(device, name, meta.bytes())?;
                read_array(device, &region, meta).await
            }
        }
    }

    /// A piece of state as it stands after all that was run so far, without waiting for it.
    ///
    /// # Errors
    /// As [`Session::read_state`].
    pub fn read_state_later(&self, name: &str) -> Result<Pending> {
        let meta = self.state_meta(name)?;
        match &self.0.engine {
            Engine::Interpreter(interpreter) => {
                let value = lock(interpreter).read(name);
                Ok(Pending::known(value.unwrap_or_else(|| Array::zeros(meta.shape, meta.dtype))))
            }
            Engine::Device { device, states } => {
                Pending::read(device, &lock(states).get_or_make(device, name, meta.bytes())?, meta)
            }
        }
    }

    /// Names and shapes of the state that programs of this session have, by name.
    pub fn states(&self) -> Vec<(String, Meta)> {
        let mut states: Vec<_> =
            lock(&self.0.states).iter().map(|(name, meta)| (name.clone(), *meta)).collect();
        states.sort_by(|a, b| a.0.cmp(&b.0));
        states
    }

    /// Waits until all that was run is done.
    ///
    /// # Errors
    /// The device failed.
    pub fn wait(&self) -> Result<()> {
        match &self.0.engine {
            Engine::Interpreter(_) => Ok(()),
            Engine::Device { device, .. } => device.wait(),
        }
    }

    /// What the session's device holds, for all sessions on it; none on the interpreter.
    ///
    /// # Errors
    /// The device failed.
    pub fn usage(&self) -> Result<Option<Usage>> {
        match &self.0.engine {
            Engine::Interpreter(_) => Ok(None),
            Engine::Device { device, .. } => device.usage().map(Some),
        }
    }

    fn state_meta(&self, name: &str) -> Result<Meta> {
        let meta = lock(&self.0.states).get(name).copied();
        meta.ok_or_else(|| Error::input(format!("no program of this session has a state {name:?}")))
    }
}

fn check_meta(what: &str, name: &str, meta: Meta, array: &Array) -> Result<()> {
    let given = Meta { shape: array.shape(), dtype: array.dtype() };
    if given == meta {
        return Ok(());
    }
    Err(Error::shape(format!("{what} {name:?} takes {meta}, {given} was written")))
}

async fn read_array(device: &Device, region: &Region, meta: Meta) -> Result<Array> {
    let bytes = meta.bytes().next_multiple_of(4);
    match device.read_mapped(&region.buffer, region.offset, bytes, |view| array_of(meta, view))? {
        Some(array) => array,
        None => array_of(meta, &device.read(&region.buffer, region.offset, bytes).await?),
    }
}

/// The array that begins a buffer's bytes.
fn array_of(meta: Meta, bytes: &[u8]) -> Result<Array> {
    Array::from_bytes(meta.shape, meta.dtype, &bytes[..meta.bytes() as usize])
}
