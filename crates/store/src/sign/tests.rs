use super::*;
use crate::digest::sha256;

fn key() -> (tempfile::TempDir, SecretKey, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    std::fs::write(&file, b"the content of a model").unwrap();
    (folder, SecretKey::generate().unwrap(), file)
}

#[test]
fn a_signed_file_is_verified_by_its_key_alone() {
    let (_folder, key, file) = key();
    let error = key.public().verify_file(&file).unwrap_err().to_string();
    assert!(error.contains("it is not signed") && error.contains("model.safetensors.sig"), "{error}");
    assert_eq!(sign_file(&file, &key).unwrap(), signature_path(&file));
    key.public().verify_file(&file).unwrap();
    let other = SecretKey::generate().unwrap().public();
    let error = other.verify_file(&file).unwrap_err().to_string();
    assert!(error.contains("it is signed by the key") && error.contains(&other.digits()), "{error}");
}

#[test]
fn every_changed_byte_of_file_and_signature_is_found() {
    let (_folder, key, file) = key();
    let beside = sign_file(&file, &key).unwrap();
    for path in [&file, &beside] {
        let whole = std::fs::read(path).unwrap();
        // The last byte of a signature is the line feed, which is no part of the JSON.
        for at in 0..whole.len() - usize::from(path == &beside) {
            for mask in [0x01, 0x20, 0x80] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                std::fs::write(path, &bytes).unwrap();
                let error = key.public().verify_file(&file).expect_err("a changed byte");
                assert!(error.to_string().contains("model.safetensors"), "byte {at}: {error}");
            }
        }
        std::fs::write(path, &whole).unwrap();
    }
    key.public().verify_file(&file).unwrap();
    std::fs::write(&file, b"another content").unwrap();
    let error = key.public().verify_file(&file).unwrap_err().to_string();
    assert!(error.contains("was changed since it was signed"), "{error}");
}

#[test]
fn a_forged_signature_is_refused() {
    let (_folder, key, file) = key();
    let sha256 = sha256(&[b"the content of a model"]);
    let mine = signature(&sha256, &SecretKey::generate().unwrap()).unwrap();
    let mut claimed: Signature = serde_json::from_str(&mine).unwrap();
    claimed.public_key = key.public().digits();
    std::fs::write(signature_path(&file), serde_json::to_string(&claimed).unwrap()).unwrap();
    let error = key.public().verify_file(&file).unwrap_err().to_string();
    assert!(error.contains("the signature is not one of the key"), "{error}");
    for (text, says) in [
        ("", "this is no signature"),
        ("[]", "this is no signature"),
        (r#"{"format":"anygrad-signature/1"}"#, "missing field"),
        (&mine.replace("signature/1", "signature/2"), "this release knows"),
        (&mine.replace("ed25519", "none"), "this release knows"),
        (&mine.replace("\"algorithm\"", "\"x\":1,\"algorithm\""), "unknown field"),
    ] {
        std::fs::write(signature_path(&file), text).unwrap();
        let error = key.public().verify_file(&file).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}

#[test]
fn keys_are_files_that_openssl_reads() {
    let (folder, ..) = key();
    let path = |name: &str| folder.path().join(name);
    // Test vector 1 of RFC 8032, as OpenSSL writes it.
    let secret = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    let secret = format!("-----BEGIN PRIVATE KEY-----\n{secret}\n-----END PRIVATE KEY-----\n");
    std::fs::write(path("secret"), secret).unwrap();
    let vector = SecretKey::read_file(&path("secret")).unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    assert_eq!(vector.public().digits(), public);
    assert_eq!(format!("{vector:?}"), format!("SecretKey(of {public})"), "a secret is never shown");

    vector.public().write_file(&path("public")).unwrap();
    assert_eq!(PublicKey::read_file(&path("public")).unwrap(), vector.public());
    vector.write_file(&path("again")).unwrap();
    assert_eq!(std::fs::read(path("again")).unwrap(), std::fs::read(path("secret")).unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path("again")).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(vector.write_file(&path("again")).is_err(), "a key is never overwritten");

    let error = SecretKey::read_file(&path("public")).unwrap_err().to_string();
    assert!(error.contains("holds no PRIVATE KEY"), "{error}");
    let text = std::fs::read_to_string(path("public")).unwrap();
    let mut one = [0; 32];
    one[0] = 1;
    for (wrong, says) in [
        (String::new(), "holds no PUBLIC KEY"),
        (text.replace("MCow", "MCox"), "is none of Ed25519"),
        (text.replace("MCow", "MC*w"), "is none of Ed25519"),
        (text.replace('=', "A="), "is none of Ed25519"),
        (keys::pem("PUBLIC KEY", &keys::PUBLIC, &one), "a weak one"),
    ] {
        std::fs::write(path("wrong"), &wrong).unwrap();
        let error = PublicKey::read_file(&path("wrong")).unwrap_err().to_string();
        assert!(error.contains(says), "{wrong}: {error}");
    }
}

#[test]
fn the_signature_of_a_known_file_is_the_known_one() {
    // Ed25519 is deterministic: a changed message or format would show here.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, keys::pem("PRIVATE KEY", &keys::SECRET, &[7; 32])).unwrap();
    let text = signature(&sha256(&[b"abc"]), &SecretKey::read_file(&path).unwrap()).unwrap();
    // As `openssl pkeyutl -sign -rawin` signs the same two lines.
    let known = "7feb383b999c0d0e4a9d86a264e988ebe1c39e46e96acd6c79b8688a5988acdf\
                 e5c20eca2739611dda3a1626f4b79d77a6a26a95abeed7427d02bd4ef8892b00";
    assert!(text.contains(&format!(r#""signature":"{known}""#)), "{text}");
}
