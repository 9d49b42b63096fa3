//! What a training run leaves behind, and what protects it.
//!
//! - [`Checkpoint`]: tensors and metadata as one safetensors file with a SHA-256 over all of it;
//! - [`Checkpoints`]: a folder of them, saved so that a kill, a full disk or a power cut never costs
//!   one that was there;
//! - [`Lock`] and [`Keys`]: files encrypted in the format of age;
//! - [`sign_file`], [`SecretKey`], [`PublicKey`]: Ed25519 signatures beside a file;
//! - [`audit`]: a log in which a changed byte is found.
//!
//! Files are data only: nothing in them is executed, and every size is checked against the length of
//! the file before anything is allocated for it. `docs/security.md` says what all of this protects
//! against, and what not.

pub mod audit;
mod checkpoint;
mod digest;
mod durable;
mod files;
mod folder;
mod seal;
mod sign;

pub use checkpoint::Checkpoint;
pub use digest::sha256_of_file;
pub use files::write as write_file;
pub use folder::{Checkpoints, Goal, Label, Loaded, Options, Refused, Saved};
pub use seal::{Identity, Keys, Lock, Passphrase, Recipient};
pub use sign::{PublicKey, SecretKey, sign_file, signature_path};
