//! Keys, signatures and the audit log, as a person calls them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anygrad::store::audit::{AUDIT, AuditLog, CHECKPOINT, CHECKPOINTS, Event};
use anygrad::store::{Checkpoint, Checkpoints, Identity, Lock, Options};

/// Exit code and everything written.
fn anygrad(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anygrad"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn a_file_is_signed_and_verified() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| anygrad(folder.path(), arguments);
    std::fs::write(folder.path().join("model"), b"content").unwrap();
    assert_eq!(run(&["keygen", "--sign", "--output", "mine"]).0, 0);
    assert_eq!(run(&["keygen", "--sign"]).0, 0);
    let (code, text) = run(&["keygen", "--sign", "--output", "mine"]);
    assert!(code == 2 && text.contains("mine: cannot be written"), "{text}");

    let (code, text) = run(&["verify-signature", "model", "--key", "mine.pub"]);
    assert!(code == 1 && text.contains("model: it is not signed"), "{text}");
    let (code, text) = run(&["sign", "model", "--key", "mine"]);
    assert!(code == 0 && text.starts_with("model.sig: signed by "), "{text}");
    assert_eq!(run(&["verify-signature", "model", "--key", "mine.pub"]).0, 0);
    let (code, text) = run(&["verify-signature", "model", "--key", "signing.key.pub"]);
    assert!(code == 1 && text.contains("it is signed by the key"), "{text}");
    std::fs::write(folder.path().join("model"), b"Content").unwrap();
    let (code, text) = run(&["verify-signature", "model", "--key", "mine.pub"]);
    assert!(code == 1 && text.contains("was changed since it was signed"), "{text}");

    let (code, text) = run(&["verify-signature", "model", "--key", "mine"]);
    assert!(code == 2 && text.contains("mine: holds no PUBLIC KEY"), "{text}");
    assert_eq!(run(&["verify-signature", "none", "--key", "mine.pub"]).0, 2);
    assert_eq!(run(&["sign", "none", "--key", "mine"]).0, 2);
    assert_eq!(run(&["keygen"]).0, 2);
    assert_eq!(run(&["keygen", "--sign", "--encrypt"]).0, 2);
}

#[test]
fn an_identity_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = anygrad(folder.path(), &["keygen", "--encrypt"]);
    let identity = Identity::read_file(&folder.path().join("identity.txt")).unwrap().remove(0);
    assert!(code == 0 && text.contains(&format!("recipient: {}", identity.recipient())), "{text}");
    assert!(!text.contains("SECRET"), "{text}");
}

#[test]
fn an_audit_tells_what_was_changed() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| anygrad(folder.path(), arguments);
    let path = folder.path().join(AUDIT);
    let identity = Identity::generate().unwrap();
    identity.write_file(&folder.path().join("identity")).unwrap();
    let lock = Lock::Recipients(vec![identity.recipient()]);
    let mut checkpoints =
        Checkpoints::new(folder.path().join(CHECKPOINTS), Options { lock, ..Options::default() }).unwrap();
    let mut log = AuditLog::open(&path).unwrap();
    let mut note =
        |kind, data| log.append(&Event { time: SystemTime::now(), who: "anna", kind, data }).unwrap();
    let mut head = note("start", serde_json::json!({}));
    for step in 1..=2 {
        let mut checkpoint = Checkpoint::default();
        head.note(&mut checkpoint.meta).unwrap();
        let saved = checkpoints.save(step, &checkpoint, None).unwrap();
        head = note(CHECKPOINT, saved.event());
    }
    let (code, text) = run(&["audit", ".", "--head", &head.to_string()]);
    assert_eq!(code, 0, "{text}");
    for says in [
        "2 checkpoints as the log noted",
        "2 checkpoints encrypted",
        &format!("3 lines, all hold; head {head}"),
    ] {
        assert!(text.contains(says), "{text}");
    }
    let (code, text) = run(&["audit", ".", "--identity", "identity"]);
    assert!(code == 0 && !text.contains("encrypted"), "{text}");
    assert_eq!(run(&["audit", AUDIT]).0, 0);

    let whole = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, whole.replacen("anna", "eve", 1)).unwrap();
    let (code, text) = run(&["audit", "."]);
    assert!(code == 1 && text.contains("line 1: it was changed") && text.contains("1 fault:"), "{text}");
    let cut: String = whole.split_inclusive('\n').take(1).collect();
    std::fs::write(&path, &cut).unwrap();
    let (code, text) = run(&["audit", ".", "--identity", "identity"]);
    assert!(code == 1 && text.contains("the log was cut: it held line 2, the last one now is 1"), "{text}");
    let (code, text) = run(&["audit", AUDIT, "--head", &head.to_string()]);
    assert!(code == 1 && text.contains("the log was cut: it held line 3"), "{text}");
    std::fs::write(&path, &whole[..whole.len() - 9]).unwrap();
    let (code, text) = run(&["audit", AUDIT]);
    assert!(code == 0 && text.contains("the last line was not finished"), "{text}");
    assert_eq!(run(&["audit", "nowhere"]).0, 2);
    assert_eq!(run(&["audit", CHECKPOINTS]).0, 2);
    assert_eq!(run(&["audit", AUDIT, "--head", "3:x"]).0, 2);
}
