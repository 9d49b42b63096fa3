//! Big cases: inputs by a formula, outputs and gradients compared at some places and by their sums.

use anygrad::core::{Array, DType};
use anygrad::gpu::Session;
use anygrad::graph::Graph;
use libtest_mimic::Failed;
use pollster::block_on;
use serde_json::Value;

use crate::case::{self, Case};
use crate::compare::Findings;
use crate::expression::{build, upstream};

/// Runs a case of the kind "sampled".
pub fn run(case: &Case, session: &Session) -> Result<(), Failed> {
    let graph = Graph::new();
    let built = build(&graph, case).ok_or_else(|| format!("no family builds {}", case.op()))?;
    let mut program = match built.compile(&graph, session) {
        // A limit of the adapter, and a case that may meet one.
        Err(error) if error.is_unsupported() && case.notes().contains("a clear error is acceptable") => {
            return Ok(());
        }
        other => other?,
    };
    for input in case.inputs() {
        let sizes = case::sizes(&input["shape"]);
        program.write(case::text(input, "name"), &filled(input, &sizes, case::dtype(input))?)?;
    }
    for output in case.outputs() {
        if let Some(formula) = output.upstream() {
            program.write(&upstream(&output), &filled(formula, &output.sizes(), DType::F32)?)?;
        }
    }
    program.run()?;
    let mut findings = Findings::default();
    for (place, expected) in case.outputs().iter().chain(&case.grads()).enumerate() {
        let got = block_on(program.read(place))?;
        // The manifests of this kind write a scalar as [1].
        let (shape, wanted) = (got.shape(), expected.sizes());
        if shape[..] != wanted[..] && !(shape.rank() == 0 && wanted == [1]) {
            findings.add(format!("{} is {shape}, wanted {wanted:?}", expected.tensor));
            continue;
        }
        let got = got.to_f64();
        let places = case.tensor(expected.index().ok_or("no places to compare")?)?.to_f64();
        let sample: Vec<f64> = places.iter().map(|&place| got[place as usize]).collect();
        findings.numbers(expected.tensor, &sample, &case.tensor(expected.tensor)?.to_f64(), false, expected);
        // Each element may be off by its tolerance, so the sums may be off by all of them.
        let all: f64 = got.iter().map(|x| x.abs()).sum();
        let sum: f64 = got.iter().sum();
        if let (Some(want), Some(want_all)) = (expected.number("sum"), expected.number("abs_sum")) {
            let allowed = expected.atol * got.len() as f64 + expected.rtol * want_all;
            if (sum - want).abs().max((all - want_all).abs()) > allowed {
                findings.add(format!(
                    "{}: the sum is {sum}, wanted {want}; of the absolute values {all}, wanted {want_all}",
                    expected.tensor
                ));
            }
        }
    }
    findings.result()
}

/// Element i is a hash of i and the seed, from -scale to scale or from 0 to mod.
fn filled(formula: &Value, sizes: &[usize], dtype: DType) -> Result<Array, Failed> {
    assert_eq!(case::text(formula, "formula"), "hash32");
    let seed = formula["seed"].as_u64().unwrap() as u32;
    let count = sizes.iter().product::<usize>() as u32;
    let words = (0..count).map(|i| hash(i, seed) >> 8);
    Ok(match dtype {
        DType::I32 => {
            let choices = formula["mod"].as_u64().unwrap() as u32;
            Array::i32(sizes, words.map(|word| (word % choices) as i32).collect::<Vec<_>>())?
        }
        _ => {
            let scale = formula["scale"].as_f64().unwrap();
            let number = |word: u32| ((f64::from(word) / f64::from(1 << 23) - 1.0) * scale) as f32;
            Array::f32(sizes, words.map(number).collect::<Vec<_>>())?
        }
    })
}

fn hash(i: u32, seed: u32) -> u32 {
    let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed);
    h ^= h >> 15;
    h = h.wrapping_mul(0x85EB_CA77);
    h ^ (h >> 13)
}
