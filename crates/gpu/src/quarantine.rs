//! What was found on an adapter, kept in the user's cache: the kernels that sessions do without.
//!
//! One file per adapter and driver, in the folder that `ANYGRAD_CACHE` names, else
//! `anygrad` in the user's cache folder. Verification writes it, sessions read it when they open.

use std::path::{Path, PathBuf};

use anygrad_core::{Caps, Result};
use serde::{Deserialize, Serialize};

use crate::cache::{file_of, folder, read, write};

/// The folder of all verdicts.
const ADAPTERS: &str = "adapters";

/// What verification found on one adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// The adapter's name as its driver tells it.
    pub adapter: String,
    /// Driver name and version.
    pub driver: String,
    /// The graphics API underneath.
    pub backend: String,
    /// The release of anygrad that verified.
    pub version: String,
    /// The hash of the certificate, in hexadecimal digits.
    pub certificate: String,
    /// Kernels and functions that gave wrong results; see [`Caps::excluded`].
    pub excluded: Vec<String>,
}

impl Verdict {
    /// A verdict on an adapter.
    pub fn new(caps: &Caps, version: &str, certificate: &str, excluded: Vec<String>) -> Self {
        Verdict {
            adapter: caps.name.clone(),
            driver: caps.driver.clone(),
            backend: caps.backend.clone(),
            version: version.into(),
            certificate: certificate.into(),
            excluded,
        }
    }

    /// The verdict that is kept for an adapter and its driver, if there is one.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn load(caps: &Caps) -> Result<Option<Self>> {
        folder().map_or(Ok(None), |folder| Verdict::load_from(&folder, caps))
    }

    /// As [`Verdict::load`], from a folder other than the user's.
    ///
    /// # Errors
    /// As [`Verdict::load`].
    pub fn load_from(folder: &Path, caps: &Caps) -> Result<Option<Self>> {
        let verdict: Option<Verdict> = read(&file_of(folder, ADAPTERS, caps), "`anygrad verify`")?;
        // Another adapter's, if two of them have one hash.
        Ok(verdict.filter(|verdict| verdict.is_about(caps)))
    }

    /// Keeps the verdict, in place of an earlier one. The path of the file; none where the system
    /// has no folder for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, caps: &Caps) -> Result<Option<PathBuf>> {
        folder().map(|folder| self.save_to(&folder, caps)).transpose()
    }

    /// As [`Verdict::save`], in a folder other than the user's.
    ///
    /// # Errors
    /// As [`Verdict::save`].
    pub fn save_to(&self, folder: &Path, caps: &Caps) -> Result<PathBuf> {
        let path = file_of(folder, ADAPTERS, caps);
        write(&path, self)?;
        Ok(path)
    }

    fn is_about(&self, caps: &Caps) -> bool {
        (&self.adapter, &self.driver, &self.backend) == (&caps.name, &caps.driver, &caps.backend)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_read_as_it_was_kept_for_this_adapter_alone() {
        let folder = tempfile::tempdir().unwrap();
        let caps = Caps::baseline();
        assert_eq!(Verdict::load_from(folder.path(), &caps).unwrap(), None);
        let verdict = Verdict::new(&caps, "1.2.3", "abc", vec!["softmax_alone".into()]);
        let path = verdict.save_to(folder.path(), &caps).unwrap();
        assert_eq!(Verdict::load_from(folder.path(), &caps).unwrap(), Some(verdict));
        let newer = Caps { driver: "newer".into(), ..caps.clone() };
        assert_eq!(Verdict::load_from(folder.path(), &newer).unwrap(), None);

        std::fs::write(&path, "{\"adapter\":").unwrap();
        let error = Verdict::load_from(folder.path(), &caps).unwrap_err().to_string();
        assert!(error.contains("adapters") && error.contains("anygrad verify"), "{error}");
    }
}
