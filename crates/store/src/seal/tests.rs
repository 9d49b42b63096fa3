//! Against files that age 0.12.1 wrote, and against damage.

use std::io::Write as _;

use proptest::prelude::*;

use super::stream::{CHUNK, TAG};
use super::*;

const SECRET: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

fn identity() -> Keys {
    Keys { passphrase: None, identities: vec![Identity::generate().unwrap(), SECRET.parse().unwrap()] }
}

fn passphrase(text: &str) -> Keys {
    Keys { passphrase: Some(Passphrase::new(text).unwrap()), identities: Vec::new() }
}

/// What the fixtures hold.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn sealed(lock: &Lock, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut sealer = seal(lock, &mut bytes).unwrap().unwrap();
    sealer.write_all(content).unwrap();
    sealer.finish().unwrap();
    bytes
}

fn to_recipient() -> Lock {
    Lock::Recipients(vec![Identity::generate().unwrap().recipient(), PUBLIC.parse().unwrap()])
}

fn refusal(bytes: &[u8], keys: &Keys) -> String {
    open(bytes, keys).unwrap_err().to_string()
}

#[test]
fn files_of_age_are_read() {
    for (bytes, length) in [
        (&include_bytes!("fixtures/recipients.age")[..], 1000),
        (include_bytes!("fixtures/empty.age"), 0),
        (include_bytes!("fixtures/chunks.age"), CHUNK + 1),
    ] {
        assert_eq!(open(bytes, &identity()).unwrap().unwrap(), pattern(length));
    }
    let bytes = include_bytes!("fixtures/passphrase.age");
    assert_eq!(open(bytes, &passphrase("correct horse")).unwrap().unwrap(), pattern(100));
}

#[test]
fn keys_are_those_of_age() {
    let identity: Identity = SECRET.parse().unwrap();
    assert_eq!(identity.recipient().to_string(), PUBLIC);
    assert_eq!(*identity.secret(), SECRET);
    assert_eq!(format!("{identity:?}"), format!("Identity(of {PUBLIC})"), "a secret is never shown");
    let long = SECRET.to_owned() + "Q";
    for wrong in ["", PUBLIC, &SECRET[1..], &SECRET.replace("PVQ2", "PVQ3"), &SECRET.replace('V', "v"), &long]
    {
        let error = wrong.parse::<Identity>().unwrap_err().to_string();
        assert!(
            error.contains("this is no identity") && (wrong.is_empty() || !error.contains(wrong)),
            "{error}"
        );
    }
    for wrong in
        ["", SECRET, "age1", &PUBLIC[..61], &PUBLIC.replace("vpy7pa", "vpy7pb"), &PUBLIC.replace('v', "V")]
    {
        assert!(wrong.parse::<Recipient>().unwrap_err().to_string().contains("is no recipient"), "{wrong}");
    }
}

#[test]
fn content_of_any_length_comes_back() {
    for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 5] {
        let bytes = sealed(&to_recipient(), &pattern(length));
        assert_eq!(open(&bytes, &identity()).unwrap().unwrap(), pattern(length), "{length}");
    }
    let lock = Lock::Passphrase(Passphrase::new("p\u{e4}ss").unwrap());
    let bytes = sealed(&lock, b"content");
    assert_eq!(open(&bytes, &passphrase("p\u{e4}ss")).unwrap().unwrap(), b"content");
    assert_ne!(sealed(&lock, b"content"), bytes, "each file has keys of its own");
    assert_eq!(open(b"plain", &identity()).unwrap(), None);
    assert!(seal(&Lock::Open, Vec::new()).unwrap().is_none());
    assert!(seal(&Lock::Recipients(Vec::new()), Vec::new()).is_err());
    assert!(Passphrase::new("").is_err());
}

#[test]
fn without_the_key_the_error_says_what_is_missing() {
    let bytes = sealed(&to_recipient(), b"content");
    assert_eq!(refusal(&bytes, &Keys::default()), "it is encrypted to 2 recipients; no identity was given");
    let stranger = Keys { passphrase: None, identities: vec![Identity::generate().unwrap()] };
    let says = "it is encrypted to 2 recipients, none of them among the 1 identities";
    assert_eq!(refusal(&bytes, &stranger), says);
    let bytes = sealed(&Lock::Passphrase(Passphrase::new("right").unwrap()), b"content");
    assert_eq!(refusal(&bytes, &identity()), "it is encrypted by a passphrase; none was given");
    assert_eq!(refusal(&bytes, &passphrase("wrong")), "the passphrase is wrong, or the header was changed");
}

#[test]
fn every_changed_byte_and_every_truncation_is_found() {
    let lock = Lock::Passphrase(Passphrase::new("right").unwrap());
    for (lock, keys) in [(to_recipient(), identity()), (lock, passphrase("right"))] {
        let whole = sealed(&lock, &pattern(50));
        for at in 0..whole.len() {
            for mask in [0x01, 0x20, 0x80, whole[at] ^ b'\n', whole[at] ^ b' '] {
                let mut bytes = whole.clone();
                bytes[at] ^= mask;
                if bytes != whole && is_sealed(&bytes) {
                    assert!(!refusal(&bytes, &keys).is_empty(), "byte {at}");
                }
            }
            if at >= MAGIC.len() {
                assert!(!refusal(&whole[..at], &keys).is_empty(), "cut at {at}");
            }
        }
        assert!(refusal(&[&*whole, b"x"].concat(), &keys).contains("was changed or cut off"));
    }
}

#[test]
fn chunks_cannot_be_cut_swapped_or_repeated() {
    let whole = sealed(&to_recipient(), &pattern(3 * CHUNK));
    let payload = whole.len() - 3 * (CHUNK + TAG);
    let chunk = |i: usize| &whole[payload + i * (CHUNK + TAG)..payload + (i + 1) * (CHUNK + TAG)];
    for order in [&[0, 1][..], &[0], &[1, 0, 2], &[0, 1, 1, 2], &[0, 2], &[0, 1, 2, 2], &[]] {
        let chunks: Vec<u8> = order.iter().flat_map(|&i| chunk(i).to_vec()).collect();
        let error = refusal(&[&whole[..payload], &chunks].concat(), &identity());
        assert!(error.contains("cut off"), "{order:?}: {error}");
    }
}

#[test]
fn a_header_that_asks_for_too_much_is_refused_at_once() {
    let header = |stanza: &str| {
        format!("age-encryption.org/v1\n{stanza}\n{}\n--- {}\n", "A".repeat(43), "A".repeat(43))
    };
    let salt = "A".repeat(22);
    let keys = passphrase("right");
    let refused = |stanza: &str| refusal(header(stanza).as_bytes(), &keys);
    assert!(refused(&format!("-> scrypt {salt} 63")).contains("2^63 steps of scrypt, at most 2^20"));
    assert!(refused(&format!("-> scrypt {salt} 21")).contains("2^21 steps of scrypt"));
    for work in ["0", "010", "+10", "256", "", "x"] {
        assert!(refused(&format!("-> scrypt {salt} {work}")).contains("damaged"), "{work}");
    }
    assert!(refused(&format!("-> scrypt {salt}")).contains("malformed"));
    assert!(
        refused(&format!("-> scrypt {salt} 10\n{0}\n-> scrypt {salt} 10", "A".repeat(43)))
            .contains("malformed")
    );
    let weak = format!("-> X25519 {}", "A".repeat(43));
    assert!(refusal(header(&weak).as_bytes(), &identity()).contains("that everybody can compute with"));
    let endless = [MAGIC, &b"-> x\n".repeat(100_000)].concat();
    assert!(refusal(&endless, &keys).contains("damaged"));
    let long_line = [MAGIC, &b"-> ".repeat(1_000_000)].concat();
    assert!(refusal(&long_line, &keys).contains("it has no end"));
}

#[test]
fn identities_are_kept_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("identity.txt");
    let identity = Identity::generate().unwrap();
    identity.write_file(&path).unwrap();
    assert_eq!(Identity::read_file(&path).unwrap()[0].secret(), identity.secret());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let error = Identity::generate().unwrap().write_file(&path).unwrap_err().to_string();
    assert!(error.contains("cannot be written"), "{error}");
    assert_eq!(
        Identity::read_file(&path).unwrap()[0].secret(),
        identity.secret(),
        "the old one is untouched"
    );
    let lines = format!("# a comment\n\n{SECRET}\n  {}\nnonsense\n", *identity.secret());
    std::fs::write(&path, &lines).unwrap();
    let error = Identity::read_file(&path).unwrap_err().to_string();
    assert!(error.contains("line 5") && !error.contains("nonsense"), "{error}");
    std::fs::write(&path, lines.replace("nonsense", "")).unwrap();
    assert_eq!(Identity::read_file(&path).unwrap().len(), 2);
    std::fs::write(&path, "# nothing\n").unwrap();
    assert!(Identity::read_file(&path).unwrap_err().to_string().contains("holds no identity"));
    std::fs::write(&path, "x".repeat(100_000)).unwrap();
    assert!(Identity::read_file(&path).unwrap_err().to_string().contains("more than 65536 bytes"));
}

proptest! {
    #[test]
    fn random_headers_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), text in "[-> X2519scrypt A\n]{0,200}") {
        for tail in [&bytes[..], text.as_bytes()] {
            prop_assert!(open(&[MAGIC, tail].concat(), &identity()).is_err());
        }
    }
}
