//! What every program can be asked to do.

use std::path::PathBuf;

use anygrad::core::{Error, Result};
use anygrad::gpu::{Choice, Recorder};
use clap::Args;

use crate::costs::Wanted;

/// The options of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// A file or folder of data; the data set that the program makes itself without one.
    pub data: Option<PathBuf>,
    /// How many times training goes through the training part.
    pub epochs: usize,
    /// Samples per step.
    pub batch_size: usize,
    /// Decides the generated data, the split, the initial weights and the order of training.
    pub seed: u64,
    /// The adapter to train on.
    pub adapter: Choice,
    /// Where the plot goes; none is made without it.
    pub plot: Option<PathBuf>,
    /// Whether the operators of the model are tuned before training.
    pub tune: bool,
    /// Whether only errors are shown.
    pub quiet: bool,
    /// Whether the report is written as JSON, and nothing else.
    pub json: bool,
    /// What is told of the cost.
    pub costs: Wanted,
    /// Hears of what the programs of the session cost.
    pub recorder: Option<Recorder>,
}

/// The options as arguments of a command line. Those left out take the values of the program.
#[derive(Args, Clone, Debug, Default)]
#[group(skip)]
pub struct Arguments {
    /// A file or folder of data; without it the program makes its own
    #[arg(long, value_name = "PATH")]
    pub data: Option<PathBuf>,
    /// How many times to go through the training part
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Samples per step
    #[arg(long, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Decides the generated data, the split, the initial weights and the order of training
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// A number, `software`, `cpu`, or a part of an adapter's name; the variable ANYGRAD_ADAPTER or
    /// the best one without it
    #[arg(long, value_name = "ADAPTER")]
    pub adapter: Option<String>,
    /// Where the plot goes
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Make no plot
    #[arg(long, conflicts_with = "plot")]
    pub no_plot: bool,
    /// First measure in which ways the operators of the model run fastest, and remember it
    #[arg(long)]
    pub tune: bool,
    /// Show nothing but errors
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
    /// Write the report as JSON, and nothing else
    #[arg(long)]
    pub json: bool,
    /// What is told of the cost.
    #[command(flatten)]
    pub costs: Wanted,
}

impl Options {
    /// The options of a program that is asked for nothing: its own data, seed 1, the adapter of the
    /// environment, and a plot in `runs/`, named after the program.
    pub fn new(program: &str, epochs: usize, batch_size: usize) -> Self {
        Options {
            data: None,
            epochs,
            batch_size,
            seed: 1,
            adapter: Choice::from_env(),
            plot: Some(PathBuf::from("runs").join(format!("{program}.png"))),
            tune: false,
            quiet: false,
            json: false,
            costs: Wanted::default(),
            recorder: None,
        }
    }

    /// These options with the arguments that were given in their place.
    ///
    /// # Errors
    /// No epochs, or batches of no samples.
    pub fn with(self, arguments: Arguments) -> Result<Self> {
        let options = Options {
            data: arguments.data.or(self.data),
            epochs: arguments.epochs.unwrap_or(self.epochs),
            batch_size: arguments.batch_size.unwrap_or(self.batch_size),
            seed: arguments.seed.unwrap_or(self.seed),
            adapter: arguments.adapter.map_or(self.adapter, Choice::from),
            plot: if arguments.no_plot { None } else { arguments.plot.or(self.plot) },
            tune: self.tune || arguments.tune,
            quiet: self.quiet || arguments.quiet,
            json: self.json || arguments.json,
            costs: arguments.costs,
            recorder: self.recorder,
        };
        options.check()?;
        Ok(options)
    }

    /// Checks what no program can do.
    ///
    /// # Errors
    /// No epochs, or batches of no samples.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::input(format!("{name} is 0: take at least 1")));
            }
        }
        Ok(())
    }

    /// Whether progress and tables are shown.
    pub fn talks(&self) -> bool {
        !self.quiet && !self.json
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parse(words: &[&str]) -> Option<Arguments> {
        Program::try_parse_from([&["program"], words].concat()).ok().map(|program| program.arguments)
    }

    #[test]
    fn arguments_replace_what_they_name() {
        let words =
            "--data d --epochs 3 --seed 9 --adapter software --no-plot --json --tune --profile --trace t";
        let words: Vec<&str> = words.split(' ').collect();
        let options = Options::new("cnn", 5, 64).with(parse(&words).unwrap()).unwrap();
        let expected = Options {
            data: Some("d".into()),
            epochs: 3,
            batch_size: 64,
            seed: 9,
            adapter: Choice::Software,
            plot: None,
            tune: true,
            quiet: false,
            json: true,
            costs: Wanted { profile: Some("-".into()), trace: Some("t".into()) },
            recorder: None,
        };
        assert_eq!(options, expected);
        assert!(!options.talks());
    }

    #[test]
    fn without_arguments_the_program_decides() {
        let options = Options::new("cnn", 5, 64);
        assert_eq!(options.clone().with(parse(&[]).unwrap()).unwrap(), options);
        assert_eq!(options.plot, Some("runs/cnn.png".into()));
        assert!(options.talks());
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for words in [["--epochs", "0"], ["--batch-size", "0"]] {
            let error = Options::new("cnn", 5, 64).with(parse(&words).unwrap()).unwrap_err();
            assert!(error.is_input() && error.to_string().ends_with("is 0: take at least 1"), "{error}");
        }
        for words in [
            &["--epochs", "-1"][..],
            &["--epochs", "x"],
            &["--quiet", "--json"],
            &["--plot", "a", "--no-plot"],
            &["--profile", "file"],
            &["--trace"],
        ] {
            assert!(parse(words).is_none(), "{words:?}");
        }
    }
}
