//! Recording: what the programs of a session cost, run by run, and what the host did meanwhile.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use anygrad_core::Result;

use super::Session;
use super::profile::{Clock, Profile, Span, Work};
use crate::guard::lock;

/// Spans of single runs that a recording keeps: a few hundred bytes each in a trace. Sums go on.
const MAX_SPANS: usize = 200_000;

/// Collects what programs cost. Clones are the same recorder.
#[derive(Clone)]
pub struct Recorder(Arc<(Clock, Mutex<Recording>)>);

/// What was recorded. All times are nanoseconds on the recorder's clock.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// What each program cost, over all its runs.
    pub programs: Vec<ProgramCost>,
    /// Single runs, in their order, as long as there was room.
    pub runs: Vec<Profile>,
    /// What the host did, in the order of the ends: `compile`, `upload`, `read`, and `run` with
    /// `record and submit` and `wait` in it.
    pub host: Vec<HostSpan>,
    /// Spans that found no room in `runs` and `host`.
    pub left_out: usize,
    spans: usize,
    place_of_program: HashMap<usize, usize>,
}

/// What one program cost.
#[derive(Clone, Debug)]
pub struct ProgramCost {
    /// What a run consists of.
    pub work: Arc<[Work]>,
    /// How many runs there were.
    pub runs: usize,
    /// What each piece of work took in the first run, in which drivers compile kernels.
    pub first: Vec<u64>,
    /// What each took in all later runs together.
    pub later: Vec<u64>,
    /// What each took in the run in which it was fastest.
    pub least: Vec<u64>,
}

/// Something that the host did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSpan {
    /// What it was.
    pub name: &'static str,
    /// Of what.
    pub detail: String,
    /// When.
    pub span: Span,
}

impl Recorder {
    /// A recorder with a clock of the host.
    pub fn new(now: Clock) -> Self {
        Recorder(Arc::new((now, Mutex::default())))
    }

    /// The clock.
    pub fn clock(&self) -> Clock {
        self.0.0
    }

    /// What was recorded since the last call.
    pub fn take(&self) -> Recording {
        std::mem::take(&mut *lock(&self.0.1))
    }

    /// Takes up a run that was profiled, as programs of a session with a recorder do by themselves.
    pub fn profiled(&self, profile: &Profile) {
        let mut recording = lock(&self.0.1);
        recording.add(profile);
        let parts = [
            ("record and submit", profile.submit),
            ("wait", Span { start: profile.submit.end, end: profile.run.end }),
            ("run", profile.run),
        ];
        // Where each action is waited for alone, nothing is submitted as a whole.
        for (name, span) in parts.into_iter().skip(if profile.submit.length() == 0 { 2 } else { 0 }) {
            recording.note(HostSpan { name, detail: format!("{} actions", profile.work.len()), span });
        }
        if recording.takes(profile.spans.len()) {
            recording.runs.push(profile.clone());
        }
    }

    /// Notes what the host does, where there is a recorder, until the result is dropped.
    pub(super) fn note_until_dropped(
        recorder: &Option<Recorder>,
        name: &'static str,
        detail: impl FnOnce() -> String,
    ) -> Option<Noted> {
        let recorder = recorder.clone()?;
        let start = recorder.clock()();
        Some(Noted { recorder, note: HostSpan { name, detail: detail(), span: Span { start, end: start } } })
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

/// The same recorder, not one that holds the same.
impl PartialEq for Recorder {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Something that the host is doing.
pub(super) struct Noted {
    recorder: Recorder,
    note: HostSpan,
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.note.span.end = self.recorder.clock()();
        lock(&self.recorder.0.1).note(self.note.clone());
    }
}

/// Does something, and notes it where there is a recorder.
pub(super) fn noted<T>(
    recorder: &Option<Recorder>,
    name: &'static str,
    detail: impl FnOnce() -> String,
    what: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let _noted = Recorder::note_until_dropped(recorder, name, detail);
    what()
}

impl Recording {
    fn add(&mut self, profile: &Profile) {
        let count = self.programs.len();
        let place = *self.place_of_program.entry(profile.work.as_ptr() as usize).or_insert(count);
        if place == count {
            self.programs.push(ProgramCost {
                work: Arc::clone(&profile.work),
                runs: 0,
                first: profile.spans.iter().map(|span| span.length()).collect(),
                later: vec![0; profile.spans.len()],
                least: vec![u64::MAX; profile.spans.len()],
            });
        }
        let program = &mut self.programs[place];
        program.runs += 1;
        for (place, span) in profile.spans.iter().enumerate() {
            if program.runs > 1 {
                program.later[place] += span.length();
            }
            program.least[place] = program.least[place].min(span.length());
        }
    }

    fn note(&mut self, note: HostSpan) {
        if self.takes(1) {
            self.host.push(note);
        }
    }

    /// Whether there is room for so many spans, which then is theirs.
    fn takes(&mut self, spans: usize) -> bool {
        let fits = self.spans + spans <= MAX_SPANS;
        *(if fits { &mut self.spans } else { &mut self.left_out }) += spans;
        fits
    }
}

impl Session {
    /// Another session on the same device, with state of its own, whose programs are timed in every
    /// run; they and those of sessions made from it tell the recorder. Each run then waits for the
    /// device.
    pub fn recorded_by(&self, recorder: &Recorder) -> Self {
        let mut inner = self.0.anew();
        inner.caps = self.0.caps.clone();
        (inner.change, inner.certificate) = (self.0.change.clone(), self.0.certificate.clone());
        inner.recorder = Some(recorder.clone());
        inner.into()
    }
}
