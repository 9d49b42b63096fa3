//! Runs models on a session: a plan for each set of shapes, kept for the next run.
//!
//! A model whose shapes depend on numbers runs in stages: each computes what the next one's shapes depend on.

mod stage;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anygrad_core::{DType, Error, Result};
use anygrad_gpu::Session;

use crate::model::Dim;
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
                Item::Tensor(host) => self.source(name, host),
                other => Source::Item(other.clone()),
            };
            sources.insert((*name).to_owned(), source);
        }
        let mut memo: HashMap<String, Arc<Host>> = HashMap::new();
        for _ in 0..MOST_STAGES {
            let done = self.stage(&mut sources, &memo)?.run(&sources).await?;
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
            for (name, item) in names.zip(done.outputs) {
                if let Some(item) = item {
                    sources.insert(name, Source::Item(item));
                }
            }
        }
        Err(Error::unsupported(format!("a run of more than {MOST_STAGES} stages: a loop that does not end?")))
    }

    fn source(&self, name: &str, host: &Host) -> Source {
        let host = Arc::new(host.clone());
        let known = self.decisive.contains(name) || host.is_empty() || host.element() == Element::String;
        if known { Source::Known(host) } else { Source::Written(host) }
    }

    /// The stage for these sources, made unless it was before.
    fn stage(
        &mut self,
        sources: &mut BTreeMap<String, Source>,
        memo: &HashMap<String, Arc<Host>>,
    ) -> Result<&mut Stage> {
        let index = loop {
            if let Some(index) = self.stages.iter().position(|stage| stage.fits(sources, memo)) {
                break index;
            }
            let stage = Stage::new(&self.model, sources, memo)?;
            // Numbers of an input are here already: the stage is made once more, for them.
            let mut decisive = Vec::new();
            for name in stage.needs() {
                if let Some(Source::Written(host)) = sources.get(name) {
                    decisive.push((name.clone(), host.clone()));
                }
            }
            if decisive.is_empty() {
                if self.stages.len() == KEPT_STAGES {
                    self.stages.remove(0);
                }
                self.stages.push(stage.compiled(&self.session)?);
                break self.stages.len() - 1;
            }
            for (name, host) in decisive {
                self.decisive.insert(name.clone());
                sources.insert(name, Source::Known(host));
            }
        };
        // The one used last stands last.
        let stage = self.stages.remove(index);
        self.stages.push(stage);
        self.stages.last_mut().ok_or_else(|| Error::internal("a stage is gone"))
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
