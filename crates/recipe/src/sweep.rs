//! Many recipes from one: every combination of some values, or some at random.

use anygrad_core::{Error, Random, Result};

use crate::node::{Node, Place, Value};
use crate::recipe::Recipe;
use crate::set::value_of;
use crate::write::inline;

/// A key whose value differs from run to run.
#[derive(Clone, Debug)]
pub struct Axis {
    path: String,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    /// As they stand in a file.
    Listed(Vec<String>),
    Between {
        low: f64,
        high: f64,
        log: bool,
        whole: bool,
    },
}

/// One of many recipes.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What it differs in, as `optimizer.lr=0.1`.
    pub sets: Vec<String>,
    /// The recipe.
    pub recipe: Recipe,
}

/// More runs than anyone waits for are a mistake.
const MOST: usize = 10_000;

impl Axis {
    /// `optimizer.lr=[0.1, 0.01]`, or, for draws at random, `optimizer.lr={min = 1e-4, max = 0.1, log = true}`:
    /// numbers from `min` to `max`, evenly or evenly in their logarithm, whole where both ends are.
    ///
    /// # Errors
    /// The text is neither, a list is empty, or a range has no inside.
    pub fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::input(format!("sweep {text}: {why}"));
        let form = "takes path=[values] or path={min = 1, max = 2}";
        let (path, value) = text.split_once('=').ok_or_else(|| wrong(form))?;
        let node = value_of(value, &Place::Set(text.to_owned())).map_err(|mistake| mistake.error("sweep"))?;
        let values = match &node.value {
            Value::List(list) if list.is_empty() => return Err(wrong("the list is empty")),
            Value::List(list) => Values::Listed(list.iter().map(inline).collect()),
            Value::Table(entries) => {
                let known = ["min", "max", "log"];
                if let Some(entry) = entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
                    return Err(wrong(&format!("unknown key `{}`: there are min, max, log", entry.key)));
                }
                let value =
                    |key| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node.value);
                let number = |key| match value(key) {
                    Some(Value::Whole(whole)) => Ok((*whole as f64, true)),
                    Some(Value::Number(number)) => Ok((*number, false)),
                    _ => Err(wrong(&format!("`{key}` takes a number"))),
                };
                let ((low, low_is_whole), (high, high_is_whole)) = (number("min")?, number("max")?);
                let log = match value("log") {
                    None => false,
                    Some(Value::Truth(log)) => *log,
                    Some(_) => return Err(wrong("`log` takes true or false")),
                };
                // NaN is refused, too.
                if !(low < high && (high - low).is_finite()) || log && low <= 0.0 {
                    return Err(wrong("`min` must be below `max`, and above 0 where `log` is true"));
                }
                Values::Between { low, high, log, whole: low_is_whole && high_is_whole }
            }
            _ => return Err(wrong(form)),
        };
        Ok(Axis { path: path.trim().to_owned(), values })
    }

    fn draw(&self, random: &mut Random) -> String {
        let value = match &self.values {
            Values::Listed(values) => return values[random.below(values.len())].clone(),
            Values::Between { low, high, log, whole } => {
                // Each whole number has a range of its own, of the same width.
                let high = if *whole { high + 1.0 } else { *high };
                let drawn = match log {
                    true => random.between(low.ln(), high.ln()).exp(),
                    false => random.between(*low, high),
                };
                let within = drawn.clamp(*low, high);
                if *whole {
                    Value::Whole(within.floor().min(high - 1.0) as i64)
                } else {
                    Value::Number(within)
                }
            }
        };
        inline(&Node::of(value))
    }
}

fn check(axes: &[Axis]) -> Result<()> {
    match axes.iter().enumerate().find(|(i, axis)| axes[..*i].iter().any(|other| other.path == axis.path)) {
        Some((_, axis)) => Err(Error::input(format!("sweep: `{}` is there twice", axis.path))),
        None if axes.is_empty() => Err(Error::input("sweep: no key is given whose value is to differ")),
        None => Ok(()),
    }
}

fn variant(recipe: &Recipe, sets: Vec<String>) -> Result<Variant> {
    Ok(Variant { recipe: recipe.with(&sets)?, sets })
}

/// Every combination of the values, the last axis fastest.
///
/// # Errors
/// A range, more than 10,000 combinations, or one that is no recipe.
pub fn grid(recipe: &Recipe, axes: &[Axis]) -> Result<Vec<Variant>> {
    check(axes)?;
    let mut combinations: Vec<Vec<String>> = vec![Vec::new()];
    for axis in axes {
        let Values::Listed(values) = &axis.values else {
            let path = &axis.path;
            return Err(Error::input(format!("sweep: `{path}` has a range, which only random draws take")));
        };
        if combinations.len().saturating_mul(values.len()) > MOST {
            return Err(Error::input(format!("sweep: more than {MOST} combinations")));
        }
        let longer = |sets: &Vec<String>| {
            let with = |value| sets.iter().cloned().chain([format!("{}={value}", axis.path)]).collect();
            values.iter().map(with).collect::<Vec<Vec<String>>>()
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    combinations.into_iter().map(|sets| variant(recipe, sets)).collect()
}

/// So many combinations at random: the same for the same seed, and the first of more draws are those of
/// fewer.
///
/// # Errors
/// No draws or more than 10,000, or one that is no recipe.
pub fn random(recipe: &Recipe, axes: &[Axis], draws: usize, seed: u64) -> Result<Vec<Variant>> {
    check(axes)?;
    if !(1..=MOST).contains(&draws) {
        return Err(Error::input(format!("sweep: {draws} draws: takes 1 to {MOST}")));
    }
    let sets = |draw: usize| {
        let mut random = Random::stream(seed, draw as u64);
        axes.iter().map(|axis| format!("{}={}", axis.path, axis.draw(&mut random))).collect()
    };
    (0..draws).map(|draw| variant(recipe, sets(draw))).collect()
}
