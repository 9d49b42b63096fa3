//! The folder of what is kept between programs: the one that `ANYGRAD_CACHE` names, else `anygrad` in the
//! user's cache folder.

use std::fs;
use std::path::{Path, PathBuf};

use anygrad_core::{Caps, Context, Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The environment variable that names the folder of what is kept between programs.
pub const CACHE_VARIABLE: &str = "ANYGRAD_CACHE";

/// The user's folder.
pub(crate) fn folder() -> Option<PathBuf> {
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
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// The file of an adapter and its driver, in a folder for what it holds.
pub(crate) fn file_of(folder: &Path, what: &str, caps: &Caps) -> PathBuf {
    let identity = format!("{}\n{}\n{}", caps.name, caps.driver, caps.backend);
    folder.join(what).join(format!("{:016x}.json", fnv(identity.as_bytes())))
}

/// A file that cannot be used, and who makes it new.
pub(crate) fn refused(path: &Path, error: impl std::fmt::Display, maker: &str) -> Error {
    Error::input(format!("{}: {error}; {maker} writes it anew", path.display()))
}

/// What a file holds as JSON; none where there is no file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, maker: &str) -> Result<Option<T>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(path, error, maker)),
    };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| refused(path, error, maker))
}

/// Writes a file as JSON, whole or not at all: another program may read it now.
pub(crate) fn write(path: &Path, contents: &impl Serialize) -> Result<()> {
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
        fs::write(&temporary, serde_json::to_vec_pretty(contents)?)?;
        fs::rename(&temporary, path)
    };
    write().map_err(Error::input).context(|| format!("writing {}", path.display()))
}
