//! Names of values inside of one graph of a model.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

use crate::model::Opsets;
use crate::proto::AttributeProto;
use crate::value::Value;

/// Where a value is: the runs of graphs and functions that lead to it, and its name there. The main graph's path is
/// empty.
pub(crate) type Key = (String, String);

/// A model's names for values, inside of one graph of it.
pub(crate) struct Scope<'s, 'g> {
    pub(crate) values: RefCell<HashMap<String, Value<'g>>>,
    pub(crate) opsets: &'s Opsets,
    /// What tells the values of this graph from those of another run of it.
    pub(crate) path: String,
    outer: Option<&'s Scope<'s, 'g>>,
    /// In the body of a function: what it was called with.
    call: Option<Call<'s>>,
}

/// What a function was called with.
pub(crate) struct Call<'s> {
    /// Attributes by the name that they have in the function.
    pub(crate) attributes: Vec<(&'s str, &'s AttributeProto)>,
    /// Inputs that were left out.
    pub(crate) missing: HashSet<&'s str>,
}

impl<'s, 'g> Scope<'s, 'g> {
    /// The names of the main graph.
    pub(crate) fn main(values: HashMap<String, Value<'g>>, opsets: &'s Opsets) -> Self {
        Scope { values: values.into(), opsets, path: String::new(), outer: None, call: None }
    }

    /// The names of a graph inside of a node: those around it are in sight.
    pub(crate) fn inside(&'s self, path: String, values: HashMap<String, Value<'g>>) -> Self {
        Scope { values: values.into(), opsets: self.opsets, path, outer: Some(self), call: None }
    }

    /// The names of a function's body: it sees what it is given and nothing else.
    pub(crate) fn function(
        path: String,
        opsets: &'s Opsets,
        values: HashMap<String, Value<'g>>,
        call: Call<'s>,
    ) -> Self {
        Scope { values: values.into(), opsets, path, outer: None, call: Some(call) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<Value<'g>> {
        let own = self.values.borrow().get(name).cloned();
        own.or_else(|| self.outer.and_then(|outer| outer.find(name)))
    }

    /// A name of this graph, apart from the same one in other runs of the graph.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    /// The path of the graph whose value this is.
    pub(crate) fn home(&self, name: &str) -> &str {
        match self.outer {
            Some(outer) if !self.values.borrow().contains_key(name) => outer.home(name),
            _ => &self.path,
        }
    }

    /// The path of a graph or function that stands in this one, below the value that it makes. `step` tells runs of
    /// the same graph apart.
    pub(crate) fn below(&self, name: &str, step: &str) -> String {
        format!("{}{name:?}/{step}/", self.path)
    }

    /// An attribute of the call of the function that this is the body of, or a part of.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'s AttributeProto> {
        let call = self.call()?;
        call.attributes.iter().find(|(own, _)| *own == name).map(|(_, attribute)| *attribute)
    }

    /// Whether the name is an input of the function around, which the call left out.
    pub(crate) fn is_missing(&self, name: &str) -> bool {
        self.call().is_some_and(|call| call.missing.contains(name))
    }

    /// Whether the model's initializers are in sight.
    pub(crate) fn is_in_main(&self) -> bool {
        self.call().is_none()
    }

    fn call(&self) -> Option<&Call<'s>> {
        self.call.as_ref().or_else(|| self.outer.and_then(Scope::call))
    }
}
