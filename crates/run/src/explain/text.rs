//! Which characters of a text the next one rests on.

use std::fmt::{self, Write as _};

use anygrad_core::{Array, DType, Error, Result};
use anygrad_explain::{Baseline, Explainer, Occlusion, Target};
use anygrad_recipe::Task;
use anygrad_recipe::data::Predict;

use super::Method;
use crate::Table;
use crate::generate::Writer;
use crate::report::Escaped;

/// What is to be explained of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct TextQuestion {
    /// The text. The model sees its last characters, as many as the recipe's sequences have.
    pub prompt: String,
    /// How: `saliency`, `gradient_x_input` or `occlusion`.
    pub method: Method,
    /// Which next character; the likeliest unless given.
    pub next: Option<char>,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct TextExplanation {
    /// A line for each character that the model sees: its place in the prompt, itself, and its attribution.
    pub numbers: Table,
    /// What is to be read: the next character, and the prompt over the size of each attribution, in ninths of the
    /// largest.
    pub lines: Vec<String>,
    /// The prompt as a page, each character with its attribution behind it.
    pub page: String,
}

/// How much each character of a prompt speaks for the logit of the next one.
///
/// | method | of a character |
/// | --- | --- |
/// | `saliency` | the length of the gradient of the logit with respect to its embedding |
/// | `gradient_x_input` | that gradient times the embedding |
/// | `occlusion` | what the logit loses with another character in its place: the mean over all that the model knows |
///
/// # Errors
/// The recipe is not of the task language, the prompt or the character has one that the model does not know, the prompt
/// is too short for a model of the next character alone, the method is another, or the device failed.
pub async fn explain_text(model: impl Into<Writer<'_>>, question: &TextQuestion) -> Result<TextExplanation> {
    let model = model.into();
    let Task::Language(task) = &model.recipe.settings().data.task else {
        return Err(Error::input("only models of the task language explain a text"));
    };
    let vocabulary = model.preprocessing.vocabulary()?;
    let known = vocabulary.characters();
    let ids = vocabulary.encode(&question.prompt).map_err(|error| error.context("prompt"))?;
    let (length, count) = (task.sequence_length, ids.len());
    let seen = &ids[count.saturating_sub(length)..];
    if seen.is_empty() || task.predict == Predict::Next && count < length {
        let least = if task.predict == Predict::Next { length } else { 1 };
        return Err(Error::input(format!(
            "a prompt of {count} characters: the model takes at least {least}"
        )));
    }
    let place = if task.predict == Predict::Every { seen.len() - 1 } else { 0 };
    // What stands behind the prompt is not looked at.
    let padded: Vec<i32> = seen.iter().copied().chain(std::iter::repeat(0)).take(length).collect();
    let x = Array::i32(&[1, length], padded)?;

    let explainer = Explainer::of(model.trainer);
    let outputs = explainer.outputs(&x).await?;
    let logits = outputs.as_f32()?.get(place * known.len()..(place + 1) * known.len());
    let logits = logits.ok_or_else(|| Error::internal(format!("no logits at place {place}")))?;
    let likeliest = || (0..known.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]));
    let next = match question.next {
        Some(next) => known.iter().position(|character| *character == next),
        None => likeliest(),
    };
    let unknown = || match question.next {
        Some(next) => Error::input(format!("the next character {next:?} is none that the model knows")),
        None => Error::input("the model knows no characters"),
    };
    let next = next.ok_or_else(unknown)?;
    let target = Target::Output(place * known.len() + next);
    let found = match question.method {
        Method::Saliency | Method::GradientTimesInput => {
            let embedding = embedding(&explainer, &x)?;
            let is_length = question.method == Method::Saliency;
            let found = match is_length {
                true => explainer.saliency_of(&embedding, &x, &target).await?,
                false => explainer.gradient_times_activation(&embedding, &x, &target).await?,
            };
            let of_one = |terms: &[f32]| {
                let term = |&x: &f32| f64::from(x) * if is_length { f64::from(x) } else { 1.0 };
                let sum: f64 = terms.iter().map(term).sum();
                if is_length { sum.sqrt() } else { sum }
            };
            let numbers = found.values.as_f32()?;
            numbers.chunks(numbers.len() / length).map(of_one).collect()
        }
        Method::Occlusion => replaced(&explainer, &x, &target, known.len()).await?,
        other => {
            let names = [Method::Saliency, Method::GradientTimesInput, Method::Occlusion].map(Method::name);
            return Err(Error::unsupported(format!("{other} of a text: takes {}", names.join(", "))));
        }
    };
    let most = logits.iter().fold(f32::NEG_INFINITY, |most, &logit| most.max(logit));
    let all: f64 = logits.iter().map(|&logit| f64::from(logit - most).exp()).sum();
    let title = format!(
        "{} of the prompt for {:?} as the next character, of probability {:.4}",
        question.method,
        known[next],
        f64::from(logits[next] - most).exp() / all
    );
    let characters: Vec<char> = question.prompt.chars().skip(count - seen.len()).collect();
    told(title, count - seen.len(), &characters, &found[..seen.len()]).map_err(Error::internal)
}

/// The path of the layer that makes numbers of characters `[1, places]`: `[1, places, numbers]`.
fn embedding(explainer: &Explainer<'_>, x: &Array) -> Result<String> {
    let layers = explainer.layers(x)?;
    let places = x.shape()[1];
    let found = layers.into_iter().find(|(_, shape)| shape.rank() == 3 && shape[1] == places);
    found.map(|(name, _)| name).ok_or_else(|| Error::input("the model has no embedding of its characters"))
}

/// What the output loses on average when a character is replaced by each that is known.
async fn replaced(explainer: &Explainer<'_>, x: &Array, target: &Target, known: usize) -> Result<Vec<f64>> {
    let length = x.shape()[1];
    let fill: Vec<i32> = (0..known as i32).flat_map(|id| std::iter::repeat_n(id, length)).collect();
    let fill = Array::i32(&[known, length], fill)?;
    let how = Occlusion::new(&[1]).fill(Baseline::Rows(fill));
    let found = explainer.occlusion(&x.take_rows(&vec![0; known])?, target, &how).await?;
    let lost = found.values.cast(DType::F32).as_f32()?.to_vec();
    let mean = |place: usize| lost.iter().skip(place).step_by(length).map(|&x| f64::from(x)).sum::<f64>();
    Ok((0..length).map(|place| mean(place) / known as f64).collect())
}

fn told(
    title: String,
    first: usize,
    characters: &[char],
    found: &[f64],
) -> std::result::Result<TextExplanation, fmt::Error> {
    let largest = found.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
    let shares: Vec<f64> = found.iter().map(|x| if largest > 0.0 { x / largest } else { 0.0 }).collect();
    let rows = characters.iter().zip(found).enumerate();
    let row = |(at, (character, x)): (usize, (&char, &f64))| {
        vec![(first + at).to_string(), character.to_string(), x.to_string()]
    };
    let headings = ["place", "character", "attribution"].map(str::to_owned).to_vec();
    let numbers = Table { headings, rows: rows.map(row).collect() };
    // Each character takes one place of the line.
    let shown = characters.iter().map(|&character| if character.is_control() { '\u{B7}' } else { character });
    let ninths: Vec<i32> = shares.iter().map(|share| (share * 9.0).round() as i32).collect();
    let digit = |ninths: &i32| char::from_digit(ninths.unsigned_abs(), 10).unwrap_or(' ');
    let mut lines = vec![title.clone(), shown.collect(), ninths.iter().map(digit).collect()];
    if ninths.iter().any(|&ninths| ninths < 0) {
        lines.push(ninths.iter().map(|&ninths| if ninths < 0 { '-' } else { ' ' }).collect());
    }
    let mut page = String::new();
    page_of(&mut page, &title, characters, found, &shares)?;
    Ok(TextExplanation { numbers, lines, page })
}

/// Orange speaks for the character, blue against it.
fn page_of(
    page: &mut String,
    title: &str,
    characters: &[char],
    found: &[f64],
    shares: &[f64],
) -> fmt::Result {
    let title = Escaped(title);
    // Without a line feed at the end: it would be one of the text.
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n<style>\n:root {{ color-scheme: light dark; }}\n\
         body {{ font-family: system-ui, sans-serif; margin: 2rem; }}\n\
         .text {{ font: 1.25rem/1.8 ui-monospace, monospace; white-space: pre-wrap; }}\n\
         .text span {{ padding: 0.2em 0; }}\n</style>\n</head>\n<body>\n<p>{title}</p>\n<p class=\"text\">"
    )?;
    for ((character, x), share) in characters.iter().zip(found).zip(shares) {
        let color = if *share < 0.0 { "60 120 220" } else { "235 130 30" };
        let strength = 85.0 * share.abs();
        // A line feed is shown, so that its color is.
        let text = if *character == '\n' { "\u{21B5}\n".to_owned() } else { character.to_string() };
        let text = Escaped(text);
        write!(
            page,
            "<span style=\"background:rgb({color}/{strength:.0}%)\" title=\"{x:.5}\">{text}</span>"
        )?;
    }
    writeln!(page, "</p>\n<p>Orange speaks for the character, blue against it.</p>\n</body>\n</html>")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn attributions_stand_under_their_characters() {
        let told = told("a title".to_owned(), 3, &['a', '\n', '<'], &[0.5, -1.0, 0.0]).unwrap();
        assert_eq!(told.lines, ["a title", "a\u{B7}<", "590", " - "]);
        assert_eq!(told.numbers.to_csv(), "place,character,attribution\n3,a,0.5\n4,\"\n\",-1\n5,<,0\n");
        for part in [
            "<span style=\"background:rgb(235 130 30/42%)\" title=\"0.50000\">a</span>",
            "<span style=\"background:rgb(60 120 220/85%)\" title=\"-1.00000\">\u{21B5}\n</span>",
            "title=\"0.00000\">&lt;</span>",
        ] {
            assert!(told.page.contains(part), "{}", told.page);
        }
    }
}
