//! Torn, changed, foreign and hostile bytes: an error that says what, never a panic, never a large
//! allocation for a small file.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;

/// A file of this header and data whose digest is right: what somebody writes who means harm.
fn crafted(json: &str, data: &[u8]) -> Vec<u8> {
    let json = json.replace("DIGEST", &"0".repeat(DIGITS));
    let mut json = json.into_bytes();
    while !json.len().is_multiple_of(8) {
        json.push(b' ');
    }
    let mut file = [&(json.len() as u64).to_le_bytes(), &*json, data].concat();
    if file.len() > digest_range().end {
        let digest = sha256(&[&file]);
        file[digest_range()].copy_from_slice(digest.as_bytes());
    }
    file
}

/// The header of a file with these tensors.
fn with_tensors(tensors: &str) -> String {
    let comma = if tensors.is_empty() { "" } else { "," };
    format!(
        r#"{{"__metadata__":{{"digest":"DIGEST","format":"anygrad-checkpoint/1","label":"","meta":"null"}}{comma}{tensors}}}"#
    )
}

fn refusal(bytes: &[u8]) -> String {
    Checkpoint::from_bytes(bytes).unwrap_err().to_string()
}

#[test]
fn every_changed_byte_is_found() {
    let whole = small().to_bytes().unwrap();
    for at in 0..whole.len() {
        for mask in
            [0x01, 0x10, 0x20, 0x80, 0xff, whole[at] ^ b'"', whole[at] ^ b'0', whole[at] ^ b' ', whole[at]]
        {
            let mut bytes = whole.clone();
            bytes[at] ^= mask;
            if bytes == whole {
                continue;
            }
            let error = Checkpoint::from_bytes(&bytes).expect_err("a changed byte");
            assert!(!error.to_string().is_empty() && !error.is_internal(), "byte {at}: {error}");
        }
    }
}

#[test]
fn every_truncation_and_addition_is_found() {
    let whole = small().to_bytes().unwrap();
    for length in 0..whole.len() {
        let error = refusal(&whole[..length]);
        assert!(error.contains("cut off"), "{length} of {} bytes: {error}", whole.len());
    }
    for added in [&b"\0"[..], b" ", b"{}", &whole] {
        let error = refusal(&[&whole, added].concat());
        assert!(error.contains("something was added"), "{error}");
    }
}

#[test]
fn each_part_that_is_damaged_is_told() {
    let whole = small().to_bytes().unwrap();
    let head = head_length(&whole, whole.len() as u64).unwrap() as usize;
    let changed = |at: usize, byte: u8| {
        let mut bytes = whole.clone();
        bytes[at] = byte;
        refusal(&bytes)
    };
    assert!(changed(7, 0x7f).contains("at most 67108864 are supported"), "the length");
    for (length, says) in [
        (head - 16, "the header is no checkpoint's"),
        (head, "the header is no checkpoint's"),
        (whole.len(), "cut off"),
    ] {
        let bytes = [&(length as u64).to_le_bytes(), &whole[LENGTH..]].concat();
        assert!(refusal(&bytes).contains(says), "a header of {length}: {}", refusal(&bytes));
    }
    assert!(changed(LENGTH, b'[').contains("the header is no checkpoint's"), "the JSON");
    assert!(changed(digest_range().start, b'x').contains("its bytes were changed"), "the digest");
    for at in [head, head + 16, head + 24, head + 28, head + 30, head + 36, whole.len() - 1] {
        assert!(changed(at, whole[at] ^ 1).contains("its bytes were changed"), "tensor data at {at}");
    }
}

#[test]
fn a_header_that_lies_is_refused_though_its_digest_is_right() {
    let four = [0; 4];
    let good = r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    assert!(Checkpoint::from_bytes(&crafted(&with_tensors(good), &four)).is_ok(), "the frame of this test");
    for (tensors, says) in [
        (
            r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}"#,
            "bytes 0 to 4 are claimed, f32 [2] takes 0 to 8",
        ),
        (r#""a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}"#, "bytes 4 to 8 are claimed"),
        (r#""a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}"#, "bytes 4 to 0 are claimed"),
        (r#""a":{"dtype":"F32","shape":[1099511627776],"data_offsets":[0,4398046511104]}"#, "it was cut off"),
        (
            r#""a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}"#,
            "more elements than can be addressed",
        ),
        (
            r#""a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}"#,
            "the header is no checkpoint's",
        ),
        (r#""a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}"#, "the header is no checkpoint's"),
        (r#""a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}"#, "the header is no checkpoint's"),
        (
            r#""a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}"#,
            "at most 8 are supported",
        ),
        (r#""a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}"#, "the type \"F64\" is none of F32"),
        (r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0]}"#, "the header is no checkpoint's"),
        (r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":1}"#, "unknown field `more`"),
        (r#""a":{"dtype":"F32","shape":[1]}"#, "missing field `data_offsets`"),
        (
            r#""a":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#,
            "tensor \"a\": bytes 0 to 4 are claimed",
        ),
        (
            r#""b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#,
            "not written as anygrad writes it",
        ),
        (r#""a":{"shape":[1],"dtype":"F32","data_offsets":[0,4]}"#, "not written as anygrad writes it"),
        (r#""a":{"dtype":"F32", "shape":[1],"data_offsets":[0,4]}"#, "not written as anygrad writes it"),
        (r#""\u0061":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#, "not written as anygrad writes it"),
        (
            r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"I32","shape":[1],"data_offsets":[0,4]}"#,
            "the key \"a\" comes twice",
        ),
        (
            r#""a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"__metadata__":{"digest":"","format":"","label":"","meta":""}"#,
            "the key \"__metadata__\" comes twice",
        ),
    ] {
        let error = refusal(&crafted(&with_tensors(tensors), &four));
        assert!(error.contains(says), "{tensors}: {error}");
    }
    let many = (0..9).map(|i| {
        let (from, bytes) = (i * (1u64 << 48), 1u64 << 48);
        format!(
            r#""t{i}":{{"dtype":"BOOL","shape":[281474976710656],"data_offsets":[{from},{}]}}"#,
            from + bytes
        )
    });
    let error = refusal(&crafted(&with_tensors(&many.collect::<Vec<_>>().join(",")), &four));
    assert!(error.contains("it was cut off"), "{error}");
    let mask = r#""a":{"dtype":"BOOL","shape":[4],"data_offsets":[0,4]}"#;
    let error = refusal(&crafted(&with_tensors(mask), &[0, 1, 2, 0]));
    assert_eq!(error, "tensor \"a\": element 2 is 2, a truth value is 0 or 1");
}

#[test]
fn foreign_files_are_refused() {
    for (json, says) in [
        ("{}".to_owned(), "this is no checkpoint of anygrad"),
        (
            r#"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#.to_owned(),
            "this is no checkpoint of anygrad",
        ),
        (r#"{"__metadata__":{"format":"pt"}}"#.to_owned(), "missing field"),
        (with_tensors("").replace("point/1", "point/2"), "the format is \"anygrad-checkpoint/2\""),
        (with_tensors("").replace("null", "nul"), "the metadata is not JSON"),
        (with_tensors("").replace("null", &"[".repeat(100_000)), "the metadata is not JSON"),
        (format!("{{\"a\":{}", "[".repeat(100_000)), "the header is no checkpoint's"),
        (format!("{}        ", with_tensors("")), "not written as anygrad writes it"),
    ] {
        let error = refusal(&crafted(&json, &[]));
        assert!(error.contains(says), "{json:.80}: {error}");
    }
    for (bytes, says) in [
        (&b""[..], "0 bytes are too few"),
        (b"PK\x03\x04 a zip archive of pickles", "are supported"),
        (b"\x80\x02}q\x00X\x05\x00\x00\x00model", "are supported"),
        (&[0xff; 4096], "are supported"),
        (&[0; 4096], "the header is no checkpoint's"),
    ] {
        assert!(refusal(bytes).contains(says), "{}", refusal(bytes));
    }
}

#[test]
fn a_huge_claim_in_a_small_file_is_an_error_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.safetensors");
    let read = |path: &Path| Checkpoint::read(path, &Keys::default(), None).unwrap_err().to_string();
    for claim in [u64::MAX, 1 << 40, (64 << 20) + 1, 64 << 20, 1000] {
        std::fs::write(&path, [&claim.to_le_bytes()[..], b"{}      "].concat()).unwrap();
        let error = read(&path);
        assert!(error.starts_with(&format!("{}: a header of {claim} bytes", path.display())), "{error}");
    }
    // A file that is really 1 TiB long, of holes: no more of it is read than its header.
    let mut file = std::fs::File::create(&path).unwrap();
    file.write_all(&small().to_bytes().unwrap()).unwrap();
    file.set_len(1 << 40).unwrap();
    assert!(read(&path).contains("something was added"), "{}", read(&path));
    assert!(
        read(folder.path()).contains("cannot be read") || read(folder.path()).contains("not a regular file")
    );
    assert!(read(&folder.path().join("none")).contains("cannot be read"));
    #[cfg(target_os = "linux")]
    assert!(read(Path::new("/dev/zero")).contains("not a regular file"));
}

proptest! {
    #[test]
    fn random_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Checkpoint::from_bytes(&bytes).is_err());
        let framed = [&(bytes.len() as u64).to_le_bytes(), &*bytes].concat();
        prop_assert!(Checkpoint::from_bytes(&framed).is_err());
    }

    /// Damage with the digest put right again: an error, or what re-encodes to the same bytes.
    #[test]
    fn nothing_is_read_in_two_ways(at in 100usize..700, byte in any::<u8>(), cut in 0usize..40) {
        let whole = small().to_bytes().unwrap();
        let head = head_length(&whole, whole.len() as u64).unwrap() as usize;
        let mut json = whole[LENGTH..head].to_vec();
        json[digest_range().start - LENGTH..digest_range().end - LENGTH].fill(b'0');
        let place = at.min(json.len() - 1);
        json[place] = byte;
        let data = &whole[head..whole.len() - cut.min(39)];
        let mut file = [&(json.len() as u64).to_le_bytes(), &*json, data].concat();
        let digest = sha256(&[&file]);
        file[digest_range()].copy_from_slice(digest.as_bytes());
        if let Ok((label, checkpoint)) = Checkpoint::decode(&file) {
            let again = checkpoint.encode(&label).unwrap();
            let mut bytes = Vec::new();
            again.write(&mut bytes).unwrap();
            prop_assert_eq!(bytes, file);
        }
    }
}
