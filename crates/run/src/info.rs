//! `run.json`: under what circumstances a run came about.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anygrad_core::{Error, Result};
use anygrad_data::{Dataset, MissingReport, fingerprint};
use anygrad_gpu::Session;
use anygrad_nn::Trainer;
use anygrad_recipe::{Loaded, Recipe, Split};
use anygrad_store::audit::utc;
use serde::{Deserialize, Serialize};

use crate::machine;

/// What is noted about a run beside its figures. What is not known is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunInfo {
    /// Versions of programs, by name: `anygrad` and what it stands on.
    pub versions: BTreeMap<String, String>,
    /// The adapter's name.
    pub adapter: String,
    /// Its driver.
    pub driver: String,
    /// The interface to the driver: `Vulkan`, `Metal`, `interpreter`.
    pub backend: String,
    /// The operating system and processor.
    pub system: String,
    /// The hash of the adapter's certificate, where it has one.
    pub certificate: Option<String>,
    /// Where all that is random begins.
    pub seed: u64,
    /// The data.
    pub data: DataInfo,
    /// The layers as a table, as [`Trainer::summary`](anygrad_nn::Trainer::summary) writes it.
    pub model: String,
    /// The figure by which epochs are compared, as `val_loss`.
    pub monitor: Option<String>,
    /// When the run began, as `2026-01-31T12:00:00Z`.
    pub started: String,
    /// Seconds of training, over all resumes.
    pub seconds: f64,
    /// The most bytes that buffers held on the device.
    pub device_bytes: Option<u64>,
    /// The most bytes of memory that the process held.
    pub host_bytes: Option<u64>,
    /// What each kernel took, the dearest first, where it was measured.
    pub kernels: Vec<KernelCost>,
    /// What was timed for `kernels`, and by which clock.
    pub kernel_times: String,
}

impl RunInfo {
    /// Of a run that begins now.
    pub(crate) fn of(recipe: &Recipe, session: &Session, trainer: &Trainer, loaded: &Loaded) -> Result<Self> {
        let parts = [
            ("training", Some(&loaded.training)),
            ("validation", loaded.validation.as_ref()),
            ("test", loaded.test.as_ref()),
        ];
        let parts: Vec<(&str, &Dataset)> =
            parts.into_iter().filter_map(|(name, part)| part.map(|part| (name, part))).collect();
        let named: Vec<(String, &Dataset)> =
            parts.iter().map(|(name, part)| (format!("{name}."), *part)).collect();
        let mut arrays = Vec::new();
        for (name, part) in &named {
            arrays.push((format!("{name}features"), part.features()));
            arrays.push((format!("{name}targets"), part.targets()));
        }
        let all: Vec<_> = arrays.iter().map(|(name, array)| (name.as_str(), *array)).collect();
        let caps = session.caps();
        let settings = recipe.settings();
        Ok(RunInfo {
            versions: BTreeMap::from([("anygrad".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            adapter: caps.name.clone(),
            driver: caps.driver.clone(),
            backend: caps.backend.clone(),
            system: machine::system(),
            certificate: session.certificate().map(str::to_owned),
            seed: settings.training.seed,
            data: DataInfo {
                fingerprint: fingerprint(&all),
                split: settings.data.split.as_ref().map_or("", Split::form).to_owned(),
                parts: parts
                    .iter()
                    .map(|(name, part)| DataPart {
                        name: (*name).to_owned(),
                        rows: part.len() as u64,
                        fingerprint: part.fingerprint(),
                    })
                    .collect(),
                missing: loaded.missing.clone(),
            },
            model: trainer.summary(&loaded.sizes.features)?,
            started: utc(SystemTime::now()),
            ..RunInfo::default()
        })
    }
}

/// What a model was trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataInfo {
    /// The SHA-256 of all parts.
    pub fingerprint: String,
    /// How the parts were cut, in words.
    pub split: String,
    /// The parts: training, validation, test.
    pub parts: Vec<DataPart>,
    /// The values that tables lacked, and what became of their rows.
    pub missing: Option<MissingReport>,
}

impl DataInfo {
    /// Whether a part is what the model was trained beside; a part that was not noted is not told.
    ///
    /// # Errors
    /// It is another: the message has both fingerprints.
    pub(crate) fn check(&self, name: &str, part: Option<&Dataset>) -> Result<()> {
        let Some(noted) = self.parts.iter().find(|noted| noted.name == name) else { return Ok(()) };
        let is = part.map_or_else(|| "not there".to_owned(), Dataset::fingerprint);
        if noted.fingerprint.is_empty() || noted.fingerprint == is {
            return Ok(());
        }
        Err(Error::input(format!(
            "the data have changed since the run began: the fingerprint of the {name} part was {}, now it is {is}",
            noted.fingerprint
        )))
    }
}

/// A part of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataPart {
    /// `training`, `validation` or `test`.
    pub name: String,
    /// How many rows it has.
    pub rows: u64,
    /// Its own SHA-256, where it is known.
    pub fingerprint: String,
}

/// What one kernel takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelCost {
    /// The operators that it computes, joined by `+`.
    pub step: String,
    /// Its name.
    pub kernel: String,
    /// How often it ran.
    pub dispatches: u64,
    /// Milliseconds of all of them.
    pub ms: f64,
    /// The most bytes of storage that one dispatch reads and writes, where they are known.
    pub bytes: Option<u64>,
}
