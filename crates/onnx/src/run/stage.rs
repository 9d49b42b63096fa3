//! One graph of a run: all that can be computed before some numbers must be known.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use anygrad_core::{Array, Error, Result};
use anygrad_gpu::{Program, Session};
use anygrad_graph::{Graph, Tensor, ValueId};

use super::Item;
use crate::import::{Importer, constants};
use crate::node::typed;
use crate::scope::Key;
use crate::value::Value;
use crate::{Element, Host, Model};

/// Where a value of the main graph comes from, before the stage.
#[derive(Clone)]
pub(super) enum Source {
    /// Written before the run: the stage is made for its type and shape.
    Written(Arc<Host>),
    /// The stage is made for its numbers.
    Known(Arc<Host>),
    /// The same, of any kind.
    Item(Item),
}

/// How a value that the stage gives is found after its run.
enum Place {
    Known(Arc<Host>),
    Read(usize, Element),
    Sequence(Vec<Place>),
    Nothing,
    Waits,
}

pub(super) struct Stage {
    sources: BTreeMap<String, Kind>,
    /// The numbers computed before that it was made for.
    memo: HashMap<Key, Arc<Host>>,
    /// Values that the host made of them.
    derived: BTreeMap<String, Arc<Host>>,
    /// The graph and what is read of it, until it is compiled.
    graph: Option<(Graph, Vec<ValueId>)>,
    program: Option<Program>,
    /// Names in the model of what is written, and what they are called in the program.
    written: Vec<String>,
    /// How many values of the graph are read.
    reads: usize,
    outputs: Vec<Place>,
    needs: BTreeMap<Key, Place>,
    carried: BTreeMap<String, Place>,
}

/// What a stage is made for.
#[derive(PartialEq)]
enum Kind {
    Shape(Element, Vec<usize>),
    Item(Item),
}

/// What a run of a stage gives.
pub(super) struct Done {
    /// `None` where it is for a later stage.
    pub(super) outputs: Vec<Option<Item>>,
    /// Which of the outputs are a tensor that the device computed.
    pub(super) is_computed: Vec<bool>,
    pub(super) needs: Vec<(Key, Arc<Host>)>,
    pub(super) carried: Vec<(String, Host)>,
}

fn kind(source: &Source) -> Kind {
    match source {
        Source::Written(host) => Kind::Shape(host.element(), host.sizes().to_vec()),
        Source::Known(host) => Kind::Item(Item::Tensor(host.as_ref().clone())),
        Source::Item(item) => Kind::Item(item.clone()),
    }
}

fn value_of<'g>(item: &Item) -> Value<'g> {
    match item {
        Item::Tensor(host) => host.clone().into(),
        Item::Sequence(items) => Value::Sequence(Rc::new(items.iter().map(value_of).collect())),
        Item::Nothing => Value::Nothing,
    }
}

impl Stage {
    pub(super) fn new(
        model: &Model,
        sources: &BTreeMap<String, Source>,
        memo: &HashMap<Key, Arc<Host>>,
    ) -> Result<Self> {
        let graph = Graph::new();
        let mut stage = Stage {
            sources: sources.iter().map(|(name, source)| (name.clone(), kind(source))).collect(),
            memo: HashMap::new(),
            derived: BTreeMap::new(),
            graph: None,
            program: None,
            written: Vec::new(),
            reads: 0,
            outputs: Vec::new(),
            needs: BTreeMap::new(),
            carried: BTreeMap::new(),
        };
        let mut read = Reads::default();
        {
            let mut given = HashMap::new();
            for (name, source) in sources {
                let value = match source {
                    Source::Written(host) => {
                        let dtype =
                            host.element().dtype().ok_or_else(|| Error::internal("text is written"))?;
                        stage.written.push(name.clone());
                        typed(graph.input(name, host.sizes(), dtype), host.element())
                    }
                    Source::Known(host) => Value::Known(host.clone()),
                    Source::Item(item) => value_of(item),
                };
                given.insert(name.clone(), value);
            }
            let imported = Importer::new(model, &graph, &constants, memo).run(given)?;
            let used = imported.used.into_iter();
            stage.memo =
                used.filter_map(|key| memo.get(&key).map(|host| (key.clone(), host.clone()))).collect();
            stage.derived = imported.derived;
            stage.outputs = imported.outputs.iter().map(|value| read.add(value)).collect();
            for (path, (tensor, element)) in &imported.needs {
                stage.needs.insert(path.clone(), read.add(&typed(*tensor, *element)));
            }
            // Nothing waits once all outputs are there.
            if stage.outputs.iter().any(Place::waits) {
                for (name, value) in &imported.carried {
                    stage.carried.insert(name.clone(), read.add(value));
                }
            }
        }
        stage.reads = read.ids.len();
        stage.graph = Some((graph, read.ids));
        Ok(stage)
    }

    /// Names of the main graph's values that nodes wait for.
    pub(super) fn needs(&self) -> impl Iterator<Item = &String> {
        self.needs.keys().filter(|(path, _)| path.is_empty()).map(|(_, name)| name)
    }

    /// Values of the main graph that the host made of numbers computed before: given, they would decide a shape
    /// and not the plan.
    pub(super) fn derived(&self) -> &BTreeMap<String, Arc<Host>> {
        &self.derived
    }

    /// Whether it was made for these.
    pub(super) fn fits(&self, sources: &BTreeMap<String, Source>, memo: &HashMap<Key, Arc<Host>>) -> bool {
        self.memo.iter().all(|(key, host)| memo.get(key) == Some(host))
            && !self.needs.keys().any(|key| memo.contains_key(key))
            && self.sources.len() == sources.len()
            && self.sources.iter().zip(sources).all(|((name, mine), (other, source))| {
                name == other
                    && match (mine, source) {
                        (Kind::Shape(element, sizes), Source::Written(host)) => {
                            *element == host.element() && sizes == host.sizes()
                        }
                        (Kind::Item(Item::Tensor(mine)), Source::Known(host)) => mine == host.as_ref(),
                        (Kind::Item(mine), Source::Item(item)) => mine == item,
                        _ => false,
                    }
            })
    }

    /// Ready to run.
    pub(super) fn compiled(mut self, session: &Session) -> Result<Self> {
        if let Some((graph, ids)) = self.graph.take()
            && !ids.is_empty()
        {
            let tensors: Vec<Tensor<'_>> = ids.iter().map(|&id| graph.tensor(id)).collect();
            self.program = Some(session.compile(&graph, &tensors)?);
        }
        Ok(self)
    }

    pub(super) async fn run(&mut self, sources: &BTreeMap<String, Source>) -> Result<Done> {
        let mut read: Vec<Array> = Vec::new();
        if let Some(program) = &mut self.program {
            for name in &self.written {
                if let Some(Source::Written(host)) = sources.get(name) {
                    let array = host.to_array().map_err(|error| error.context(format!("input {name:?}")))?;
                    program.write(name, &array)?;
                }
            }
            program.run()?;
            for index in 0..self.reads {
                read.push(program.read(index).await?);
            }
        }
        let outputs = self.outputs.iter().map(|result| result.item(&read)).collect::<Result<Vec<_>>>()?;
        let host = |place: &Place| match place.item(&read)? {
            Some(Item::Tensor(host)) => Ok(host),
            _ => Err(Error::internal("no tensor is carried to the next stage")),
        };
        let needs = self.needs.iter().map(|(key, place)| Ok((key.clone(), Arc::new(host(place)?))));
        let carried = self.carried.iter().map(|(name, place)| Ok((name.clone(), host(place)?)));
        Ok(Done {
            outputs,
            is_computed: self.outputs.iter().map(|place| matches!(place, Place::Read(..))).collect(),
            needs: needs.collect::<Result<_>>()?,
            carried: carried.collect::<Result<_>>()?,
        })
    }
}

/// The values of a graph that are read, each once.
#[derive(Default)]
struct Reads {
    ids: Vec<ValueId>,
}

impl Reads {
    fn add(&mut self, value: &Value<'_>) -> Place {
        match value {
            Value::Known(host) => Place::Known(host.clone()),
            Value::Tensor(tensor, element) => {
                let id = tensor.id();
                let index = self.ids.iter().position(|&known| known == id).unwrap_or_else(|| {
                    self.ids.push(id);
                    self.ids.len() - 1
                });
                Place::Read(index, *element)
            }
            Value::Sequence(values) => Place::Sequence(values.iter().map(|value| self.add(value)).collect()),
            Value::Nothing => Place::Nothing,
            Value::Blocked => Place::Waits,
        }
    }
}

impl Place {
    fn waits(&self) -> bool {
        match self {
            Place::Waits => true,
            Place::Sequence(parts) => parts.iter().any(Place::waits),
            Place::Known(_) | Place::Read(..) | Place::Nothing => false,
        }
    }

    /// The value after a run; `None` where it waits.
    fn item(&self, read: &[Array]) -> Result<Option<Item>> {
        Ok(Some(match self {
            Place::Known(host) => Item::Tensor(host.as_ref().clone()),
            Place::Read(index, element) => Item::Tensor(Host::from_array(*element, &read[*index])?),
            Place::Nothing => Item::Nothing,
            Place::Waits => return Ok(None),
            Place::Sequence(parts) => {
                let items = parts.iter().map(|part| part.item(read)).collect::<Result<Option<Vec<_>>>>()?;
                match items {
                    Some(items) => Item::Sequence(items),
                    None => return Ok(None),
                }
            }
        }))
    }
}
