use anygrad_gpu::Session;
use anygrad_nn::Silent;
use anygrad_run::generate::{Sampling, generate};
use anygrad_run::{Assembly, assemble};

use crate::{Given, given};

pub const RECIPE: &str = r#"
model = [
    { type = "embedding", input_dim = "vocabulary", output_dim = 8 },
    { type = "lstm", units = 16, return_sequences = true },
    { type = "dense", units = "outputs" },
]
optimizer = { type = "adam", lr = 0.03 }
[data]
format = "text"
path = "t.txt"
task = "language"
sequence_length = 6
stride = 3
predict = "every"
split = { by = "time", train = 1, validation = 0, test = 0 }
[training]
epochs = 12
batch_size = 8
"#;

pub fn trained(text: &str) -> (Given, Assembly) {
    let given = given(text, &[("t.txt", &"abcd".repeat(50))]);
    let mut assembly = assemble(&given.recipe, &Session::interpreter()).unwrap();
    let Assembly { trainer, loaded, options } = &mut assembly;
    let part = (loaded.training.features(), loaded.training.targets());
    pollster::block_on(trainer.fit(part, None, options, &mut Silent)).unwrap();
    (given, assembly)
}

fn write(
    given: &Given,
    assembly: &mut Assembly,
    prompt: &str,
    how: &Sampling,
) -> anygrad_core::Result<String> {
    pollster::block_on(generate((&given.recipe, assembly), prompt, how))
}

#[test]
fn text_goes_on_as_it_was_learned_and_is_the_same_for_a_seed() {
    let (given, mut assembly) = trained(RECIPE);
    let greedy = Sampling { length: 12, temperature: 0.0, ..Sampling::default() };
    // Shorter and longer than a sequence.
    assert_eq!(write(&given, &mut assembly, "ab", &greedy).unwrap(), "cdabcdabcdab");
    assert_eq!(write(&given, &mut assembly, "abcdabcdabc", &greedy).unwrap(), "dabcdabcdabc");
    let hot = Sampling { length: 60, temperature: 5.0, top_k: None, seed: 4 };
    let text = write(&given, &mut assembly, "ab", &hot).unwrap();
    assert_eq!(text.chars().count(), 60);
    assert_eq!(text, write(&given, &mut assembly, "ab", &hot).unwrap());
    assert_ne!(text, write(&given, &mut assembly, "ab", &Sampling { seed: 5, ..hot }).unwrap());
    // A longer text begins as a shorter one.
    let short = Sampling { length: 10, ..hot };
    assert!(text.starts_with(&write(&given, &mut assembly, "ab", &short).unwrap()));
    let only = Sampling { top_k: Some(1), ..hot };
    assert!(write(&given, &mut assembly, "ab", &only).unwrap().starts_with("cdabcdab"));
}

#[test]
fn a_model_of_the_next_character_takes_whole_windows() {
    let next = RECIPE.replace(", return_sequences = true", "").replace("\"every\"", "\"next\"");
    let (given, mut assembly) = trained(&next.replace("stride = 3", "stride = 1"));
    let greedy = Sampling { length: 8, temperature: 0.0, ..Sampling::default() };
    // Repeated, the prompt is a text like the one that was learned.
    assert_eq!(write(&given, &mut assembly, "abcd", &greedy).unwrap(), "abcdabcd");
    assert_eq!(write(&given, &mut assembly, "cdabcdabc", &greedy).unwrap(), "dabcdabc");
}

#[test]
fn stateful_layers_see_each_character_once() {
    let stateful = RECIPE.replace("return_sequences = true", "return_sequences = true, stateful = true");
    let (given, mut assembly) = trained(&stateful);
    let greedy = Sampling { length: 9, temperature: 0.0, ..Sampling::default() };
    assert_eq!(write(&given, &mut assembly, "abcdab", &greedy).unwrap(), "cdabcdabc");
    // The state of the one before is not in the next.
    assert_eq!(write(&given, &mut assembly, "abcdab", &greedy).unwrap(), "cdabcdabc");
}

#[test]
fn what_cannot_go_on_is_refused() {
    let (given, mut assembly) = trained(&RECIPE.replace("epochs = 12", "epochs = 1"));
    let how = Sampling::default();
    let error = write(&given, &mut assembly, "abx", &how).unwrap_err().to_string();
    assert!(error.contains("prompt") && error.contains("character 2, 'x'"), "{error}");
    assert!(write(&given, &mut assembly, "", &how).unwrap_err().to_string().contains("empty"));
    let cold = Sampling { temperature: -1.0, ..how };
    assert!(write(&given, &mut assembly, "a", &cold).unwrap_err().is_input());
    let line = crate::given(crate::LINE, &[]);
    let mut other = assemble(&line.recipe, &Session::interpreter()).unwrap();
    let error = write(&line, &mut other, "a", &how).unwrap_err().to_string();
    assert!(error.contains("task language"), "{error}");
}
