//! Figures beside the loss, by the names that scores have.

use anygrad_nn::{Average, Metric};

use crate::data::Task;
use crate::node::{Entry, Mistake, Node, Value, brief};
use crate::reference::{Book, Key};
use crate::schema::{SIZE, Setting, closest, tagged};

/// The key that tells metrics apart, and what they are called.
const TAG: &str = "type";
const WHAT: &str = "metric";
/// How many answers of `top_k` count.
const TOP: usize = 5;
/// The border of `binary_accuracy`.
const BORDER: f64 = 0.5;
/// The ends of names that tell how figures of several classes become one.
const AVERAGES: &[(&str, &str)] = &[
    ("binary", "That of yes, or of class 1 of two."),
    ("macro", "The mean over the classes."),
    ("micro", "Of the counts of all classes together."),
    ("weighted", "The mean over the classes by their number of rows."),
];

/// Names, with others of the same, and what they mean; the second column tells which keys they take.
const FORMS: &[(&[&str], Keys, &str)] = &[
    (&["accuracy"], Keys::None, "The share of right answers."),
    (&["binary_accuracy"], Keys::Threshold, "The share of predictions on the targets' side of a border."),
    (
        &["top_k", "top_k_categorical_accuracy"],
        Keys::K,
        "The share of rows whose class is among the best `k`; `top_3_accuracy` is that of 3.",
    ),
    (&["precision"], Keys::Average, "Right answers of a class over all answers of it."),
    (&["recall"], Keys::Average, "Right answers of a class over all rows of it."),
    (&["f1"], Keys::Average, "The harmonic mean of precision and recall."),
    (&["roc_auc", "auc"], Keys::Average, "The area under the curve of true over false positives."),
    (&["pr_auc"], Keys::Average, "The average precision."),
    (&["per_class"], Keys::None, "Precision, recall and F1 of each class."),
    (&["confusion_matrix"], Keys::None, "How often each class was answered for each class."),
    (&["log_loss"], Keys::None, "The mean of minus the logarithm of the probability of the truth."),
    (&["perplexity"], Keys::None, "e to the log loss."),
    (&["mae"], Keys::None, "The mean absolute error."),
    (&["mse"], Keys::None, "The mean squared error."),
    (&["rmse"], Keys::None, "The root of the mean squared error."),
    (&["r2"], Keys::None, "The share of the variance that is explained."),
    (&["mape"], Keys::None, "The mean absolute error over the target."),
];

/// The keys of a metric beside its name.
#[derive(Clone, Copy, PartialEq)]
enum Keys {
    None,
    Threshold,
    K,
    Average,
}

impl Keys {
    fn name(self) -> Option<&'static str> {
        match self {
            Keys::None => None,
            Keys::Threshold => Some("threshold"),
            Keys::K => Some("k"),
            Keys::Average => Some("average"),
        }
    }
}

impl Setting for Metric {
    fn kind() -> String {
        "a metric".to_owned()
    }

    fn read(node: &Node) -> Result<Self, Mistake> {
        let table = tagged(node, TAG, WHAT)?;
        let Value::Table(entries) = &table.value else { return Err(Mistake::new(&node.place, Self::kind())) };
        let Some(entry) = entries.iter().find(|entry| entry.key == TAG) else {
            let message = format!("the key `{TAG}` is missing: it takes the name of a metric");
            return Err(Mistake::new(&node.place, message));
        };
        let Value::Text(word) = &entry.node.value else {
            let message = format!("{}: takes the name of a metric, in quotes", entry.node.told());
            return Err(Mistake::new(&entry.node.place, message).within(TAG));
        };
        let name = word.to_lowercase().replace(['-', ' '], "_");
        let form = FORMS.iter().find(|(names, ..)| names.contains(&name.as_str()));
        let keys = form.map_or(Keys::None, |(_, keys, _)| *keys);
        let value = |known: Option<&str>| {
            let other = entries.iter().find(|entry| entry.key != TAG && Some(entry.key.as_str()) != known);
            if let Some(other) = other {
                let names: Vec<&str> = [TAG].into_iter().chain(known).collect();
                let key = brief(&other.key);
                let message = format!("unknown key `{key}`: {}", closest(&key, &names));
                return Err(Mistake::new(&other.place, message));
            }
            Ok(entries.iter().find(|entry| entry.key != TAG).map(|entry| &entry.node))
        };
        let node = value(keys.name())?;
        let built = match (keys, node, form) {
            (Keys::Threshold, Some(node), _) => {
                let threshold = f64::read(node).map_err(|mistake| mistake.within("threshold"))?;
                return Ok(Metric::BinaryAccuracy { threshold });
            }
            (Keys::K, node, _) => {
                let k = node.map_or(Ok(TOP), usize::read).map_err(|mistake| mistake.within("k"))?;
                if let (Some(node), false) = (node, SIZE.hold(k as f64)) {
                    let message = format!("{k} is out of range: takes a whole number, {SIZE}");
                    return Err(Mistake::new(&node.place, message).within("k"));
                }
                return Ok(Metric::TopKAccuracy { k });
            }
            (Keys::Average, Some(node), Some((names, ..))) => {
                let known: Vec<&str> = AVERAGES.iter().map(|(name, _)| *name).collect();
                let average = match &node.value {
                    Value::Text(word) => word.as_str(),
                    _ => "",
                };
                if !known.contains(&average) {
                    let message = format!("{}: there are {}", node.told(), known.join(", "));
                    return Err(Mistake::new(&node.place, message).within("average"));
                }
                match average {
                    "binary" => names[0].parse(),
                    average => format!("{}_{average}", names[0]).parse::<Metric>(),
                }
            }
            (_, _, Some((names, ..))) => names[0].parse(),
            _ => name.parse(),
        };
        built.map_err(|_| {
            let known: Vec<&str> = FORMS.iter().map(|(names, ..)| names[0]).collect();
            let message = format!("unknown metric `{}`: {}", brief(word), closest(&name, &known));
            Mistake::new(&entry.node.place, message)
        })
    }

    fn write(&self) -> Option<Node> {
        let name = Node::text(&self.name());
        let Metric::BinaryAccuracy { threshold } = self else { return Some(name) };
        if *threshold == BORDER {
            return Some(name);
        }
        let entry = |key: &str, node| Entry { key: key.to_owned(), place: Default::default(), node };
        let border = Node::of(Value::Number(*threshold));
        Some(Node::of(Value::Table(vec![entry(TAG, name), entry("threshold", border)])))
    }

    fn chapter() -> Option<String> {
        Some(WHAT.to_owned())
    }

    fn describe(book: &mut Book) {
        let doc = "A figure beside the loss. How figures of several classes become one may stand in the name: \
                   `f1_macro`.";
        if !book.begin(WHAT, &[doc]) {
            return;
        }
        for (names, keys, doc) in FORMS {
            let keys = match keys {
                Keys::None => Vec::new(),
                Keys::Threshold => {
                    let doc = "The border of predictions; that of targets is 1/2.";
                    vec![Key::new::<f64>(&["threshold"], Some(BORDER), None, &[doc], book)]
                }
                Keys::K => vec![Key::new::<usize>(&["k"], Some(TOP), Some(SIZE), &["How many."], book)],
                Keys::Average => {
                    let doc: Vec<String> =
                        AVERAGES.iter().map(|(name, doc)| format!("`{name}`: {doc}")).collect();
                    let doc: Vec<&str> = doc.iter().map(String::as_str).collect();
                    vec![Key::new::<String>(&["average"], Some("binary".to_owned()), None, &doc, book)]
                }
            };
            book.form(WHAT, names, &[doc], keys);
        }
    }
}

/// Whether a metric is one number, which can be watched.
pub(crate) fn is_figure(metric: &Metric) -> bool {
    !matches!(metric, Metric::PerClass | Metric::ConfusionMatrix)
}

/// Whether a metric says something of a task.
pub(crate) fn serves(metric: &Metric, task: &Task) -> bool {
    match metric {
        Metric::TopKAccuracy { .. } | Metric::Perplexity => {
            matches!(task, Task::Multiclass(_) | Task::Language(_))
        }
        Metric::BinaryAccuracy { .. } => matches!(task, Task::Binary(_)),
        Metric::MeanAbsoluteError
        | Metric::MeanSquaredError
        | Metric::RootMeanSquaredError
        | Metric::R2
        | Metric::MeanAbsolutePercentageError => !task.is_of_classes(),
        _ => task.is_of_classes(),
    }
}

/// Whether a metric is of one of two classes.
pub(crate) fn is_of_two(metric: &Metric) -> bool {
    use Average::Binary;
    use Metric::{F1, PrAuc, Precision, Recall, RocAuc};
    matches!(metric, Precision(Binary) | Recall(Binary) | F1(Binary) | RocAuc(Binary) | PrAuc(Binary))
}
