//! What the tuner found on an adapter, kept in the user's cache: which way each operator runs.
//!
//! One file per adapter, driver and set of kernels. Tuning writes it, sessions read it when they open.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anygrad_core::{Caps, Choices, Result};
use anygrad_graph::shaders;
use serde::{Deserialize, Serialize};

use crate::cache::{fnv, folder, read, refused, write};

/// Who makes the file.
const MAKER: &str = "tuning";

/// The choices that are kept for one adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuned {
    /// The adapter's name as its driver tells it.
    pub adapter: String,
    /// Driver name and version.
    pub driver: String,
    /// The graphics API underneath.
    pub backend: String,
    /// The hash of the kernels that were measured, in hexadecimal digits.
    pub kernels: String,
    /// The label that was chosen for each signature; see [`Choices`].
    pub choices: BTreeMap<String, String>,
}

impl Tuned {
    /// Choices for an adapter, among the kernels of this build.
    pub fn new(caps: &Caps, choices: &Choices) -> Self {
        Tuned {
            adapter: caps.name.clone(),
            driver: caps.driver.clone(),
            backend: caps.backend.clone(),
            kernels: kernels(),
            choices: choices.iter().map(|(key, label)| (key.to_owned(), label.to_owned())).collect(),
        }
    }

    /// The choices as plans take them.
    pub fn choices(&self) -> Choices {
        self.choices.iter().map(|(key, label)| (key.clone(), label.clone())).collect()
    }

    /// The file that is kept for an adapter; none where the system has no folder for it.
    pub fn path(caps: &Caps) -> Option<PathBuf> {
        folder().map(|folder| file(&folder, caps))
    }

    /// What is kept for an adapter, its driver and the kernels of this build, if there is something.
    ///
    /// # Errors
    /// The file cannot be read, or is about something else.
    pub fn load(caps: &Caps) -> Result<Option<Self>> {
        folder().map_or(Ok(None), |folder| Tuned::load_from(&folder, caps))
    }

    /// As [`Tuned::load`], from a folder other than the user's.
    ///
    /// # Errors
    /// As [`Tuned::load`].
    pub fn load_from(folder: &Path, caps: &Caps) -> Result<Option<Self>> {
        let path = file(folder, caps);
        let Some(tuned) = read::<Tuned>(&path, MAKER)? else { return Ok(None) };
        if !tuned.is_about(caps) {
            let about =
                format!("it is about {} ({}) and kernels {}", tuned.adapter, tuned.driver, tuned.kernels);
            return Err(refused(&path, about, MAKER));
        }
        Ok(Some(tuned))
    }

    /// Keeps the choices; earlier ones for other signatures stay. The path of the file; none where the
    /// system has no folder for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, caps: &Caps) -> Result<Option<PathBuf>> {
        folder().map(|folder| self.save_to(&folder, caps)).transpose()
    }

    /// As [`Tuned::save`], in a folder other than the user's.
    ///
    /// # Errors
    /// As [`Tuned::save`].
    pub fn save_to(&self, folder: &Path, caps: &Caps) -> Result<PathBuf> {
        let path = file(folder, caps);
        // A file that cannot be read holds nothing that is missed.
        let mut all =
            Tuned::load_from(folder, caps).ok().flatten().map_or(BTreeMap::new(), |all| all.choices);
        all.extend(self.choices.clone());
        write(&path, &Tuned { choices: all, ..self.clone() })?;
        Ok(path)
    }

    fn is_about(&self, caps: &Caps) -> bool {
        (&self.adapter, &self.driver, &self.backend) == (&caps.name, &caps.driver, &caps.backend)
            && self.kernels == kernels()
    }
}

/// The hash of the kernels of this build.
fn kernels() -> String {
    format!("{:016x}", shaders::HASH)
}

/// The file of an adapter.
fn file(folder: &Path, caps: &Caps) -> PathBuf {
    let identity = format!("{}\n{}\n{}\n{}", caps.name, caps.driver, caps.backend, kernels());
    folder.join("tuned").join(format!("{:016x}.json", fnv(identity.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_read_as_they_were_kept_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let caps = Caps::baseline();
        assert_eq!(Tuned::load_from(folder.path(), &caps).unwrap(), None);
        let keep = |pairs: &[(&str, &str)]| {
            Tuned::new(&caps, &pairs.iter().copied().collect()).save_to(folder.path(), &caps).unwrap()
        };
        keep(&[("a", "1"), ("b", "2")]);
        keep(&[("b", "3")]);
        let known = Tuned::load_from(folder.path(), &caps).unwrap().unwrap().choices();
        assert_eq!(known.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        let newer = Caps { driver: "newer".into(), ..caps.clone() };
        assert_eq!(Tuned::load_from(folder.path(), &newer).unwrap(), None);
    }

    #[test]
    fn a_file_that_is_broken_or_foreign_is_named_and_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let caps = Caps::baseline();
        let tuned = Tuned::new(&caps, &[("a", "1")].into_iter().collect());
        let path = tuned.save_to(folder.path(), &caps).unwrap();
        let foreign = Tuned { kernels: "0".into(), ..tuned.clone() };
        for bytes in [&b"{\"adapter\":"[..], b"\xff\x00", &serde_json::to_vec(&foreign).unwrap()] {
            std::fs::write(&path, bytes).unwrap();
            let error = Tuned::load_from(folder.path(), &caps).unwrap_err().to_string();
            assert!(error.contains("tuned") && error.contains("tuning writes it anew"), "{error}");
        }
        tuned.save_to(folder.path(), &caps).unwrap();
        assert_eq!(Tuned::load_from(folder.path(), &caps).unwrap(), Some(tuned));
    }
}
