//! What an adapter was seen to do at most, kept in the user's cache: plans tell times by it.

use std::path::{Path, PathBuf};

use anygrad_core::{Caps, Result};
use anygrad_plan::Roofline;
use serde::{Deserialize, Serialize};

use crate::cache::{file_of, folder, read, refused, write};

/// The folder of all of them.
const ROOFLINES: &str = "rooflines";

/// Who measures them.
const MAKER: &str = "`anygrad bench`";

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
        let path = file_of(folder, ROOFLINES, caps);
        let Some(known) = read::<MeasuredRoofline>(&path, MAKER)? else { return Ok(None) };
        let Roofline { operations, bytes, dispatch, submit } = known.roofline;
        let speeds = [operations, bytes].iter().all(|speed| *speed > 0.0 && speed.is_finite());
        if !speeds || ![dispatch, submit].iter().all(|seconds| *seconds >= 0.0 && seconds.is_finite()) {
            return Err(refused(&path, "speeds must be above 0, times not below", MAKER));
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
        let path = file_of(folder, ROOFLINES, caps);
        write(&path, self)?;
        Ok(path)
    }
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
            std::fs::write(&path, bytes).unwrap();
            let error = MeasuredRoofline::load_from(folder.path(), &caps).unwrap_err().to_string();
            assert!(error.contains("rooflines") && error.contains("bench"), "{error}");
        }
    }
}
