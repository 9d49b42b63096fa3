//! A session that is imagined: it compiles programs and counts their memory, without a device.
//!
//! Asked for the same programs, states and runs in the same order, it has the buffers that a session has, to
//! the byte: where states stand is decided by the same [`Standing`], and a plan says all else. What the driver
//! keeps beside the buffers it does not know.

use std::collections::{BTreeMap, HashMap, HashSet};

use anygrad_graph::core::{Caps, Error, Result};
use anygrad_graph::{Graph, Meta, Origin, Tensor};

use crate::analysis::{Held, ProgramForecast, Purpose, Split};
use crate::assemble::padded;
use crate::plan::{Plan, SlotId};
use crate::standing::{BufferId, Place, Settled, Standing};
use crate::{Options, compile_with};

/// The programs of a session and their memory, as far as they were asked for.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    caps: Caps,
    standing: Standing,
    programs: Vec<Program>,
    /// The size of each buffer of states that someone still holds.
    sizes: HashMap<BufferId, u64>,
    /// What each state is, and what some are for.
    states: BTreeMap<String, Meta>,
    purposes: HashMap<String, Purpose>,
    peak: u64,
    at_peak: Split,
    ready: Option<u64>,
}

#[derive(Clone, Debug)]
struct Program {
    plan: Plan,
    memory: BTreeMap<SlotId, Place>,
    moves: u64,
    forecast: ProgramForecast,
    /// What it has for itself: working memory, inputs, constants, parameters of dispatches.
    own: u64,
    runs: u64,
}

impl Rehearsal {
    /// A session on an adapter that can do this.
    pub fn new(caps: Caps) -> Self {
        Rehearsal {
            caps,
            standing: Standing::default(),
            programs: Vec::new(),
            sizes: HashMap::new(),
            states: BTreeMap::new(),
            purposes: HashMap::new(),
            peak: 0,
            at_peak: Split::default(),
            ready: None,
        }
    }

    /// Says what states are for that programs ask for later; those that nobody tells of are the
    /// optimizer's.
    pub fn tell(&mut self, name: &str, purpose: Purpose) {
        self.purposes.insert(name.into(), purpose);
    }

    /// Compiles a graph as a session does; the number of the program.
    ///
    /// # Errors
    /// As [`compile_with`].
    pub fn compile(
        &mut self,
        name: &str,
        graph: &Graph,
        outputs: &[Tensor<'_>],
        options: Options,
    ) -> Result<usize> {
        let plan = compile_with(graph, outputs, &self.caps, options)?;
        for (name, id) in graph.named_values() {
            if matches!(graph.origin(id), Origin::State(_)) {
                self.states.insert(name, graph.meta(id));
            }
        }
        let forecast = ProgramForecast::of(name, &plan, graph, &self.caps);
        let settled = self.standing.settle(&plan);
        self.apply(&settled);
        let (moves, whole) = (self.standing.moves(), plan.memory());
        let own = whole.total() - whole.states;
        self.programs.push(Program { plan, memory: settled.memory, moves, forecast, own, runs: 0 });
        self.note(0);
        Ok(self.programs.len() - 1)
    }

    /// Gives a state a buffer, unless it stands somewhere; as writing it does.
    pub fn put_state(&mut self, name: &str, meta: Meta) {
        self.states.insert(name.into(), meta);
        if self.standing.get(name).is_none() {
            self.apply(&self.standing.alone(name, meta.bytes()));
        }
    }

    /// Runs a program: states move to where it needs them.
    ///
    /// # Errors
    /// There is no such program.
    pub fn run(&mut self, program: usize) -> Result<()> {
        let missing = || Error::internal(format!("program {program} was not compiled"));
        let runner = self.programs.get(program).ok_or_else(missing)?;
        if runner.moves != self.standing.moves() {
            let settled = self.standing.settle(&runner.plan);
            let parameters = runner.plan.memory().parameters;
            self.apply(&settled);
            let moves = self.standing.moves();
            if settled.memory != self.programs[program].memory {
                // The new parameters of dispatches are there before the old ones go.
                self.note(parameters);
            }
            let runner = &mut self.programs[program];
            (runner.memory, runner.moves) = (settled.memory, moves);
            self.note(0);
        }
        self.programs[program].runs += 1;
        Ok(())
    }

    /// Takes note of the memory as that with which the first step runs.
    pub fn mark_ready(&mut self) {
        self.ready.get_or_insert(self.live());
    }

    /// Bytes of all buffers with which the first step ran, or now where none was marked.
    pub fn ready(&self) -> u64 {
        self.ready.unwrap_or(self.live())
    }

    /// Bytes of all buffers now.
    pub fn live(&self) -> u64 {
        self.sizes.values().sum::<u64>() + self.programs.iter().map(|program| program.own).sum::<u64>()
    }

    /// The most that [`Rehearsal::live`] was.
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// By purpose, what there was at the peak.
    pub fn memory(&self) -> Split {
        self.at_peak
    }

    /// The adapter.
    pub fn caps(&self) -> &Caps {
        &self.caps
    }

    /// The programs, in the order in which they were compiled, with the number of their runs.
    pub fn programs(&self) -> impl Iterator<Item = (&ProgramForecast, u64)> {
        self.programs.iter().map(|program| (&program.forecast, program.runs))
    }

    /// Names, purposes and shapes of all states.
    pub fn states(&self) -> impl Iterator<Item = (&str, Purpose, Meta)> {
        let standing = self.states.iter().filter(|(name, _)| self.standing.get(name).is_some());
        standing.map(|(name, meta)| (name.as_str(), self.purpose(name), *meta))
    }

    fn purpose(&self, state: &str) -> Purpose {
        self.purposes.get(state).copied().unwrap_or(Purpose::Optimizer)
    }

    /// The states, as values that take memory.
    pub(crate) fn held_states(&self) -> impl Iterator<Item = Held> {
        self.states().map(|(name, purpose, meta)| Held {
            name: name.into(),
            layer: None,
            shape: meta.to_string(),
            purpose,
            bytes: padded(meta.bytes()),
            line: None,
            steps: None,
        })
    }

    /// Makes the buffers of states, and forgets those that nobody holds.
    fn apply(&mut self, settled: &Settled) {
        self.sizes.extend(settled.made.iter().map(|new| (new.buffer, new.bytes)));
        // New buffers are there before old ones go.
        self.peak_now(0);
        self.standing.accept(settled);
        self.note(0);
    }

    /// Forgets buffers that nobody holds; what is there, and `more`, may be the most so far.
    fn note(&mut self, more: u64) {
        let held: HashSet<BufferId> = self
            .programs
            .iter()
            .flat_map(|program| program.memory.values().map(|place| place.buffer))
            .collect();
        let standing = self.standing.buffers();
        self.sizes.retain(|buffer, _| standing.contains_key(buffer) || held.contains(buffer));
        self.peak_now(more);
    }

    fn peak_now(&mut self, more: u64) {
        if self.live() + more > self.peak {
            self.peak = self.live() + more;
            self.at_peak = self.split();
            self.at_peak.workspace += more;
        }
    }

    /// What there is, by purpose. Memory of states in which none stands any more, or that lies between two, is
    /// workspace.
    fn split(&self) -> Split {
        let mut split = self.programs.iter().fold(Split::default(), |sum, p| sum + p.forecast.memory);
        let mut named = 0;
        for (name, place) in
            self.standing.places().filter(|(_, place)| self.sizes.contains_key(&place.buffer))
        {
            split.add(self.purpose(name), place.bytes);
            named += place.bytes;
        }
        split.workspace += self.sizes.values().sum::<u64>() - named;
        split
    }
}
