//! How far outputs may be from what is wanted.

use std::path::Path;

use anygrad_core::{Error, Result};
use serde::Deserialize;

use crate::{Data, Element, Host, Item};

/// What is allowed of each element: an absolute part plus a share of the wanted value.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Bounds {
    /// The share of the wanted value.
    rtol: Option<f64>,
    /// The absolute part.
    atol: Option<f64>,
}

/// The largest error.
pub(super) struct Worst {
    /// As a share of what is allowed.
    pub(super) share: f64,
    /// Where it is.
    pub(super) text: String,
}

impl Bounds {
    /// Those of an `info.json` in the case's folder; otherwise the official ones, by type.
    ///
    /// # Errors
    /// The file is no JSON with numbers.
    pub fn of(case: &Path) -> Result<Self> {
        let path = case.join("info.json");
        match std::fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| Error::input(error).context(format!("{}", path.display()))),
            Err(_) => Ok(Bounds::default()),
        }
    }

    /// `(absolute, share)`. The official tests allow 1e-7 and 1e-3 of floats; of 16-bit floats it is two units in
    /// the last place: 1e-2 (`FLOAT16`: 2^-10 each, rounded up by order of operations), and 2^-7 each of `BFLOAT16`.
    fn for_type(&self, element: Element) -> (f64, f64) {
        let (atol, rtol) = match element {
            Element::Float16 => (1e-3, 1e-2),
            Element::Bfloat16 => (1e-2, 1.6e-2),
            _ => (1e-7, 1e-3),
        };
        (self.atol.unwrap_or(atol), self.rtol.unwrap_or(rtol))
    }
}

pub(super) fn items(got: &Item, want: &Item, bounds: &Bounds) -> Result<Worst> {
    match (got, want) {
        (Item::Tensor(got), Item::Tensor(want)) => tensors(got, want, bounds),
        (Item::Nothing, Item::Nothing) => Ok(Worst { share: 0.0, text: String::new() }),
        (Item::Sequence(got), Item::Sequence(want)) if got.len() == want.len() => {
            let mut worst = Worst { share: 0.0, text: String::new() };
            for (index, (got, want)) in got.iter().zip(want).enumerate() {
                let one = items(got, want, bounds)?;
                if one.share > worst.share {
                    worst = Worst { share: one.share, text: format!("part {index}: {}", one.text) };
                }
            }
            Ok(worst)
        }
        (Item::Sequence(got), Item::Sequence(want)) => {
            Err(Error::input(format!("a sequence of {}, {} were wanted", got.len(), want.len())))
        }
        _ => Err(Error::input("a tensor, a sequence or nothing, and another of them was wanted")),
    }
}

fn tensors(got: &Host, want: &Host, bounds: &Bounds) -> Result<Worst> {
    if got.element() != want.element() || got.sizes() != want.sizes() {
        return Err(Error::input(format!("{got}, wanted {want}")));
    }
    let mut worst = Worst { share: 0.0, text: String::new() };
    if let (Data::Text(got), Data::Text(want)) = (got.data(), want.data()) {
        if got != want {
            worst = Worst { share: f64::INFINITY, text: "another text".into() };
        }
        return Ok(worst);
    }
    let (atol, rtol) = bounds.for_type(want.element());
    let is_float = want.element().is_float();
    for (index, (g, w)) in got.to_f64().into_iter().zip(want.to_f64()).enumerate() {
        let share = if g == w || (g.is_nan() && w.is_nan()) {
            0.0
        } else if is_float && g.is_finite() && w.is_finite() {
            (g - w).abs() / (atol + rtol * w.abs())
        } else {
            f64::INFINITY
        };
        if share > worst.share {
            worst = Worst { share, text: format!("element {index} is {g}, wanted {w}") };
        }
    }
    Ok(worst)
}
