//! A recipe: all of its keys, and where they stand.

use std::path::{Path, PathBuf};

use anygrad_core::{Error, Result};
use anygrad_nn::{Loss, Metric};

use crate::data::{Data, File, Fraction, Part, Set, Shares, Source, Split, Task, Time};
use crate::layers::Layer;
use crate::load::Fold;
use crate::node::{Mistake, Node};
use crate::optim::{Adam, Optimizer};
use crate::parts::Convention;
use crate::schedule::Schedule;
use crate::schema::{Setting, section};
use crate::training::{Regularization, Training};
use crate::{check, set, write};

section! {
    /// The keys of the file itself.
    Settings {
        /// The layers, in order.
        model: Vec<Layer>,
        /// What training minimizes; by the task unless given: `mse`, `binary_cross_entropy` or `cross_entropy`.
        loss: Option<Loss> = None,
        /// How gradients change parameters.
        optimizer: Optimizer = Optimizer::Adam(Adam {
            lr: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            eps: None,
            amsgrad: false,
            weight_decay: 0.0,
            convention: Convention::Keras,
        }),
        /// How the learning rate changes; it stays unless given.
        schedule: Option<Schedule> = None,
        /// Where the rows come from and what they are for.
        data: Data,
        /// What keeps a model from learning its data by heart.
        regularization: Regularization,
        /// How long, in what steps, and what is watched.
        training: Training,
    }
}

/// A recipe, read and checked, with every default filled in.
///
/// ```
/// use anygrad_recipe::Recipe;
///
/// let text = r#"
///     model = [{ type = "dense", units = "outputs" }]
///
///     [data]
///     format = "csv"
///     path = "houses.csv"
///     task = "regression"
///
///     [training]
///     epoch = 30
/// "#;
/// let error = Recipe::parse(text, "houses.toml").unwrap_err().to_string();
/// assert_eq!(error, "houses.toml: line 10: training: unknown key `epoch`: did you mean `epochs`?");
/// let recipe = Recipe::parse(&text.replace("epoch =", "epochs ="), "houses.toml")?;
/// assert_eq!(recipe.settings().training.epochs, 30);
/// # Ok::<(), anygrad_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Recipe {
    settings: Settings,
    /// What errors call the file.
    file: String,
    /// What paths are relative to.
    folder: PathBuf,
    root: Node,
    /// What is held out in the place of the validation part.
    pub(crate) fold: Option<Fold>,
}

/// Two recipes are equal when they ask for the same, wherever it stands.
impl PartialEq for Recipe {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
    }
}

/// The largest file that is taken for a recipe.
const LARGEST: u64 = 1 << 20;

impl Recipe {
    /// The recipe in a file, with settings in the place of its own, as `training.epochs=3`.
    ///
    /// # Errors
    /// The file cannot be read, is no recipe, or a setting does not fit.
    pub fn read(path: impl AsRef<Path>, sets: &[String]) -> Result<Self> {
        let path = path.as_ref();
        let unreadable = |error| Error::input(format!("{}: cannot be read: {error}", path.display()));
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > LARGEST {
            return Err(Error::input(format!("{}: {bytes} bytes are too many for a recipe", path.display())));
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let valid = error.utf8_error().valid_up_to();
            let line = 1 + error.as_bytes()[..valid].iter().filter(|&&byte| byte == b'\n').count();
            Error::input(format!("{}: line {line}: not UTF-8", path.display()))
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Recipe::of(&text, path.display().to_string(), folder, sets)
    }

    /// The recipe in a text; `file` is what errors call it. Paths are relative to the working folder.
    ///
    /// # Errors
    /// The text is no recipe: the message names the line, the key and what would be right.
    pub fn parse(text: &str, file: &str) -> Result<Self> {
        Recipe::of(text, file.to_owned(), PathBuf::new(), &[])
    }

    fn of(text: &str, file: String, folder: PathBuf, sets: &[String]) -> Result<Self> {
        let root = Node::parse(text).map_err(|mistake| mistake.error(&file))?;
        Recipe::of_tree(root, file, folder, sets)
    }

    fn of_tree(mut root: Node, file: String, folder: PathBuf, sets: &[String]) -> Result<Self> {
        let named = |mistake: Mistake| mistake.error(&file);
        sets.iter().try_for_each(|text| set::apply(&mut root, text)).map_err(named)?;
        let mut settings = Settings::read(&root).map_err(named)?;
        resolve(&mut settings);
        let recipe = Recipe { settings, file, folder, root, fold: None };
        check::check(&recipe)?;
        Ok(recipe)
    }

    /// This recipe with settings in the place of its own: `training.epochs=3`, `model.0.units=64`,
    /// `optimizer=sgd`. A path of keys, and a value as in the file; single words need no quotes.
    ///
    /// # Errors
    /// A setting is no setting, or what comes out is no recipe.
    pub fn with(&self, sets: &[String]) -> Result<Self> {
        let recipe = Recipe::of_tree(self.root.clone(), self.file.clone(), self.folder.clone(), sets)?;
        Ok(Recipe { fold: self.fold, ..recipe })
    }

    /// What the recipe asks for.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The recipe as a file, with every default filled in: it reads back as the same.
    pub fn to_toml(&self) -> String {
        let mut entries = Vec::new();
        crate::schema::Section::put(&self.settings, &mut entries);
        write::document(&entries)
    }

    /// [`Recipe::to_toml`] with paths that hold wherever it lies: for a folder that keeps what was run.
    ///
    /// # Errors
    /// The working folder is gone, or a path is not UTF-8.
    pub fn to_toml_elsewhere(&self) -> Result<String> {
        let mut moved = self.clone();
        let layers = moved.settings.model.iter_mut().flat_map(|layer| layer.paths());
        for path in moved.settings.data.paths().into_iter().chain(layers) {
            let whole = std::path::absolute(self.folder.join(&*path))
                .map_err(|error| Error::input(format!("{path}: {error}")))?;
            *path = whole
                .to_str()
                .ok_or_else(|| Error::input(format!("{}: not UTF-8", whole.display())))?
                .to_owned();
        }
        Ok(moved.to_toml())
    }

    /// What the recipe's paths are relative to.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path of the recipe, which is relative to its folder.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// An error about the value under a path of keys.
    pub(crate) fn error(&self, path: &[&str], message: impl ToString) -> Error {
        let mistake = Mistake::new(&set::place(&self.root, path), message.to_string());
        path.iter().rev().fold(mistake, |mistake, key| mistake.within(key)).error(&self.file)
    }

    /// The name by which the recipe gives a key of `data`, the first unless it does.
    pub(crate) fn spelled<'a>(&self, names: &[&'a str; 2]) -> &'a str {
        if set::has(&self.root, &["data", names[1]]) { names[1] } else { names[0] }
    }

    /// What training minimizes.
    pub fn loss(&self) -> &Loss {
        // Filled in when the recipe was made.
        self.settings.loss.as_ref().unwrap_or(&Loss::MeanSquaredError)
    }

    /// The figures beside the loss.
    pub fn metrics(&self) -> &[Metric] {
        self.settings.training.metrics.as_deref().unwrap_or(&[])
    }

    /// How the rows are cut into parts.
    pub(crate) fn split(&self) -> Split {
        self.settings.data.split.clone().unwrap_or_else(|| usual_split(&self.settings.data))
    }
}

/// Fills in what follows from other keys.
fn resolve(settings: &mut Settings) {
    let task = &settings.data.task;
    settings.loss.get_or_insert_with(|| match task {
        Task::Regression(_) | Task::Forecasting(_) => Loss::mse(),
        Task::Binary(_) => Loss::binary_cross_entropy(),
        Task::Multiclass(_) | Task::Language(_) => Loss::sparse_cross_entropy(),
    });
    settings.training.metrics.get_or_insert_with(|| match task {
        task if task.is_of_classes() => vec![Metric::Accuracy],
        _ => vec![Metric::MeanAbsoluteError, Metric::RootMeanSquaredError],
    });
    let split = usual_split(&settings.data);
    settings.data.split.get_or_insert(split);
}

fn usual_split(data: &Data) -> Split {
    let shares = Shares { train: 0.8, validation: 0.1, test: 0.1 };
    match (&data.source, &data.task) {
        (_, task) if task.is_in_time() => Split::Time(Time { shares }),
        (Source::Idx(_), _) => Split::File(File { validation: Part::Share(0.1), test: None }),
        _ => Split::Fraction(Fraction { shuffle: true, shares }),
    }
}

/// What a generated set is for.
pub(crate) fn task_of(set: Set) -> &'static str {
    match set {
        Set::Line => "regression",
        Set::And => "binary",
        Set::Digits => "multiclass",
        Set::Sine => "forecasting",
    }
}
