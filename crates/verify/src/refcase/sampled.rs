//! Big cases: inputs by a formula, outputs and gradients compared at some places and by their sums.

use anygrad_core::{Array, DType, Error, Result, Shape};
use anygrad_gpu::Session;
use anygrad_graph::Graph;

use super::case::Case;
use super::compare::Outcome;
use super::expression::{build, upstream};
use super::manifest::{Formula, Upstream};
use super::unknown;

/// Runs a case of the kind "sampled".
pub(crate) async fn run(case: &Case, session: &Session) -> Result<Outcome> {
    let graph = Graph::new();
    let built = build(&graph, case)?;
    let mut outcome = Outcome::default();
    let mut program = match built.compile(&graph, session) {
        // A limit of the adapter, and a case that may meet one.
        Err(error)
            if error.is_unsupported() && case.manifest.notes.contains("a clear error is acceptable") =>
        {
            return Ok(outcome);
        }
        other => other?,
    };
    for input in &case.manifest.inputs {
        program.write(&input.name, &filled(&input.formula, &input.shape, input.dtype.into())?)?;
    }
    for output in &case.manifest.outputs {
        if let Some(Upstream::Formula(formula)) = &output.upstream {
            program.write(&upstream(output), &filled(formula, &output.shape, DType::F32)?)?;
        }
    }
    program.run()?;
    for (place, expected) in case.manifest.outputs.iter().chain(&case.manifest.grads).enumerate() {
        let got = program.read(place).await?;
        // The manifests of this kind write a scalar as [1].
        let (shape, wanted) = (got.shape(), &expected.shape);
        if shape[..] != wanted[..] && !(shape.rank() == 0 && wanted == &[1]) {
            outcome.differs(format!("{} is {shape}, wanted {wanted:?}", expected.tensor));
            continue;
        }
        let got = got.to_f64();
        let places =
            expected.index.as_ref().ok_or_else(|| Error::input("the case has no places to compare"))?;
        let places = case.tensor(places)?.to_f64();
        let sample: Option<Vec<f64>> = places.iter().map(|&place| got.get(place as usize).copied()).collect();
        let sample =
            sample.ok_or_else(|| Error::input(format!("a place of {} is outside", expected.tensor)))?;
        let wanted = case.tensor(&expected.tensor)?.to_f64();
        outcome.numbers(&expected.tensor, &sample, &wanted, expected.tolerance());
        // Each element may be off by its tolerance, so the sums may be off by all of them.
        let all: f64 = got.iter().map(|x| x.abs()).sum();
        let sum: f64 = got.iter().sum();
        if let (Some(want), Some(want_all)) = (expected.sum, expected.abs_sum) {
            let allowed = expected.atol * got.len() as f64 + expected.rtol * want_all;
            if (sum - want).abs().max((all - want_all).abs()) > allowed {
                outcome.differs(format!(
                    "{}: the sum is {sum}, wanted {want}; of the absolute values {all}, wanted {want_all}",
                    expected.tensor
                ));
            }
        }
    }
    Ok(outcome)
}

/// Element i is a hash of i and the seed, from -scale to scale or from 0 to mod.
fn filled(formula: &Formula, sizes: &[usize], dtype: DType) -> Result<Array> {
    match formula.formula.as_deref() {
        Some("hash32") => {}
        other => return Err(unknown("formula", other.unwrap_or_default())),
    }
    let shape = Shape::new(sizes)?;
    let words = (0..shape.elements() as u32).map(|i| hash(i, formula.seed) >> 8);
    let numbers: Vec<f64> = match dtype {
        DType::I32 => words.map(|word| f64::from(word % formula.choices.max(1))).collect(),
        _ => words.map(|word| (f64::from(word) / f64::from(1 << 23) - 1.0) * formula.scale).collect(),
    };
    Ok(Array::from_f64(shape, dtype, &numbers))
}

fn hash(i: u32, seed: u32) -> u32 {
    let mut h = i.wrapping_mul(0x9E37_79B1).wrapping_add(seed);
    h ^= h >> 15;
    h = h.wrapping_mul(0x85EB_CA77);
    h ^ (h >> 13)
}
