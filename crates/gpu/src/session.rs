//! Sessions: graphs become programs, and programs run, on a device or on the interpreter.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anygrad_core::{Array, Caps, Error, Result};
use anygrad_graph::{Graph, Interpreter, Meta, Origin, Precision, Tensor, ValueId};

use crate::adapter::Choice;
use crate::guard::lock;

/// Where programs run, and the state that they share: parameters and optimizer state, by name.
///
/// Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    caps: Caps,
    engine: Engine,
    metas: Mutex<HashMap<String, Meta>>,
}

enum Engine {
    Cpu(Mutex<Interpreter>),
}

/// A compiled graph: write its inputs, run it, read its outputs.
pub struct Program {
    session: Session,
    graph: Graph,
    outputs: Vec<ValueId>,
    results: Vec<Array>,
}

impl Session {
    /// A session on the chosen adapter, or on the interpreter.
    ///
    /// # Errors
    /// There is no such adapter, or its driver failed.
    pub async fn open(choice: &Choice) -> Result<Self> {
        match choice {
            _ => Ok(Session::interpreter()),
        }
    }

    /// A session on the interpreter: slow, and available everywhere.
    pub fn interpreter() -> Self {
        let caps = Caps { name: "built-in CPU interpreter".into(), ..Caps::baseline() };
        let engine = Engine::Cpu(Mutex::new(Interpreter::new(Precision::F32)));
        Session(Arc::new(Inner { caps, engine, metas: Mutex::default() }))
    }

    /// What the session runs on.
    pub fn caps(&self) -> &Caps {
        &self.0.caps
    }

    /// Compiles a graph for these outputs and all its updates. State keeps its value when another
    /// program of the session has used it before.
    ///
    /// # Errors
    /// The graph holds a mistake, the adapter's limits do not allow it, or the device failed.
    pub fn compile(&self, graph: &Graph, outputs: &[Tensor<'_>]) -> Result<Program> {
        graph.check()?;
        for (name, id) in graph.named_values() {
            if matches!(graph.origin(id), Origin::State(_)) {
                let meta = graph.meta(id);
                match lock(&self.0.metas).entry(name.clone()).or_insert(meta) {
                    known if *known != meta => {
                        return Err(Error::shape(format!("state {name:?} is {known} already, not {meta}")));
                    }
                    _ => {}
                }
            }
        }
        Ok(Program {
            session: self.clone(),
            graph: graph.clone(),
            outputs: outputs.iter().map(|t| t.id()).collect(),
            results: Vec::new(),
        })
    }

    /// Sets a piece of state that a program has.
    ///
    /// # Errors
    /// No program has it, it has another shape, or the device failed.
    pub fn write_state(&self, name: &str, array: &Array) -> Result<()> {
        let meta = self.state_meta(name)?;
        if (array.shape(), array.dtype()) != (meta.shape, meta.dtype) {
            let given = Meta { shape: array.shape(), dtype: array.dtype() };
            return Err(Error::shape(format!("state {name:?} takes {meta}, {given} was written")));
        }
        match &self.0.engine {
            Engine::Cpu(interpreter) => lock(interpreter).write(name, array),
        }
        Ok(())
    }

    /// A piece of state as it stands.
    ///
    /// # Errors
    /// No program has it, or the device failed.
    pub async fn read_state(&self, name: &str) -> Result<Array> {
        let meta = self.state_meta(name)?;
        match &self.0.engine {
            Engine::Cpu(interpreter) => {
                Ok(lock(interpreter).read(name).unwrap_or_else(|| Array::zeros(meta.shape, meta.dtype)))
            }
        }
    }

    fn state_meta(&self, name: &str) -> Result<Meta> {
        let meta = lock(&self.0.metas).get(name).copied();
        meta.ok_or_else(|| Error::input(format!("no program has a state {name:?}")))
    }
}

impl Program {
    /// Sets an input for the next runs.
    ///
    /// # Errors
    /// There is no such input, it has another shape, or the device failed.
    pub fn write(&mut self, name: &str, array: &Array) -> Result<()> {
        let _ = self.graph.find(name).ok_or_else(|| Error::input(format!("no input {name:?}")))?;
        match &self.session.0.engine {
            Engine::Cpu(interpreter) => lock(interpreter).write(name, array),
        }
        Ok(())
    }

    /// Runs the program once: one submit on a device, which comes back before it is done.
    ///
    /// # Errors
    /// An input was not written, or the device failed.
    pub fn run(&mut self) -> Result<()> {
        match &self.session.0.engine {
            Engine::Cpu(interpreter) => {
                let mut interpreter = lock(interpreter);
                let values = interpreter.run_values(&self.graph, &self.outputs)?;
                self.results = values.iter().map(|v| v.to_array()).collect();
            }
        }
        Ok(())
    }

    /// An output of the last run, by its place in the list given to [`Session::compile`].
    ///
    /// # Errors
    /// There is no such output, nothing was run yet, or the device failed.
    pub async fn read(&mut self, output: usize) -> Result<Array> {
        let result = self.results.get(output).cloned();
        result.ok_or_else(|| Error::input(format!("output {output} was not computed yet")))
    }
}
