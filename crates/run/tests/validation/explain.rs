use anygrad_core::Random;
use anygrad_gpu::Session;
use anygrad_nn::Silent;
use anygrad_run::explain::{Explanation, Method, Question, SmoothGrad, explain};
use anygrad_run::explain::{TextExplanation, TextQuestion, explain_text};
use anygrad_run::{Assembly, assemble};

use crate::generate::{RECIPE as LANGUAGE, trained as trained_text};
use crate::{Given, given};

/// y = 3 b + small numbers; a and c say nothing.
fn table() -> String {
    let mut random = Random::new(5);
    let mut text = "id,a,b,c,y\n".to_owned();
    for id in 0..80 {
        let [a, b, c, noise] = std::array::from_fn(|_| random.normal());
        text += &format!("{id},{a},{b},{c},{}\n", 3.0 * b + 0.01 * noise);
    }
    text
}

const RECIPE: &str = r#"
model = [{ type = "dense", units = "outputs" }]
optimizer = { type = "sgd", lr = 0.1 }
[data]
format = "csv"
path = "t.csv"
drop = "id"
task = "regression"
normalize = "standard"
[training]
epochs = 20
batch_size = 16
"#;

fn trained(given: &Given) -> Assembly {
    let mut assembly = assemble(&given.recipe, &Session::interpreter()).unwrap();
    let Assembly { trainer, loaded, options } = &mut assembly;
    let part = (loaded.training.features(), loaded.training.targets());
    pollster::block_on(trainer.fit(part, None, options, &mut Silent)).unwrap();
    assembly
}

fn ask(given: &Given, assembly: &Assembly, file: Option<&str>, method: Method) -> Explanation {
    let question = Question { method, rows: 0..3, output: None, smooth: SmoothGrad::default() };
    let file = file.map(|name| given.path(name));
    pollster::block_on(explain(&given.recipe, assembly, file.as_deref(), &question)).unwrap()
}

#[test]
fn a_linear_model_rests_on_the_column_that_it_was_made_from() {
    let given = given(RECIPE, &[("t.csv", &table())]);
    let assembly = trained(&given);
    for method in [
        Method::Saliency,
        Method::GradientTimesInput,
        Method::Integrated,
        Method::SmoothGrad,
        Method::Occlusion,
    ] {
        let found = ask(&given, &assembly, None, method);
        assert_eq!(found.numbers.headings, ["row", "output", "place", "value", "attribution"]);
        assert_eq!(found.numbers.rows.len(), 9, "three columns of three rows");
        for row in found.numbers.rows.chunks(3) {
            let size = |at: usize| row[at][4].parse::<f32>().unwrap().abs();
            assert_eq!([&row[0][2], &row[1][2], &row[2][2]], ["a", "b", "c"]);
            assert!(size(1) > 20.0 * size(0).max(size(2)), "{method} {row:?}");
        }
        assert_eq!(found.pictures.len(), 3);
        assert_eq!(found.pictures[1].0, format!("{method}_1.png"));
        assert!(found.pictures[1].1.png().unwrap().starts_with(b"\x89PNG"));
    }
    let sums = ask(&given, &assembly, None, Method::Integrated);
    assert_eq!(sums.lines.iter().filter(|line| line.ends_with(": holds")).count(), 3, "{:?}", sums.lines);
    // Noise does not change the slope of a line, and it is drawn by the seed.
    let [slope, smooth] =
        [Method::Saliency, Method::SmoothGrad].map(|method| ask(&given, &assembly, None, method));
    for (slope, smooth) in slope.numbers.rows.iter().zip(&smooth.numbers.rows) {
        let [slope, smooth]: [f32; 2] = [slope, smooth].map(|row| row[4].parse().unwrap());
        assert!((slope - smooth).abs() < 1e-5, "{slope} {smooth}");
    }
    assert!(smooth.lines[1].starts_with("mean of 50 gradients, noise of 0.15"), "{:?}", smooth.lines);
    let columns = ask(&given, &assembly, None, Method::Permutation).numbers;
    let loss = |at: usize| columns.rows[at][1].parse::<f64>().unwrap();
    assert_eq!(columns.rows[1][0], "b");
    assert!(loss(1) > 0.5 && loss(0).abs() < 0.01 && loss(2).abs() < 0.01, "{columns}");
}

#[test]
fn rows_of_a_file_are_scaled_as_those_that_were_learned() {
    let all = table();
    let some: String = all.lines().take(4).map(|line| format!("{line}\n")).collect();
    let given = given(
        &RECIPE.replace(
            "[training]",
            "split = { by = \"time\", train = 0.8, validation = 0.1, test = 0.1 }\n[training]",
        ),
        &[("t.csv", &all), ("new.csv", &some), ("wrong.csv", "a,y\n1,2\n")],
    );
    let assembly = trained(&given);
    let found = ask(&given, &assembly, Some("new.csv"), Method::GradientTimesInput).numbers;
    // The first rows of the file are the first of the training part.
    let wanted = assembly.loaded.training.features().as_f32().unwrap();
    for (row, wanted) in found.rows.iter().zip(wanted) {
        assert_eq!(row[3].parse::<f32>().unwrap(), *wanted);
    }
    let question =
        Question { method: Method::Saliency, rows: 7..9, output: None, smooth: SmoothGrad::default() };
    let ask = |name: &str| {
        let path = given.path(name);
        let answer = pollster::block_on(explain(&given.recipe, &assembly, Some(&path), &question));
        answer.unwrap_err().to_string()
    };
    assert!(ask("new.csv").contains("rows 7..9") && ask("new.csv").ends_with("new.csv has 3 rows"));
    assert!(ask("wrong.csv").contains("wrong.csv"), "{}", ask("wrong.csv"));
    assert!(ask("none.csv").contains("none.csv"));
}

#[test]
fn series_and_images_are_drawn() {
    let series = r#"
        model = [{ type = "conv1d", filters = 2, kernel_size = 1 }, "flatten", { type = "dense", units = "outputs" }]
        [data]
        format = "generated"
        set = "sine"
        rows = 60
        task = "forecasting"
        window = 8
        [training]
        epochs = 1
        batch_size = 8
    "#;
    let images = r#"
        model = [
            { type = "conv2d", filters = 2, kernel_size = 3, activation = "relu" }, "global_avg_pool", "flatten",
            { type = "dense", units = "outputs" },
        ]
        [data]
        format = "generated"
        set = "digits"
        rows = 40
        task = "multiclass"
        [training]
        epochs = 1
        batch_size = 8
    "#;
    for (text, method, numbers) in [
        (series, Method::Occlusion, 3 * 8),
        (series, Method::Integrated, 3 * 8),
        (images, Method::Occlusion, 3 * 784),
        (images, Method::GradCam, 3 * 784),
    ] {
        let given = given(text, &[]);
        let found = ask(&given, &trained(&given), None, method);
        assert_eq!((found.numbers.rows.len(), found.pictures.len()), (numbers, 3), "{method}");
        assert!(found.pictures[0].1.png().unwrap().len() > 1000);
    }
    let given = given(images, &[]);
    let question =
        Question { method: Method::Permutation, rows: 0..1, output: None, smooth: SmoothGrad::default() };
    let answer = pollster::block_on(explain(&given.recipe, &trained(&given), None, &question));
    assert!(answer.unwrap_err().to_string().contains("columns of a table"));
    let unknown = "shap".parse::<Method>().unwrap_err().to_string();
    assert!(unknown.contains("saliency, gradient_x_input, integrated"), "{unknown}");
}

fn ask_text(
    given: &Given,
    assembly: &mut Assembly,
    prompt: &str,
    method: Method,
    next: Option<char>,
) -> anygrad_core::Result<TextExplanation> {
    let question = TextQuestion { prompt: prompt.to_owned(), method, next };
    pollster::block_on(explain_text((&given.recipe, assembly), &question))
}

/// Without a layer that looks back, the next character rests on the last one alone.
#[test]
fn a_character_that_the_model_does_not_see_has_no_attribution() {
    let alone = LANGUAGE.replace("    { type = \"lstm\", units = 16, return_sequences = true },\n", "");
    let (given, mut assembly) = trained_text(&alone);
    let mut numbers = Vec::new();
    for method in [Method::Saliency, Method::GradientTimesInput, Method::Occlusion] {
        // The model sees the last six of them; and four, with nothing behind.
        for (prompt, first) in [("cdabcdab", 2), ("abab", 0)] {
            let found = ask_text(&given, &mut assembly, prompt, method, None).unwrap();
            let title = &found.lines[0];
            assert!(title.starts_with(&format!("{method} of the prompt for 'c' as the next")), "{title}");
            assert_eq!(found.lines[1], prompt[first..]);
            assert_eq!(found.lines[2], format!("{:0>1$}", 9, prompt.len() - first));
            let rows = &found.numbers.rows;
            assert_eq!(rows[0][..2], [first.to_string(), prompt[first..=first].to_owned()]);
            let last = rows.last().unwrap();
            assert_eq!(last[1], "b");
            let size: f64 = last[2].parse().unwrap();
            assert!(size > 0.1, "{method} {size}");
            assert!(rows[..rows.len() - 1].iter().all(|row| row[2].parse::<f64>().unwrap().abs() < 1e-6));
            numbers.push(size);
        }
    }
    // What is the same to the model has the same attribution, whatever stands before it.
    for pair in numbers.chunks(2) {
        assert!((pair[0] - pair[1]).abs() < 1e-5 * pair[0], "{pair:?}");
    }
    // Occlusion by its definition: the logit of c behind b, less its mean behind all four.
    let logits = pollster::block_on(
        assembly.trainer.predict(&anygrad_core::Array::i32(&[1, 6], [0, 1, 2, 3, 0, 1]).unwrap(), 1),
    );
    let logits = logits.unwrap();
    let of_c: Vec<f64> = logits.as_f32().unwrap().chunks(4).map(|place| f64::from(place[2])).collect();
    let lost = of_c[1] - (of_c[0] + of_c[1] + of_c[2] + of_c[3]) / 4.0;
    assert!((numbers[4] - lost).abs() < 1e-5, "{} {lost}", numbers[4]);
    // Against another character the same one speaks.
    let against = ask_text(&given, &mut assembly, "abab", Method::Occlusion, Some('a')).unwrap();
    assert_eq!(against.lines[2..], ["0009", "   -"]);
    assert!(against.lines[0].contains("for 'a' as the next"));
}

#[test]
fn texts_that_cannot_be_explained_are_refused() {
    let (text, mut assembly) = trained_text(&LANGUAGE.replace("epochs = 12", "epochs = 1"));
    let mut refused = |prompt: &str, method, next| {
        ask_text(&text, &mut assembly, prompt, method, next).unwrap_err().to_string()
    };
    assert!(refused("abx", Method::Saliency, None).contains("character 2, 'x'"));
    assert!(refused("", Method::Saliency, None).contains("a prompt of 0 characters"));
    assert!(refused("ab", Method::Saliency, Some('x')).contains("the next character 'x' is none"));
    let error = refused("ab", Method::GradCam, None);
    assert!(error.contains("grad_cam of a text: takes saliency, gradient_x_input, occlusion"), "{error}");
    let next = LANGUAGE.replace(", return_sequences = true", "").replace("\"every\"", "\"next\"");
    let (text, mut assembly) = trained_text(&next.replace("epochs = 12", "epochs = 1"));
    let error = ask_text(&text, &mut assembly, "abc", Method::Saliency, None).unwrap_err().to_string();
    assert!(error.contains("a prompt of 3 characters: the model takes at least 6"), "{error}");
    ask_text(&text, &mut assembly, "abcdabcd", Method::Occlusion, None).unwrap();
}
