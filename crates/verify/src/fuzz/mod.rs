//! Random graphs: fused, unfused and interpreted results agree, a second run gives the same bits,
//! mistakes give errors, and nothing panics.
//!
//! How far results may be apart follows from the graph itself: the interpreter runs it again with every
//! value rounded to `f32`, with every value moved by a few units in the last place, and with moved
//! inputs. What these change, times a factor for sums that a kernel takes in `f32`, is allowed.

mod draw;

use std::panic::{AssertUnwindSafe, catch_unwind};

use anygrad_core::{Array, Error, Result};
use anygrad_gpu::Session;
use anygrad_graph::{Fill, Graph, Interpreter, Origin, Precision, Tensor, Values};
use anygrad_plan::{Options, Recompute};
use pollster::block_on;
use serde::Serialize;

use crate::check::{Failure, PLANS, Way};
use draw::Drawn;

/// Operators of a whole graph, gradients not counted.
const OPERATORS: usize = 12;

/// One graph of so many is drawn without looking at shapes.
const CARELESS: u64 = 4;

/// As if the adapter showed no more in one binding: larger values are cut.
const CUT: Way = ("cut", Options { max_binding_bytes: 4096, ..Options::DEFAULT });

/// Where that takes less memory, gradients compute again what they read.
const AGAIN: Way = ("computed again", Options { recompute: Recompute::Segments(3), ..Options::DEFAULT });

/// What the rounding of a kernel's own sums adds to that of single values, as a factor.
const SLACK: f64 = 8.0;

/// How far inputs are moved: a few units in the last place, relative and absolute.
const NUDGE: f64 = 2.4e-7;

/// Where more than this share of a value's size is uncertain, comparing it says nothing.
const HOPELESS: f64 = 0.02;

/// What random graphs came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FuzzReport {
    /// Graphs that were drawn.
    pub graphs: usize,
    /// Those that held a mistake, and whose error said so.
    pub refused: usize,
    /// Values that were compared.
    pub compared: usize,
    /// Values that rounding alone changes so much that comparing them says nothing.
    pub uncertain: usize,
    /// The largest difference, as a share of what is allowed.
    pub worst: f64,
    /// What did not hold.
    pub failures: Vec<Failure>,
}

impl FuzzReport {
    pub(crate) fn join(&mut self, other: FuzzReport) {
        self.graphs += other.graphs;
        self.refused += other.refused;
        self.compared += other.compared;
        self.uncertain += other.uncertain;
        self.worst = self.worst.max(other.worst);
        self.failures.extend(other.failures);
    }
}

const NAME: &str = "random graph";

impl Failure {
    /// The seed of the random graph that failed.
    pub(crate) fn fuzz_seed(&self) -> Option<u64> {
        self.case.strip_prefix(NAME)?.trim().parse().ok()
    }
}

/// Runs a graph in four plans, each twice, and compares its outputs with the interpreter's in double precision.
/// Inputs are filled: floats from -1 to 1, integers and truth values with 0 and 1. So any model can be certified on
/// an adapter, without a file of what it should give.
///
/// # Errors
/// The graph holds a mistake, has states, or the device failed.
pub fn check_graph(
    session: &Session,
    graph: &Graph,
    outputs: &[Tensor<'_>],
    seed: u64,
) -> Result<FuzzReport> {
    let mut inputs = Vec::new();
    for id in graph.ids() {
        match graph.origin(id) {
            Origin::Input(name) => inputs.push((name, graph.tensor(id))),
            Origin::State(name) => {
                return Err(Error::unsupported(format!("a graph with the state {name:?}: give constants")));
            }
            Origin::Constant(_) | Origin::Node(..) => {}
        }
    }
    let outputs = outputs.iter().map(|output| graph.tensor(output.id())).collect();
    let drawn = Drawn { inputs, outputs, story: Vec::new() };
    let mut attempt =
        Attempt { report: FuzzReport { graphs: 1, ..FuzzReport::default() }, story: String::new() };
    let findings = attempt.compare_drawn(session, graph, &drawn, seed)?;
    let failure = |(place, finding)| Failure { case: "model".into(), place, finding };
    attempt.report.failures = findings.into_iter().map(failure).collect();
    Ok(attempt.report)
}

/// Draws the graph of a seed and runs it. A failure is tried again with ever fewer operators.
pub(crate) fn run(session: &Session, seed: u64) -> FuzzReport {
    let mut report = one(session, seed, OPERATORS);
    if !report.failures.is_empty() {
        let shorter = (0..OPERATORS).map(|operators| one(session, seed, operators).failures);
        if let Some(failures) = shorter.into_iter().find(|failures| !failures.is_empty()) {
            report.failures = failures;
        }
    }
    report
}

fn one(session: &Session, seed: u64, operators: usize) -> FuzzReport {
    let mut attempt =
        Attempt { report: FuzzReport { graphs: 1, ..FuzzReport::default() }, story: String::new() };
    let session = session.excluding(&session.caps().excluded);
    let is_careless = seed % CARELESS == CARELESS - 1;
    let run = AssertUnwindSafe(|| match is_careless {
        true => attempt.refuse(&session, seed, operators),
        false => attempt.compare(&session, seed, operators),
    });
    let finding = match catch_unwind(run) {
        Ok(Ok(findings)) => findings,
        Ok(Err(error)) => vec![("error".into(), error.to_string())],
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            vec![("panic".into(), text.into())]
        }
    };
    let Attempt { mut report, story } = attempt;
    report.failures.extend(finding.into_iter().map(|(place, finding)| Failure {
        case: format!("{NAME} {seed}"),
        place: format!("{place}; {story}"),
        finding,
    }));
    report
}

/// Where something was found, and what.
type Findings = Vec<(String, String)>;

struct Attempt {
    report: FuzzReport,
    /// The operators of the graph.
    story: String,
}

impl Attempt {
    /// A graph that probably holds a mistake: the error says so, or it runs.
    fn refuse(&mut self, session: &Session, seed: u64, operators: usize) -> Result<Findings> {
        let graph = Graph::new();
        let drawn = draw::careless(&graph, seed, operators);
        self.story = drawn.story.join(", ");
        if graph.check().is_err() {
            self.report.refused = 1;
            return Ok(Vec::new());
        }
        for (_, options) in PLANS {
            let mut program = match session.compile_with(&graph, &drawn.outputs, options) {
                Err(error) if error.is_shape() || error.is_unsupported() => {
                    self.report.refused = 1;
                    return Ok(Vec::new());
                }
                other => other?,
            };
            for (name, x) in &drawn.inputs {
                program.write(name, &fill(name, seed, *x, 0.0).to_array())?;
            }
            program.run()?;
            block_on(program.read(0))?;
        }
        Ok(Vec::new())
    }

    /// A graph without a mistake: all ways of running it agree.
    fn compare(&mut self, session: &Session, seed: u64, operators: usize) -> Result<Findings> {
        let graph = Graph::new();
        let drawn = draw::sound(&graph, seed, operators);
        self.story = drawn.story.join(", ");
        self.compare_drawn(session, &graph, &drawn, seed)
    }

    /// All ways of running a graph agree.
    fn compare_drawn(
        &mut self,
        session: &Session,
        graph: &Graph,
        drawn: &Drawn<'_>,
        seed: u64,
    ) -> Result<Findings> {
        graph.check()?;
        let (wanted, allowed) = expectations(graph, drawn, seed)?;
        let mut findings = Vec::new();
        for (how, options) in PLANS.into_iter().chain([CUT, AGAIN]) {
            let mut program = match session.compile_with(graph, &drawn.outputs, options) {
                // Not every operator can be cut; the error says so before anything runs.
                Err(error) if how == CUT.0 && error.is_unsupported() => continue,
                other => other?,
            };
            for (name, x) in &drawn.inputs {
                program.write(name, &fill(name, seed, *x, 0.0).to_array())?;
            }
            let mut bits: Vec<Array> = Vec::new();
            for repeat in 0..2 {
                program.run()?;
                for place in 0..wanted.len() {
                    let got = block_on(program.read(place))?;
                    if repeat == 0 {
                        findings.extend(self.judge(
                            how,
                            place,
                            &got,
                            &wanted[place],
                            allowed[place].as_deref(),
                        ));
                        bits.push(got);
                    } else if got.bytes() != bits[place].bytes() {
                        findings
                            .push((format!("{how}, output {place}"), "a second run gave other bits".into()));
                    }
                }
            }
        }
        Ok(findings)
    }

    fn judge(
        &mut self,
        how: &str,
        place: usize,
        got: &Array,
        want: &Values,
        allowed: Option<&[f64]>,
    ) -> Option<(String, String)> {
        let Some(allowed) = allowed else {
            self.report.uncertain += 1;
            return None;
        };
        self.report.compared += 1;
        let got = got.to_f64();
        let share = |i: usize| {
            if got[i] == want.data[i] { 0.0 } else { (got[i] - want.data[i]).abs() / allowed[i] }
        };
        let shares = (0..got.len()).map(|i| (i, share(i)));
        // NaN, where a number was wanted, is the worst of all.
        let (at, worst) = shares.max_by(|a, b| a.1.total_cmp(&b.1))?;
        self.report.worst = self.report.worst.max(worst);
        let holds = worst <= 1.0;
        (!holds).then(|| {
            let finding =
                format!("element {at} is {}, wanted {} within {:.1e}", got[at], want.data[at], allowed[at]);
            (format!("{how}, output {place}"), finding)
        })
    }
}

/// The numbers of an input, each moved at random by up to `nudge`, relative and absolute.
fn fill(name: &str, seed: u64, x: Tensor<'_>, nudge: f64) -> Values {
    let number: u64 = name.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let count = x.shape().elements();
    let mut data = Fill::Uniform(-1.0, 1.0).numbers(count, number);
    if !x.dtype().is_float() {
        // As indices they are within any table of two rows.
        data.iter_mut().for_each(|x| *x = f64::from(u8::from(*x > 0.0)));
        return Values { meta: x.meta(), data };
    }
    if nudge > 0.0 {
        let moves = Fill::Uniform(-nudge, nudge).numbers(count, number ^ nudge.to_bits());
        data.iter_mut().zip(moves).for_each(|(x, step)| *x += step * (1.0 + x.abs()));
    }
    Values { meta: x.meta(), data }
}

/// How far each element may be off; None where that is too far for a comparison to say anything.
type Allowed = Option<Vec<f64>>;

/// What is wanted of each output, and how far each element may be off; None where rounding alone
/// changes so much that a comparison says nothing.
fn expectations(graph: &Graph, drawn: &Drawn<'_>, seed: u64) -> Result<(Vec<Values>, Vec<Allowed>)> {
    let ids: Vec<_> = drawn.outputs.iter().map(|output| output.id()).collect();
    let interpret = |precision, nudge: f64| {
        let mut interpreter = Interpreter::new(precision);
        for (name, x) in &drawn.inputs {
            interpreter.write_values(name, fill(name, seed, *x, nudge));
        }
        interpreter.run_values(graph, &ids)
    };
    let wanted = interpret(Precision::F64, 0.0)?;
    let shaken = [
        interpret(Precision::F32, 0.0)?,
        interpret(Precision::Shaken(1), 0.0)?,
        interpret(Precision::Shaken(2), NUDGE)?,
    ];
    let allowed = wanted.iter().enumerate().map(|(place, want)| {
        let largest = want.data.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        let differences =
            shaken.iter().flat_map(|run| run[place].data.iter().zip(&want.data).map(|(a, b)| (a - b).abs()));
        // NaN counts as beyond all bounds.
        let moved = differences.fold(0.0f64, |most, d| if d.is_nan() { f64::INFINITY } else { most.max(d) });
        let uncertainty = SLACK * moved + 1e-6 * largest + f64::from(f32::MIN_POSITIVE);
        (uncertainty <= HOPELESS * largest + 1e-5)
            .then(|| want.data.iter().map(|x| uncertainty + 2e-6 * x.abs()).collect())
    });
    let allowed = allowed.collect();
    Ok((wanted, allowed))
}
