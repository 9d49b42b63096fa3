//! The gradient check itself: what it says of right, wrong, missing and kinked gradients.

#![allow(clippy::unwrap_used, reason = "a test that fails may panic")]

use anygrad_core::{Array, Caps, DType, Error, Result};
use anygrad_graph::{
    At, GradientOptions, GradientReport, GradientVerdict, Grads, Graph, Interpreter, Layout, Lowering, Meta,
    Op, Precision, Tensor, Values, check_gradients,
};

/// x^3 with the gradient of x^2.
#[derive(Debug)]
struct WrongCube;

impl Op for WrongCube {
    fn name(&self) -> &'static str {
        "wrong_cube"
    }

    fn infer(&self, x: &[Meta]) -> Result<Vec<Meta>> {
        Ok(vec![x[0]])
    }

    fn reference(&self, x: &[&Values], y: &mut [Values]) {
        y[0].data.iter_mut().zip(&x[0].data).for_each(|(y, x)| *y = x.powi(3));
    }

    fn gradient<'g>(&self, at: &At<'g, '_>) -> Grads<'g> {
        vec![Some(at.dy() * at.x[0] * 2.0)]
    }

    fn lower(&self, _x: &[Layout], _y: &[Meta], _caps: &Caps) -> Result<Lowering> {
        Err(Error::unsupported("there is no kernel"))
    }
}

fn check<'g>(graph: &'g Graph, loss: Tensor<'g>, w: Tensor<'g>, numbers: &[f32]) -> GradientReport {
    let values = [("w".to_string(), Array::f32(&w.shape(), numbers).unwrap())];
    check_gradients(graph, loss, &[w], &values, &GradientOptions::default()).unwrap()
}

#[test]
fn a_right_gradient_holds_and_nothing_is_updated() {
    let graph = Graph::new();
    let w = graph.state("w", &[2, 3]);
    let x = graph.input("x", &[4, 2], DType::F32);
    let loss = x.matmul(w).tanh().square().mean_all();
    graph.update(w, w * 0.0);
    let values = [
        ("w".to_string(), Array::f32(&[2, 3], vec![0.1, -0.4, 1.0, 2.0, 0.0, -3.0]).unwrap()),
        ("x".to_string(), Array::f32(&[4, 2], vec![1.0, 2.0, -1.0, 0.5, 0.25, -2.0, 3.0, 0.125]).unwrap()),
    ];
    let report = check_gradients(&graph, loss, &[w, x], &values, &GradientOptions::default()).unwrap();
    assert!(report.passed() && report.warnings().count() == 0, "{report}");
    assert_eq!(report.parameters.iter().map(|p| p.probed).collect::<Vec<_>>(), [6, 8]);
    assert!(report.parameters.iter().all(|p| p.relative_error < 1e-8), "{report}");
    assert!(report.to_string().contains("w f32[2, 3]: holds, 6 elements tried"), "{report}");
}

#[test]
fn a_wrong_gradient_is_named_with_its_element() {
    let graph = Graph::new();
    let w = graph.state("w", &[2, 2]);
    let report = check(&graph, w.apply(WrongCube, &[w]).sum_all(), w, &[0.0, 0.5, 2.0 / 3.0, 3.0]);
    assert!(!report.passed());
    let found = &report.parameters[0];
    let worst = found.worst.as_ref().unwrap();
    // 3 x^2 and 2 x differ most at 3.
    assert_eq!((found.verdict, &worst.index[..]), (GradientVerdict::Differs, &[1, 1][..]));
    assert_eq!(worst.gradient, 6.0);
    assert!((worst.difference - 27.0).abs() < 1e-6 && (found.absolute_error - 21.0).abs() < 1e-6);
    assert!(report.to_string().contains("DIFFERS"), "{report}");
}

#[test]
fn small_gradients_are_no_excuse() {
    // All gradients are about 1e-5, and wrong by a factor.
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let loss = w.apply(WrongCube, &[w]).sum_all() * 1e-5;
    assert!(!check(&graph, loss, w, &[0.5, 1.0]).passed());
}

#[test]
fn parameters_without_a_gradient_are_told() {
    let graph = Graph::new();
    let (w, other) = (graph.state("w", &[3]), graph.state("other", &[2]));
    let loss = (w.floor() + 1.0).square().sum_all();
    let values = [("w".to_string(), Array::f32(&[3], vec![0.5, 1.5, 2.25]).unwrap())];
    let report = check_gradients(&graph, loss, &[w, other], &values, &GradientOptions::default()).unwrap();
    assert!(report.passed());
    let verdicts: Vec<GradientVerdict> = report.parameters.iter().map(|p| p.verdict).collect();
    assert_eq!(verdicts, [GradientVerdict::Zeros, GradientVerdict::Unreached]);
    assert_eq!(report.warnings().count(), 2);
    assert!(report.to_string().contains("other f32[2]: no gradient, the loss does not depend on it"));
}

#[test]
fn what_is_cut_off_differs() {
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let report = check(&graph, (w.detach() * w).sum_all(), w, &[1.0, 2.0]);
    assert_eq!(report.parameters[0].verdict, GradientVerdict::Differs, "{report}");
}

#[test]
fn kinks_are_no_mistakes() {
    let graph = Graph::new();
    let w = graph.state("w", &[4]);
    // At 0 and just beside it.
    let report = check(&graph, (w.relu() * 3.0).sum_all(), w, &[0.0, 1e-6, -1e-6, 1.0]);
    assert!(report.passed() && report.parameters[0].kinks == 1, "{report}");
}

#[test]
fn what_is_not_finite_is_told() {
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let report = check(&graph, w.sqrt().sum_all(), w, &[1.0, 0.0]);
    assert_eq!(report.parameters[0].verdict, GradientVerdict::NotFinite, "{report}");
    assert_eq!(report.parameters[0].worst.as_ref().unwrap().index, [1]);
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let double = w * 2.0;
    let error = check_gradients(&graph, double.sum_all(), &[double], &[], &GradientOptions::default());
    assert!(error.unwrap_err().to_string().contains("not of a result f32[2]"));
    let error = check_gradients(&graph, double, &[w], &[], &GradientOptions::default()).unwrap_err();
    assert!(error.is_shape(), "{error}");
}

#[test]
fn gradients_are_blamed_on_the_lines_of_the_model() {
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let model = w.tanh();
    let line = line!() - 1;
    let slope = graph.gradients(model.sum_all(), &[w])[0];
    let nodes = graph.nodes();
    let of_tanh: Vec<_> = nodes.iter().filter(|n| n.backward && n.place.line() == line).collect();
    assert!(!of_tanh.is_empty() && of_tanh.iter().all(|n| n.place.file().ends_with("check.rs")));
    assert!(nodes.iter().all(|n| n.place.file().ends_with("check.rs")), "{nodes:#?}");
    assert_eq!(graph.nodes().iter().filter(|n| n.outputs == [model.id()] && !n.backward).count(), 1);
    // And what comes after belongs to the model again.
    let after = slope + 1.0;
    assert!(graph.nodes().iter().any(|n| n.outputs == [after.id()] && !n.backward));
}

#[test]
fn the_interpreter_shows_nodes_and_keeps_state() {
    let graph = Graph::new();
    let w = graph.state("w", &[2]);
    let y = (w + 1.0).log();
    graph.update(w, y);
    let mut cpu = Interpreter::new(Precision::F64);
    cpu.write("w", &Array::f32(&[2], vec![0.0, -2.0]).unwrap());
    let mut seen = Vec::new();
    cpu.watch(&graph, &[], &mut |node, values| {
        seen.push((node.op.name(), values[0].data.iter().all(|x| x.is_finite())));
        seen.last().is_some_and(|(_, finite)| *finite)
    })
    .unwrap();
    assert_eq!(seen.last(), Some(&("log", false)));
    assert_eq!(cpu.evaluate(&graph, &[w.id()]).unwrap()[0].data, [0.0, -2.0]);
    assert_eq!(cpu.read("w").unwrap().to_f64(), [0.0, -2.0]);
}
