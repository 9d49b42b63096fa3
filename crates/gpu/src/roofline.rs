//! What an adapter was seen to do at most, kept in the user's cache: plans tell times by it.

use std::fs;
use std::path::{Path, PathBuf};

use anygrad_core::{Caps, Error, Result};
use anygrad_plan::Roofline;
use serde::{Deserialize, Serialize};

use crate::cache::{fnv, folder, write};

/// A roofline that was measured on one adapter and driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeasuredRoofline {
    /// The adapter's name as its driver tells it.
    pub adapter: String,
    /// Driver name and version.
    pub driver: String,
    /// The graphics API underneath.
    pub backend: String,
    /// What was measured.
    pub roofline: Roofline,
}

impl MeasuredRoofline {
    /// What was measured on an adapter.
    pub fn new(caps: &Caps, roofline: Roofline) -> Self {
        let Caps { name, driver, backend, .. } = caps.clone();
        MeasuredRoofline { adapter: name, driver, backend, roofline }
    }

    /// What is kept for an adapter and its driver, if there is something.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(caps: &Caps) -> Result<Option<Self>> {
        folder().map_or(Ok(None), |folder| MeasuredRoofline::load_from(&folder, caps))
    }

    /// As [`MeasuredRoofline::load`], from a folder other than the user's.
    ///
    /// # Errors
    /// As [`MeasuredRoofline::load`].
    pub fn load_from(folder: &Path, caps: &Caps) -> Result<Option<Self>> {
        let path = file(folder, caps);
        let refuse = |error: &dyn std::fmt::Display| {
            Error::input(format!("{}: {error}; `anygrad bench` writes it anew", path.display()))
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(&error)),
        };
        let known: MeasuredRoofline = serde_json::from_slice(&bytes).map_err(|error| refuse(&error))?;
        let Roofline { operations, bytes, dispatch, submit } = known.roofline;
        let speeds = [operations, bytes].iter().all(|speed| *speed > 0.0 && speed.is_finite());
        if !speeds || ![dispatch, submit].iter().all(|seconds| *seconds >= 0.0 && seconds.is_finite()) {
            return Err(refuse(&"speeds must be above 0, times not below"));
        }
        Ok(Some(known).filter(|known| *known == MeasuredRoofline::new(caps, known.roofline)))
    }

    /// Keeps it. The path of the file; none where the system has no folder for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, caps: &Caps) -> Result<Option<PathBuf>> {
        folder().map(|folder| self.save_to(&folder, caps)).transpose()
    }

    /// As [`MeasuredRoofline::save`], in a folder other than the user's.
    ///
    /// # Errors
    /// As [`MeasuredRoofline::save`].
    pub fn save_to(&self, folder: &Path, caps: &Caps) -> Result<PathBuf> {
        let path = file(folder, caps);
        write(&path, self)?;
        Ok(path)
    }
}

/// The file of an adapter.
fn file(folder: &Path, caps: &Caps) -> PathBuf {
    let identity = format!("{}\n{}\n{}", caps.name, caps.driver, caps.backend);
    folder.join("rooflines").join(format!("{:016x}.json", fnv(identity.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_is_read_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let caps = Caps::baseline();
        assert_eq!(MeasuredRoofline::load_from(folder.path(), &caps).unwrap(), None);
        let roofline = Roofline { operations: 1e12, bytes: 1e11, dispatch: 1e-6, submit: 1e-5 };
        let measured = MeasuredRoofline::new(&caps, roofline);
        let path = measured.save_to(folder.path(), &caps).unwrap();
        assert_eq!(MeasuredRoofline::load_from(folder.path(), &caps).unwrap(), Some(measured.clone()));
        let newer = Caps { driver: "newer".into(), ..caps.clone() };
        assert_eq!(MeasuredRoofline::load_from(folder.path(), &newer).unwrap(), None);
        let odd = MeasuredRoofline { roofline: Roofline { bytes: 0.0, ..roofline }, ..measured };
        for bytes in [&b"{"[..], &serde_json::to_vec(&odd).unwrap()] {
            fs::write(&path, bytes).unwrap();
            let error = MeasuredRoofline::load_from(folder.path(), &caps).unwrap_err().to_string();
            assert!(error.contains("rooflines") && error.contains("bench"), "{error}");
        }
    }
}
