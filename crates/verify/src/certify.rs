//! The run: which cases, on how many sessions at once, and what becomes of what fails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use anygrad_core::{Caps, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::{Case, Graph, ops};
use anygrad_plan::compile_with;
use pollster::block_on;

use crate::blame::{Exclusion, blame};
use crate::check::{Checked, Extent, Failure, PLANS, Prepared};
use crate::fuzz::{self, FuzzReport};
use crate::report::{OpReport, Report};
use crate::{training, trouble};

/// What is verified, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only operators whose name starts with one of these; all of them, and the trainings, when
    /// empty. The word `none` selects no operator.
    pub ops: Vec<String>,
    /// Chooses the numbers that inputs are filled with.
    pub seed: u64,
    /// Only one case for each operator and each kernel, and no sizes near the adapter's limits.
    pub quick: bool,
    /// How many random graphs are run.
    pub fuzz: usize,
    /// How many sessions work at once; 0 counts as 1. Software adapters compile kernels on one
    /// processor each, so several are faster there.
    pub jobs: usize,
}

/// What is going on.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// Cases, trainings and random graphs that are done.
    pub done: usize,
    /// All of them.
    pub of: usize,
    /// The one that was done last.
    pub name: &'a str,
}

/// Devices that may be lost before the run is given up: each loss is a failure of one case.
const MAX_LOST: usize = 10;

/// Verifies an adapter. `open` opens a session on it, anew after a loss; `progress` hears of
/// everything that is done.
///
/// # Errors
/// `ops` selects nothing, or no session could be opened, or too many devices were lost.
pub fn certify(
    open: &(dyn Fn() -> Result<Session> + Sync),
    options: &Options,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Report> {
    let session = open()?;
    let caps = session.caps().clone();
    let cases = select(&options.ops, options.quick, &caps)?;
    let is_complete = options.ops.is_empty();
    let trainings = if is_complete { training::COUNT } else { 0 };
    let of = cases.len() + trainings + options.fuzz;
    let extent = if options.quick { Extent::QUICK } else { Extent::WHOLE };
    let work = Work { open, jobs: options.jobs.max(1), done: AtomicUsize::new(0), of, progress };

    let checked = work.each(cases.len(), |session, i| {
        let checked = match Prepared::new(&cases[i], options.seed, extent) {
            Ok(prepared) => block_on(prepared.check(session)),
            Err(error) => Checked::failed(&cases[i], error),
        };
        (cases[i].name.clone(), checked.is_lost, checked)
    })?;
    let trained = work.each(trainings, |session, i| {
        let report = block_on(training::run(&session.excluding(&session.caps().excluded), i, options.seed));
        let lost = report.as_ref().is_err_and(Error::is_device_lost);
        (training::name(i), lost, report.unwrap_or_else(|error| training::failed(i, error)))
    })?;
    let fuzzed = work.each(options.fuzz, |session, i| {
        let seed = options.seed.wrapping_add(i as u64);
        (format!("random graph {seed}"), false, fuzz::run(session, seed))
    })?;

    let excluded = exclusions(&session, &cases, &checked, (options.seed, extent));
    let (ops, kernels) = by_operator(&cases, checked);
    Ok(Report {
        adapter: caps.name,
        driver: caps.driver,
        backend: caps.backend,
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        seed: options.seed,
        quick: options.quick,
        complete: is_complete,
        ops,
        kernels,
        trainings: trained,
        fuzz: (options.fuzz > 0).then(|| {
            fuzzed.into_iter().fold(FuzzReport::default(), |mut all, one| {
                all.join(one);
                all
            })
        }),
        excluded,
    })
}

/// The cases that are run.
fn select(names: &[String], quick: bool, caps: &Caps) -> Result<Vec<Case>> {
    let mut all = ops::cases();
    if !quick {
        all.extend(trouble::cases(caps));
    }
    if names == ["none"] {
        return Ok(Vec::new());
    }
    for name in names {
        if !all.iter().any(|case| case.op().starts_with(name.as_str())) {
            let known: BTreeSet<&str> = all.iter().map(Case::op).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::input(format!("no operator starts with {name:?}; there is {known}")));
        }
    }
    all.retain(|case| names.is_empty() || names.iter().any(|name| case.op().starts_with(name.as_str())));
    Ok(if quick { representatives(all, caps) } else { all })
}

/// The first case of each operator, and every case that reaches a kernel that none before it does.
fn representatives(cases: Vec<Case>, caps: &Caps) -> Vec<Case> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut is_new = |case: &Case| {
        let graph = Graph::new();
        let Ok(built) = case.graph(&graph) else { return true };
        let plans = PLANS.iter().map(|(_, options)| compile_with(&graph, &built.outputs(), caps, *options));
        let kernels: BTreeSet<&'static str> = plans.flatten().flat_map(|plan| plan.kernels()).collect();
        let known = reached.len();
        reached.insert(format!("operator {}", case.op()));
        reached.extend(kernels.into_iter().map(String::from));
        reached.len() > known
    };
    cases.into_iter().filter(|case| is_new(case)).collect()
}

/// What is at fault in the cases that failed.
fn exclusions(
    session: &Session,
    cases: &[Case],
    checked: &[Checked],
    (seed, extent): (u64, Extent),
) -> Vec<Exclusion> {
    let mut excluded: Vec<Exclusion> = Vec::new();
    for (case, checked) in cases.iter().zip(checked) {
        if checked.failures.is_empty() || checked.is_lost {
            continue;
        }
        let Ok(prepared) = Prepared::new(case, seed, extent) else { continue };
        let found = block_on(blame(session, &prepared, checked, &excluded));
        excluded.extend(found.into_iter().map(|name| Exclusion { name, because: case.name.clone() }));
    }
    excluded.sort_by(|a, b| a.name.cmp(&b.name));
    excluded
}

fn by_operator(cases: &[Case], checked: Vec<Checked>) -> (Vec<OpReport>, BTreeMap<String, usize>) {
    let mut ops: BTreeMap<String, OpReport> = BTreeMap::new();
    let mut kernels = BTreeMap::new();
    for (case, checked) in cases.iter().zip(checked) {
        let report = ops.entry(case.op().to_owned()).or_default();
        if report.cases == 0 || checked.errors.forward > report.errors.forward {
            report.tolerance = case.tolerance.to_string();
        }
        report.op = case.op().to_owned();
        report.cases += 1;
        report.errors.join(&checked.errors);
        report.failures.extend(checked.failures);
        checked.kernels.into_iter().for_each(|kernel| *kernels.entry(kernel).or_default() += 1);
    }
    (ops.into_values().collect(), kernels)
}

impl Checked {
    fn failed(case: &Case, error: Error) -> Self {
        let failure =
            Failure { case: case.name.clone(), place: "interpreter".into(), finding: error.to_string() };
        Checked { failures: vec![failure], ..Checked::default() }
    }
}

/// Things to do on sessions of one adapter.
struct Work<'a> {
    open: &'a (dyn Fn() -> Result<Session> + Sync),
    jobs: usize,
    done: AtomicUsize,
    of: usize,
    progress: &'a (dyn Fn(Progress<'_>) + Sync),
}

impl Work<'_> {
    /// Does `count` things, several at once, each session on a thread. `one` gives its name, whether
    /// the session is of no use any more, and its result; the results come in their order.
    fn each<T: Send>(
        &self,
        count: usize,
        one: impl Fn(&Session, usize) -> (String, bool, T) + Sync,
    ) -> Result<Vec<T>> {
        let results: Vec<Mutex<Option<T>>> = (0..count).map(|_| Mutex::new(None)).collect();
        let (next, lost) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let worker = || -> Result<()> {
            let mut session = None;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(place) = results.get(number) else { return Ok(()) };
                let current = match &session {
                    Some(current) => current,
                    None => session.insert((self.open)()?),
                };
                let (name, is_lost, result) = one(current, number);
                *place.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
                let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
                (self.progress)(Progress { done, of: self.of, name: &name });
                if is_lost {
                    session = None;
                    if lost.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_LOST {
                        return Err(Error::device_lost(format!(
                            "{MAX_LOST} devices were lost, at last in {name}"
                        )));
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..self.jobs.min(count)).map(|_| scope.spawn(worker)).collect();
            let ended = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|_| Err(Error::internal("a worker of the verification panicked")))
            });
            ended.collect::<Result<()>>()
        })?;
        let result =
            |place: Mutex<Option<T>>| place.into_inner().unwrap_or_else(|poison| poison.into_inner());
        let missing = || Error::internal("a worker of the verification left something out");
        results.into_iter().map(|place| result(place).ok_or_else(missing)).collect()
    }
}
