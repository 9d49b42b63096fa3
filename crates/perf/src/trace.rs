//! Recordings as traces in the JSON form of Chrome's trace events, which `chrome://tracing` and
//! <https://ui.perfetto.dev> show: a track for the device, one for the host.

use anygrad_gpu::{HostSpan, Profile, Recording, Span, Work};
use serde::Serialize;

/// A trace; as JSON it is a file that the viewers open.
#[derive(Clone, Debug, Serialize)]
pub struct Trace {
    /// What happened.
    #[serde(rename = "traceEvents")]
    events: Vec<Event>,
    /// The unit that viewers begin with.
    #[serde(rename = "displayTimeUnit")]
    unit: &'static str,
    /// What the trace is of.
    #[serde(rename = "otherData")]
    about: About,
}

#[derive(Clone, Debug, Serialize)]
struct About {
    adapter: String,
    /// Events that the recording had no room for.
    left_out: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Event {
    name: String,
    #[serde(rename = "cat")]
    category: &'static str,
    /// X: an event with a length; M: a name.
    #[serde(rename = "ph")]
    phase: &'static str,
    /// Microseconds.
    #[serde(rename = "ts")]
    start: f64,
    #[serde(rename = "dur")]
    length: f64,
    #[serde(rename = "pid")]
    process: u32,
    #[serde(rename = "tid")]
    track: u32,
    #[serde(rename = "args")]
    details: Details,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Details {
    /// Of a name: what is called so.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workgroups: Option<[u32; 3]>,
    /// Bytes of the storage that is bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    /// The line of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
}

const HOST: u32 = 1;
const DEVICE: u32 = 2;

impl Trace {
    /// An empty trace of what runs on an adapter.
    pub fn new(adapter: &str) -> Self {
        let about = About { adapter: adapter.to_owned(), left_out: 0 };
        Trace { events: Vec::new(), unit: "ms", about }
    }

    /// Adds a recording, on the same clock as those before: events by their starts, of those that
    /// start together the longer ones first, as nesting wants it.
    pub fn add(&mut self, recording: &Recording) {
        let runs = recording.runs.iter();
        let actions = runs.flat_map(|run: &Profile| run.work.iter().zip(&run.spans));
        let mut events: Vec<Event> = actions.map(|(work, span)| action(work, *span)).collect();
        events.extend(recording.host.iter().map(host));
        events.sort_by(|a, b| a.start.total_cmp(&b.start).then(b.length.total_cmp(&a.length)));
        let sources = recording.runs.first().map_or("nothing ran".to_owned(), |run| run.source.to_string());
        if self.events.is_empty() {
            let adapter = &self.about.adapter;
            self.events.push(named("process_name", HOST, "anygrad".to_owned()));
            self.events.push(named("thread_name", HOST, "host".to_owned()));
            self.events.push(named("thread_name", DEVICE, format!("{adapter}: {sources}")));
        }
        self.events.extend(events);
        self.about.left_out += recording.left_out;
    }

    /// Events that recordings had no room for.
    pub fn left_out(&self) -> usize {
        self.about.left_out
    }
}

fn named(what: &str, track: u32, name: String) -> Event {
    Event {
        name: what.to_owned(),
        category: "name",
        phase: "M",
        start: 0.0,
        length: 0.0,
        process: 1,
        track,
        details: Details { name: Some(name), ..Details::default() },
    }
}

fn event(name: &str, category: &'static str, span: Span, track: u32, details: Details) -> Event {
    let (start, length) = (span.start as f64 / 1e3, span.length() as f64 / 1e3);
    Event { name: name.to_owned(), category, phase: "X", start, length, process: 1, track, details }
}

fn action(work: &Work, span: Span) -> Event {
    let is_kernel = work.workgroups != [0; 3];
    let details = Details {
        kernel: Some(work.kernel),
        workgroups: is_kernel.then_some(work.workgroups),
        bytes: Some(work.bytes),
        layer: work.layer.as_deref().map(String::from),
        line: work.line.map(|line| format!("{}:{}", line.file(), line.line())),
        ..Details::default()
    };
    event(&work.step, if is_kernel { "dispatch" } else { work.kernel }, span, DEVICE, details)
}

fn host(note: &HostSpan) -> Event {
    let details = Details { of: Some(note.detail.clone()), ..Details::default() };
    event(note.name, "host", note.span, HOST, details)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use anygrad_core::{Array, DType};
    use anygrad_gpu::{Recorder, Session};
    use anygrad_graph::Graph;
    use serde_json::Value;

    #[test]
    fn a_trace_is_json_whose_events_are_in_order_and_nest() {
        let recorder = Recorder::new(clock);
        let session = Session::interpreter().recorded_by(&recorder);
        let graph = Graph::new();
        let x = graph.input("x", &[4], DType::F32);
        let mut program =
            session.compile(&graph, &[graph.labelled("a \"layer\"", || x.exp().sum_all())]).unwrap();
        let mut trace = Trace::new("an adapter");
        for _ in 0..2 {
            program.write("x", &Array::f32(&[4], [0.5; 4]).unwrap()).unwrap();
            program.run().unwrap();
            program.run().unwrap();
            pollster::block_on(program.read(0)).unwrap();
            trace.add(&recorder.take());
        }
        let json: Value = serde_json::from_str(&serde_json::to_string(&trace).unwrap()).unwrap();
        let events = json["traceEvents"].as_array().unwrap();
        let track = |event: &Value| event["tid"].as_u64().unwrap();
        let names = events.iter().filter(|event| event["ph"] == "M").count();
        assert_eq!(names, 3);
        for wanted in [u64::from(HOST), u64::from(DEVICE)] {
            let spans: Vec<(f64, f64)> = events
                .iter()
                .filter(|event| event["ph"] == "X" && track(event) == wanted)
                .map(|event| (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap()))
                .collect();
            assert!(spans.len() >= 8, "{spans:?}");
            assert!(spans.is_sorted_by(|a, b| a.0 <= b.0), "{spans:?}");
            // What is open when an event starts holds it whole.
            let mut open: Vec<f64> = Vec::new();
            for (start, length) in spans {
                open.retain(|end| *end > start + 1e-6);
                assert!(open.iter().all(|end| start + length <= end + 1e-6), "{start} {length} {open:?}");
                open.push(start + length);
            }
        }
        let exp = events.iter().find(|event| event["name"] == "exp").unwrap();
        assert_eq!(exp["args"]["layer"], "a \"layer\"");
        assert_eq!((exp["tid"].as_u64(), exp["args"]["bytes"].as_u64()), (Some(2), Some(32)));
        assert!(exp["args"]["line"].as_str().unwrap().contains("trace.rs:"));
    }
}
