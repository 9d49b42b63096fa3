//! What was found on an adapter, kept in the user's cache: the kernels that sessions do without.
//!
//! One file per adapter and driver, in the folder that `ANYGRAD_CACHE` names, else
//! `anygrad` in the user's cache folder. Verification writes it, sessions read it when they open.

use std::fs;
use std::path::PathBuf;

use anygrad_core::{Caps, Context, Error, Result};
use serde::{Deserialize, Serialize};

/// The environment variable that names the folder of what is kept between programs.
pub const CACHE_VARIABLE: &str = "ANYGRAD_CACHE";

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
        let Some(path) = path(caps) else { return Ok(None) };
        let refuse = |error: &dyn std::fmt::Display| {
            Error::input(format!("{}: {error}; `anygrad verify` writes it anew", path.display()))
        };
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(&error)),
        };
        let verdict: Verdict = serde_json::from_slice(&bytes).map_err(|error| refuse(&error))?;
        // Two adapters whose hashes are equal.
        Ok(Some(verdict).filter(|verdict| verdict.is_about(caps)))
    }

    /// Keeps the verdict, in place of an earlier one. The path of the file; none where the system
    /// has no folder for it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, caps: &Caps) -> Result<Option<PathBuf>> {
        let Some(path) = path(caps) else { return Ok(None) };
        let write = || {
            let folder = path.parent().unwrap_or(&path);
            fs::create_dir_all(folder)?;
            // Whole or not at all: another program may read it now.
            let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
            fs::write(&temporary, serde_json::to_vec_pretty(self)?)?;
            fs::rename(&temporary, &path)
        };
        write().map_err(Error::input).context(|| format!("writing {}", path.display()))?;
        Ok(Some(path))
    }

    fn is_about(&self, caps: &Caps) -> bool {
        (&self.adapter, &self.driver, &self.backend) == (&caps.name, &caps.driver, &caps.backend)
    }
}

/// The file of an adapter.
fn path(caps: &Caps) -> Option<PathBuf> {
    let identity = format!("{}\n{}\n{}", caps.name, caps.driver, caps.backend);
    Some(folder()?.join("adapters").join(format!("{:016x}.json", fnv(identity.as_bytes()))))
}

fn folder() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = || {
        if cfg!(windows) {
            return variable("LOCALAPPDATA");
        }
        let home = || variable("HOME");
        if cfg!(target_os = "macos") {
            return Some(home()?.join("Library/Caches"));
        }
        variable("XDG_CACHE_HOME").or_else(|| Some(home()?.join(".cache")))
    };
    variable(CACHE_VARIABLE).or_else(|| Some(cache()?.join("anygrad")))
}

/// FNV-1a: names a file, guards nothing.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
