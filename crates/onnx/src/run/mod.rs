//! Runs models on a session: a plan for each set of shapes, kept for the next run.
//!
//! A model whose shapes depend on numbers runs in stages: each computes what the next one's shapes depend on.

mod stage;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::Session;

use crate::model::Dim;
use crate::scope::Key;
use crate::{Element, Host, Model};
use stage::{Source, Stage};

/// What goes into a model and comes out of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A tensor.
    Tensor(Host),
    /// Several.
    Sequence(Vec<Item>),
    /// An optional value that is none.
    Nothing,
}

impl From<Host> for Item {
    fn from(host: Host) -> Self {
        Item::Tensor(host)
    }
}

/// Plans that are kept at most, the ones used last.
const KEPT_STAGES: usize = 16;

/// Stages of one run at most: more are a loop that does not end.
const MOST_STAGES: usize = 1000;

/// Elements of an input that a plan is made for the numbers of, at most: sizes, scales and the like. Of more, only
/// the nodes that ask for numbers get them.
const MOST_DECISIVE: usize = 1 << 10;

/// A model on a session.
pub struct Runner {
    model: Model,
    session: Session,
    stages: Vec<Stage>,
    /// Inputs that shapes depend on: plans are made for their numbers.
    decisive: HashSet<String>,
}

impl Runner {
    /// A model on a session.
    ///
    /// # Errors
    /// The model has operators that no rule is known for; all of them are named.
    pub fn new(model: Model, session: Session) -> Result<Self> {
        let unsupported = model.unsupported();
        if !unsupported.is_empty() {
            return Err(crate::import::refusal(&unsupported));
        }
        Ok(Runner { model, session, stages: Vec::new(), decisive: HashSet::new() })
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The outputs for these inputs, by name and in the model's order.
    ///
    /// # Errors
    /// An input is missing, unknown, or has a type or shape that does not fit; operators cannot run here; or the
    /// device fails.
    pub async fn run(&mut self, inputs: &[(&str, Item)]) -> Result<Vec<(String, Item)>> {
        self.check_inputs(inputs)?;
        let mut sources: BTreeMap<String, Source> = BTreeMap::new();
        for (name, item) in inputs {
            let source = match item {
                Item::Tensor(host) => self.source(name, host.clone()),
                other => Source::Item(other.clone()),
            };
            sources.insert((*name).to_owned(), source);
        }
        let mut memo: HashMap<Key, Arc<Host>> = HashMap::new();
        for _ in 0..MOST_STAGES {
            let done = self.stage(&mut sources, &mut memo)?.run(&sources).await?;
            let names = self.model.outputs().into_iter().map(|port| port.name);
            if done.outputs.iter().all(Option::is_some) {
                return Ok(names.zip(done.outputs.into_iter().flatten()).collect());
            }
            if done.needs.is_empty() {
                return Err(Error::internal("a model waits for nothing"));
            }
            memo.extend(done.needs);
            for (name, host) in done.carried {
                sources.insert(name, Source::Written(Arc::new(host)));
            }
            for ((name, item), is_computed) in names.zip(done.outputs).zip(done.is_computed) {
                let source = match item {
                    // The next plan is made for its shape, not for its numbers.
                    Some(Item::Tensor(host)) if is_computed => self.source(&name, host),
                    Some(item) => Source::Item(item),
                    None => continue,
                };
                sources.entry(name).or_insert(source);
            }
        }
        Err(Error::unsupported(format!("a run of more than {MOST_STAGES} stages: a loop that does not end?")))
    }

    fn source(&self, name: &str, host: Host) -> Source {
        let host = Arc::new(host);
        let known = self.decisive.contains(name) || host.is_empty() || host.element() == Element::String;
        if known { Source::Known(host) } else { Source::Written(host) }
    }

    /// The stage for these sources, made unless it was before. What the host makes of numbers that were computed
    /// becomes a source too.
    fn stage(
        &mut self,
        sources: &mut BTreeMap<String, Source>,
        memo: &mut HashMap<Key, Arc<Host>>,
    ) -> Result<&mut Stage> {
        let index = loop {
            if let Some(index) = self.stages.iter().position(|stage| stage.fits(sources, memo)) {
                break index;
            }
            let stage = Stage::new(&self.model, sources, memo)?;
            if self.learns(&stage, sources, memo) {
                continue;
            }
            if self.stages.len() == KEPT_STAGES {
                self.stages.remove(0);
            }
            self.stages.push(stage.compiled(&self.session)?);
            break self.stages.len() - 1;
        };
        // The one used last stands last.
        let stage = self.stages.remove(index);
        self.stages.push(stage);
        self.stages.last_mut().ok_or_else(|| Error::internal("a stage is gone"))
    }

    /// Whether a stage tells more about what is here already, so that it is made once more.
    fn learns(
        &mut self,
        stage: &Stage,
        sources: &mut BTreeMap<String, Source>,
        memo: &mut HashMap<Key, Arc<Host>>,
    ) -> bool {
        let mut learned = false;
        for name in stage.needs() {
            let Some(Source::Written(host)) = sources.get(name) else { continue };
            learned = true;
            if host.len() > MOST_DECISIVE && host.to_array().is_ok() {
                memo.insert((String::new(), name.clone()), host.clone());
                continue;
            }
            let known = Source::Known(host.clone());
            self.decisive.insert(name.clone());
            sources.insert(name.clone(), known);
        }
        for (name, host) in stage.derived() {
            // What a device holds as it is.
            let fits = host.element() != Element::Double && host.to_array().is_ok();
            if fits && !sources.contains_key(name) {
                learned = true;
                sources.insert(name.clone(), self.source(name, host.as_ref().clone()));
            }
        }
        learned
    }

    /// How many plans are kept: one for each set of shapes, and of numbers that shapes depend on.
    pub fn plans(&self) -> usize {
        self.stages.len()
    }

    fn check_inputs(&self, inputs: &[(&str, Item)]) -> Result<()> {
        let ports = self.model.inputs();
        for (name, item) in inputs {
            let Some(port) = ports.iter().find(|port| port.name == *name) else {
                return Err(self.model.no_input(name));
            };
            if let (Some(element), Item::Tensor(host)) = (port.element, item)
                && host.element() != element
            {
                return Err(Error::input(format!("{name:?} is {element} and was given {}", host.element())));
            }
        }
        if let Some(port) = ports.iter().find(|port| !inputs.iter().any(|(name, _)| *name == port.name)) {
            return Err(Error::input(format!("the input {:?} is missing", port.name)));
        }
        let sizes = |(name, item): &(&'_ str, Item)| match item {
            Item::Tensor(host) => Some(((*name).to_owned(), host.sizes().to_vec())),
            _ => None,
        };
        let given: Vec<_> = inputs.iter().filter_map(sizes).collect();
        self.model.check_sizes(given.iter().map(|(name, sizes)| (name.as_str(), sizes.clone())))
    }
}

impl Model {
    /// That inputs have the sizes that the model tells, and that a name is one size everywhere.
    pub(crate) fn check_sizes<'n>(&self, inputs: impl Iterator<Item = (&'n str, Vec<usize>)>) -> Result<()> {
        let ports = self.inputs();
        let mut sizes_of: HashMap<String, (usize, String)> = HashMap::new();
        for (name, sizes) in inputs {
            let Some(dims) = ports.iter().find(|port| port.name == name).and_then(|port| port.dims.as_ref())
            else {
                continue;
            };
            let refuse =
                |why: String| Err(Error::shape(format!("the input {name:?} was given {sizes:?}: {why}")));
            if dims.len() != sizes.len() {
                return refuse(format!("it has {} axes", dims.len()));
            }
            for (axis, (dim, &size)) in dims.iter().zip(&sizes).enumerate() {
                match dim {
                    Dim::Fixed(fixed) if *fixed != size => return refuse(format!("axis {axis} has {fixed}")),
                    Dim::Named(symbol) => {
                        let (first, other) = sizes_of.entry(symbol.clone()).or_insert((size, name.into()));
                        if *first != size {
                            return refuse(format!(
                                "{symbol:?} is {first} in {other:?} and {size} on axis {axis}"
                            ));
                        }
                    }
                    Dim::Fixed(_) | Dim::Unknown => {}
                }
            }
        }
        Ok(())
    }
}

/// The type that a graph's own values come back as.
pub(crate) fn element_of(dtype: DType) -> Element {
    match dtype {
        DType::F32 => Element::Float,
        DType::F16 => Element::Float16,
        DType::BF16 => Element::Bfloat16,
        DType::I32 => Element::Int32,
        DType::U32 => Element::Uint32,
        DType::Bool => Element::Bool,
    }
}
