//! A kernel that is broken on purpose is found, named and done without.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use anygrad_core::{Array, DType, Result};
use anygrad_gpu::{Choice, Device, Session};
use anygrad_graph::Graph;
use anygrad_nn::{Adam, Dense, FitOptions, Loss, Sequential, Silent, Trainer};
use anygrad_plan::{Action, Plan};
use anygrad_verify::{Options, Report, certify};
use pollster::block_on;

fn open() -> Result<Session> {
    Ok(Session::on(block_on(Device::open(&Choice::from_env_or(Choice::Software)))?))
}

/// A change to the text of every kernel whose name starts so.
fn replacing(
    kernel: &'static str,
    from: &'static str,
    to: &'static str,
) -> impl Fn(&mut Plan) + Send + Sync + Copy {
    move |plan| {
        for action in plan.steps.iter_mut().flat_map(|step| &mut step.actions) {
            if let Action::Dispatch { kernel: name, wgsl, .. } = action
                && name.starts_with(kernel)
            {
                assert!(kernel.is_empty() || wgsl.contains(from), "{name} has no {from:?}");
                *wgsl = wgsl.replace(from, to).into();
            }
        }
    }
}

fn verify(ops: &[&str], fault: impl Fn(&mut Plan) + Send + Sync + Copy + 'static) -> Report {
    let open = || Ok(open()?.with_fault(fault));
    let ops = ops.iter().map(ToString::to_string).collect();
    certify(&open, &Options { ops, quick: true, ..Options::default() }, &|_| {}).unwrap()
}

fn excluded(report: &Report) -> Vec<String> {
    report.excluded.iter().map(|exclusion| exclusion.name.clone()).collect()
}

#[test]
fn sums_without_a_right_kernel_run_on_the_host() {
    let fault = replacing("reduce", "return result + term", "return result + term * 1.001");
    let report = verify(&["sum", "max"], fault);
    assert!(!report.passed());
    let sum = report.ops.iter().find(|op| op.op == "sum").unwrap();
    assert!(sum.errors.forward > 1.0 && sum.failures.len() > 3, "{sum:?}");
    let excluded = excluded(&report);
    assert!(!excluded.is_empty() && excluded.iter().all(|name| name.starts_with("reduce")), "{excluded:?}");

    // The same adapter, the fault still there, and the answer right.
    let graph = Graph::new();
    let y = (graph.input("x", &[4, 9], DType::F32).sum(&[1], false) + 1.0).relu();
    let session = open().unwrap().with_fault(fault).excluding(&excluded);
    let mut program = session.compile(&graph, &[y]).unwrap();
    assert!(program.plan().unwrap().to_string().contains("sum on the host"), "{}", program.plan().unwrap());
    program.write("x", &Array::f32(&[4, 9], vec![1.0; 36]).unwrap()).unwrap();
    program.run().unwrap();
    assert_eq!(block_on(program.read(0)).unwrap().as_f32().unwrap(), [10.0; 4]);
}

#[test]
fn a_function_is_told_from_the_kernels_that_call_it() {
    // In single kernels and behind others, by joining.
    let fault = replacing("", "{ return tanh_accurate(x); }", "{ return 0.999 * tanh_accurate(x); }");
    let report = verify(&["tanh"], fault);
    assert_eq!(excluded(&report), ["tanh_of"], "{:?}", report.excluded);
}

/// The losses of a small training.
fn losses(session: Session) -> Vec<f64> {
    let count = 24;
    let numbers: Vec<f32> = (0..count * 6).map(|i| ((i * 37 % 101) as f32) / 50.0 - 1.0).collect();
    let sums: Vec<f32> = numbers.chunks(6).map(|row| row.iter().sum::<f32>().tanh()).collect();
    let x = Array::f32(&[count, 6], numbers).unwrap();
    let y = Array::f32(&[count, 1], sums).unwrap();
    let model = Sequential::new().add(Dense::new(8)).add(Dense::new(1));
    let mut trainer = Trainer::new(session, model, Loss::mse(), Adam::new(0.02));
    let options = FitOptions { epochs: 6, batch_size: 8, ..FitOptions::default() };
    block_on(trainer.fit((&x, &y), None, &options, &mut Silent)).unwrap().losses()
}

#[test]
fn training_without_the_broken_kernel_is_right() {
    // The last terms of every sum are lost.
    let fault = replacing("matmul_shuffle", "term < tile.last; term", "term + 4u < tile.last; term");
    let right = losses(open().unwrap());
    let wrong = losses(open().unwrap().with_fault(fault));
    if open().unwrap().caps().fixed_subgroup() != Some(8) {
        // This adapter takes another kernel.
        assert_eq!(right, wrong);
        return;
    }
    assert!((wrong[5] - right[5]).abs() > 1e-3, "{wrong:?} {right:?}");

    let report = verify(&["matmul"], fault);
    let excluded = excluded(&report);
    assert!(
        !excluded.is_empty() && excluded.iter().all(|name| name.starts_with("matmul_shuffle")),
        "{excluded:?}"
    );
    let mended = losses(open().unwrap().with_fault(fault).excluding(&excluded));
    for (mended, right) in mended.iter().zip(&right) {
        // Another kernel sums in another order.
        assert!((mended - right).abs() < 1e-5 * right, "{mended} {right}");
    }
}

#[test]
fn the_same_report_twice() {
    let verify = |jobs| {
        let ops = vec!["softmax".to_owned(), "max".to_owned()];
        certify(&open, &Options { ops, quick: true, fuzz: 6, jobs, ..Options::default() }, &|_| {}).unwrap()
    };
    let (once, again) = (verify(1), verify(2));
    assert!(once.passed(), "{:?}", once.failures().collect::<Vec<_>>());
    assert_eq!(once.certificate().unwrap(), again.certificate().unwrap());
}
